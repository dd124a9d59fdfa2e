//! The message that an announcement came in, byte by byte: what a dead letter gives back.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Marks an announcement that was asked for again: one that failed before is run once more.
pub const REPLAY: &str = "hark_replay";

/// A message of a topic as it was found there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Milliseconds since 1970 UTC at which it was produced, if the broker knows.
    pub timestamp_ms: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` of a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers, in their order; names may occur twice.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Origin {
    /// `topic/partition@offset`, which no other message is called.
    pub fn place(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }

    /// The last header of that name as text, if it is one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().rev().find(|(found, _)| found == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }

    /// Whether it was asked for again.
    pub fn is_replay(&self) -> bool {
        self.header(REPLAY).is_some()
    }
}

/// Contents are foreign and may be large: only where they lie is shown.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.place())
    }
}
