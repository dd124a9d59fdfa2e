//! Where a URI leads: to files that may be meant, or to a web server.

use std::path::{Path, PathBuf};

use url::Url;

use super::STAGE;
use crate::Fault;

/// Longest URI that is looked at.
const LONGEST: usize = 8 * 1024;

/// Schemes that are told from paths with a colon in them even without `//`.
const SCHEMES: [&str; 14] = [
    "about",
    "blob",
    "cid",
    "data",
    "dict",
    "ftp",
    "gopher",
    "ipfs",
    "jar",
    "javascript",
    "ldap",
    "magnet",
    "mailto",
    "view-source",
];

/// Where a URI leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Files that may be meant, the likeliest first: the path as written, and with its `%20`
    /// decoded, as feeds write relative paths. Not checked yet.
    Files(Vec<PathBuf>),
    /// An http or https URL.
    Web(Url),
}

/// Where `uri` leads if it was written in a file that lies at `base`.
pub(super) fn locate(uri: &str, base: &str) -> Result<Place, Fault> {
    let uri = uri.trim();
    if uri.is_empty() || uri.len() > LONGEST || uri.contains(|c: char| c.is_control()) {
        return Err(bad_uri(uri));
    }
    match scheme(uri) {
        Some(scheme) if scheme == "http" || scheme == "https" => web(Url::parse(uri), uri),
        Some(scheme) if scheme == "file" => file(uri).map(|path| Place::Files(vec![path])),
        Some(_) => Err(bad_scheme(uri)),
        None => match scheme(base).as_deref() {
            Some("http" | "https") => web(Url::parse(base).and_then(|base| base.join(uri)), uri),
            Some("file") => file(base).map(|folder| Place::Files(spellings(&folder, uri))),
            _ => Ok(Place::Files(spellings(Path::new(base), uri))),
        },
    }
}

/// Where a redirect from `from` to `location` leads.
pub(super) fn redirected(from: &Url, location: &str) -> Result<Url, Fault> {
    let to = from.join(location.trim()).map_err(|_| bad_uri(location))?;
    if matches!(to.scheme(), "http" | "https") && to.has_host() { Ok(to) } else { Err(bad_scheme(location)) }
}

fn scheme(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(valid) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let known = SCHEMES.contains(&scheme.as_str()) || matches!(scheme.as_str(), "http" | "https" | "file");
    (known || rest.starts_with("//")).then_some(scheme)
}

fn web(url: Result<Url, url::ParseError>, uri: &str) -> Result<Place, Fault> {
    match url {
        Ok(url) if url.has_host() && url.port() != Some(0) => Ok(Place::Web(url)),
        _ => Err(bad_uri(uri)),
    }
}

fn file(uri: &str) -> Result<PathBuf, Fault> {
    let path = Url::parse(uri).ok().and_then(|url| url.to_file_path().ok());
    path.filter(|path| !path.as_os_str().as_encoded_bytes().contains(&0)).ok_or_else(|| bad_uri(uri))
}

fn spellings(folder: &Path, path: &str) -> Vec<PathBuf> {
    let mut spellings = vec![folder.join(path)];
    if path.contains('%') {
        let decoded = percent_decoded(path);
        if let Some(decoded) = decoded.filter(|decoded| decoded != path && !decoded.contains('\0')) {
            spellings.push(folder.join(decoded));
        }
    }
    spellings
}

/// `None` if the bytes that come out are no UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let digits = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let decoded = (*byte == b'%')
            .then(|| tail.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit)).and_then(digits))
            .flatten();
        bytes.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok()
}

/// A path's file name, if its extension tells a format of transcripts.
pub(super) fn telling_name(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let (_, extension) = name.rsplit_once('.')?;
    let known = ["vtt", "srt", "json", "html", "htm", "txt"];
    known.contains(&extension.to_ascii_lowercase().as_str()).then(|| name.to_owned())
}

/// The URL as it may be shown: without user, password, query and fragment, which hold the secrets
/// of private feeds, and not too long.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs without a host, which have no credentials either.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    let secret = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    let text: String = url.as_str().chars().take(200).collect();
    if secret { format!("{text}?...") } else { text }
}

/// A URI that is no URL, as it may be shown: its beginning, up to where secrets may begin.
fn shown_text(uri: &str) -> String {
    let uri = match uri.split_once("://") {
        // The last `@` ends the credentials, unless it stands in the path.
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            let from = host.rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[from..])
        }
        None => uri.to_owned(),
    };
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    format!("{:?}", uri[..end].chars().take(100).collect::<String>())
}

fn bad_uri(uri: &str) -> Fault {
    let message = format!("{} is neither a path nor a URL", shown_text(uri));
    Fault::poison(STAGE, "bad_uri", message, "write a path, or a whole http or https URL")
}

fn bad_scheme(uri: &str) -> Fault {
    let message = format!("{} has a scheme that is not fetched", shown_text(uri));
    Fault::poison(STAGE, "scheme", message, "give an http or https URL, or a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Place {
        Place::Files(paths.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn uris_lead_where_their_base_says() {
        let web = |url: &str| Place::Web(Url::parse(url).unwrap());
        let cases = [
            ("a.mp3", "/feeds", files(&["/feeds/a.mp3"])),
            ("a%20b.mp3", "/feeds", files(&["/feeds/a%20b.mp3", "/feeds/a b.mp3"])),
            ("100%.mp3", "/feeds", files(&["/feeds/100%.mp3"])),
            ("/audio/a.mp3", "/feeds", files(&["/audio/a.mp3"])),
            ("news: part 1.mp3", "/feeds", files(&["/feeds/news: part 1.mp3"])),
            ("a.mp3", "file:///feeds/x", files(&["/feeds/x/a.mp3"])),
            ("FILE:///audio/a%20b.mp3", "/feeds", files(&["/audio/a b.mp3"])),
            ("a.mp3", "https://h.example/p/feed.xml", web("https://h.example/p/a.mp3")),
            ("//o.example/a.mp3", "https://h.example/p/", web("https://o.example/a.mp3")),
            (" HTTPS://h.example/a ", "/feeds", web("https://h.example/a")),
        ];
        for (uri, base, place) in cases {
            assert_eq!(locate(uri, base), Ok(place), "{uri} at {base}");
        }
        for (uri, code) in [
            ("", "fetch.bad_uri"),
            ("a\0b", "fetch.bad_uri"),
            ("http://", "fetch.bad_uri"),
            ("http://h.example:0/", "fetch.bad_uri"),
            ("file://host.example/a", "fetch.bad_uri"),
            ("file:///a%00b", "fetch.bad_uri"),
            ("ftp://h.example/a", "fetch.scheme"),
            ("data:audio/mpeg;base64,AAAA", "fetch.scheme"),
            ("gopher://h.example/", "fetch.scheme"),
        ] {
            assert_eq!(locate(uri, "/feeds").unwrap_err().code, code, "{uri}");
        }
        assert_eq!(locate(&"a".repeat(9_000), "/feeds").unwrap_err().code, "fetch.bad_uri");
    }

    #[test]
    fn credentials_are_never_shown() {
        let url = Url::parse("https://user:secret@h.example/a.mp3?token=secret#secret").unwrap();
        assert_eq!(shown(&url), "https://h.example/a.mp3?...");
        for uri in [
            "ftp://user:secret@h.example/a?secret",
            "http://user:secret@/x#secret",
            "http://user:secret@h.example:99999/a",
        ] {
            let fault = locate(uri, "/").unwrap_err();
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
    }
}
