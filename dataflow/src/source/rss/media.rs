//! What an enclosure or a transcript is good for, judged by its declared type, else by its name.

/// How much an enclosure looks like the episode's audio.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    No,
    Video,
    Unknown,
    Audio,
}

impl Likeness {
    /// Judges by the type if it is telling, else by the extension.
    pub(super) fn of(media_type: Option<&str>, uri: &str) -> Self {
        const AUDIO: [&str; 13] =
            ["mp3", "m4a", "m4b", "aac", "ogg", "oga", "opus", "flac", "wav", "mp2", "mka", "aif", "aiff"];
        const VIDEO: [&str; 6] = ["mp4", "m4v", "mov", "webm", "mkv", "avi"];
        const OTHER: [&str; 12] =
            ["jpg", "jpeg", "png", "gif", "webp", "svg", "pdf", "epub", "html", "htm", "txt", "torrent"];
        match media_type.map(|kind| kind.trim().to_ascii_lowercase()) {
            Some(kind) if kind.starts_with("audio/") => return Self::Audio,
            Some(kind) if kind.starts_with("video/") => return Self::Video,
            Some(kind) if kind.starts_with("image/") || kind.starts_with("text/") || kind.ends_with("/pdf") => {
                return Self::No;
            }
            _ => {}
        }
        let extension = extension(uri);
        match extension.as_str() {
            known if AUDIO.contains(&known) => Self::Audio,
            known if VIDEO.contains(&known) => Self::Video,
            known if OTHER.contains(&known) => Self::No,
            _ => Self::Unknown,
        }
    }
}

/// The extension of a URI's path in lower case, query and fragment aside.
fn extension(uri: &str) -> String {
    let path = uri.split(['?', '#']).next().unwrap_or(uri);
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

/// 0 for the format that can time words, more for those that say less.
pub(super) fn usefulness(media_type: Option<&str>, uri: &str) -> u8 {
    let kind = media_type.unwrap_or_default().to_ascii_lowercase();
    let extension = extension(uri);
    let is = |part: &str, extensions: &[&str]| {
        kind.contains(part) || (kind.is_empty() && extensions.contains(&extension.as_str()))
    };
    if is("vtt", &["vtt"]) {
        0
    } else if is("json", &["json"]) {
        1
    } else if is("srt", &["srt"]) || kind.contains("subrip") {
        2
    } else if is("html", &["html", "htm"]) {
        3
    } else {
        4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_speaks_before_extension_and_extension_ignores_the_query() {
        assert!(Likeness::of(Some("Audio/MPEG"), "http://a.example/cover.jpg") == Likeness::Audio);
        assert!(Likeness::of(Some("application/octet-stream"), "http://a.example/x.MP3?y=.jpg") == Likeness::Audio);
        assert!(Likeness::of(None, "http://a.example/x.jpg#t.mp3") == Likeness::No);
        assert!(Likeness::of(None, "http://a.example/play/123") == Likeness::Unknown);
        assert!(Likeness::of(Some(""), "http://a.example/x.m4v") == Likeness::Video);
    }

    #[test]
    fn transcripts_that_can_time_words_come_first() {
        let order = ["text/vtt", "application/json", "application/x-subrip", "text/html", "text/plain"];
        let ranks: Vec<u8> = order.iter().map(|kind| usefulness(Some(kind), "t")).collect();
        assert_eq!(ranks, [0, 1, 2, 3, 4]);
        assert_eq!(usefulness(None, "a/t.VTT?x=1"), 0);
        assert_eq!(usefulness(Some("application/srt"), "t.vtt"), 2);
    }
}
