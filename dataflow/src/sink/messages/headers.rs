//! Headers after CloudEvents 1.0, binary mode.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::outbox::Named;

/// What kind of event a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An episode to make a preview of.
    Announcement,
    /// A preview.
    Preview,
    /// There is no preview any more, or none.
    Withdrawn,
    /// How an episode revision ended.
    Outcome,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Announcement => "hark.announcement",
            Self::Preview => "hark.preview",
            Self::Withdrawn => "hark.preview.withdrawn",
            Self::Outcome => "hark.outcome",
        }
    }
}

/// The headers of an event. Its id derives from what it says, so that a repeat has the same.
pub fn event(kind: Kind, source: &str, (key, revision): (&str, u64), value: Option<&[u8]>) -> Vec<Named> {
    let mut hash = Sha256::new();
    for part in [kind.name().as_bytes(), key.as_bytes(), &revision.to_le_bytes(), value.unwrap_or_default()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let id = hex::encode(&hash.finalize()[..16]);
    vec![
        named("ce_specversion", "1.0"),
        named("ce_id", &id),
        named("ce_source", source),
        named("ce_type", kind.name()),
        named("content-type", "application/json"),
    ]
}

/// A header of text.
pub(super) fn named(name: &str, value: &str) -> Named {
    (name.to_owned(), Some(value.as_bytes().to_vec()))
}

/// RFC 3339 of seconds since 1970.
pub(super) fn time(seconds: f64) -> String {
    Timestamp::from_millisecond((seconds * 1000.0) as i64).unwrap_or_default().to_string()
}
