//! Where a bucket is: its own name and prefix, and the server that has it.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::BucketError;

/// `s3://BUCKET/PREFIX`; the prefix may be left out.
///
/// Invariant: neither part has a letter that a URI would have to escape, so that an address is the same
/// wherever it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    bucket: String,
    prefix: String,
}

impl Address {
    /// Whether a word means the address of some store, rather than a folder.
    pub fn is_meant(text: &str) -> bool {
        text.contains("://")
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Without a slash at its ends; empty if there is none.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The address of `name` below this one, of this one itself where it is empty.
    pub fn uri(&self, name: &str) -> String {
        let parts = [self.bucket.as_str(), &self.prefix, name];
        format!("s3://{}", parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
    }
}

impl FromStr for Address {
    type Err = BucketError;

    fn from_str(text: &str) -> Result<Self, BucketError> {
        // The text is not repeated: somebody may have put a key in front of the bucket.
        let wrong = |detail: &str| BucketError::Address { detail: detail.to_owned() };
        let rest = text.strip_prefix("s3://").ok_or_else(|| wrong("it does not begin with s3://"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let names = |letter: u8, more: &[u8]| letter.is_ascii_alphanumeric() || more.contains(&letter);
        if bucket.contains(['@', ':']) {
            return Err(wrong("it holds a user or a port; credentials and server are told otherwise"));
        }
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(|letter| names(letter, b".-_")) {
            return Err(wrong("the bucket is no name of 3 to 63 letters, digits, dots and lines"));
        }
        let prefix = prefix.trim_matches('/');
        if !prefix.bytes().all(|letter| names(letter, b"/!-_.*'()")) {
            return Err(wrong("the prefix holds other characters than letters, digits and !-_.*'()/"));
        }
        if !prefix.is_empty() && prefix.split('/').any(|step| matches!(step, "" | "." | "..")) {
            return Err(wrong("the prefix holds an empty step, or one of dots"));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// A server that speaks S3: `https://HOST` or `http://HOST:PORT`, buckets named in the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// That of a region of AWS.
    pub(super) fn of_aws(region: &str) -> Self {
        Self(format!("https://s3.{region}.amazonaws.com"))
    }

    /// Whether the connection is not encrypted.
    pub(super) fn is_plain(&self) -> bool {
        self.0.starts_with("http://")
    }
}

impl FromStr for Endpoint {
    type Err = BucketError;

    fn from_str(text: &str) -> Result<Self, BucketError> {
        let wrong = |detail: &str| BucketError::Endpoint { detail: detail.to_owned() };
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("it does not begin with http:// or https:// and a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user or a password; credentials are told otherwise"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it holds more than a host, a port and a path"));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_bucket_and_perhaps_a_prefix() {
        let parts = |text: &str| text.parse::<Address>().map(|address| (address.bucket, address.prefix)).ok();
        let pair = |bucket: &str, prefix: &str| Some((bucket.to_owned(), prefix.to_owned()));
        assert_eq!(parts("s3://clips"), pair("clips", ""));
        assert_eq!(parts("s3://clips/"), pair("clips", ""));
        assert_eq!(parts("s3://clips.example-1/a/b_c/"), pair("clips.example-1", "a/b_c"));
        for wrong in
            ["clips", "https://clips/x", "s3://", "s3://ab", "s3://clips/a//b", "s3://clips/../x", "s3://clips/ü"]
        {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
        let address: Address = "s3://clips/a".parse().unwrap();
        assert_eq!((address.uri("x/y").as_str(), address.uri("").as_str()), ("s3://clips/a/x/y", "s3://clips/a"));
    }

    #[test]
    fn a_key_that_stands_in_an_address_is_not_repeated() {
        for address in ["s3://AKIA:hunter2@clips/x", "s3:/AKIA:hunter2@clips/x", "http://AKIA:hunter2@clips/x"] {
            let error = address.parse::<Address>().unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.contains("s3://BUCKET/PREFIX"), "{error}");
        }
        let error = "https://AKIA:hunter2@store.example".parse::<Endpoint>().unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("--objects-endpoint"), "{error}");
    }

    #[test]
    fn an_endpoint_says_how_it_is_spoken_to() {
        let shown = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()).ok();
        assert_eq!(shown("http://minio:9000/").as_deref(), Some("http://minio:9000"));
        assert_eq!(shown("https://store.example/s3").as_deref(), Some("https://store.example/s3"));
        for wrong in ["minio:9000", "minio", "ftp://minio", "https://minio/?x=1"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
