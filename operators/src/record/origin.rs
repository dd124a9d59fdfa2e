//! The message that an announcement came in, byte by byte: what a dead letter gives back.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Marks an announcement that is made once more, and says what of it is run once more: `before=` and
/// milliseconds since 1970 UTC, or anything else, which means what failed.
pub const REPLAY: &str = "hark_replay";

/// What is run once more of an announcement that is made once more.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Again {
    /// Nothing: it was not asked for.
    #[default]
    No,
    /// What failed.
    Failed,
    /// What came to a preview or failed before this time, in milliseconds since 1970 UTC. So a message that
    /// comes twice finds its work done.
    Before(i64),
}

impl Again {
    /// The value of the header that asks for it.
    pub fn spelled(self) -> Option<String> {
        match self {
            Self::No => None,
            Self::Failed => Some("1".to_owned()),
            Self::Before(time) => Some(format!("before={time}")),
        }
    }

    /// Whether it asks for an episode that failed, or came to a preview, at this time in seconds.
    pub fn asks_for(self, failed: bool, at: f64) -> bool {
        match self {
            Self::No => false,
            Self::Failed => failed,
            Self::Before(time) => at * 1000.0 < time as f64,
        }
    }
}

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

    /// What is to be run once more of it.
    pub fn again(&self) -> Again {
        let Some(asked) = self.header(REPLAY) else { return Again::No };
        asked.strip_prefix("before=").and_then(|time| time.parse().ok()).map_or(Again::Failed, Again::Before)
    }
}

/// Contents are foreign and may be large: only where they lie is shown.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(replay: Option<String>) -> Origin {
        let headers = replay.map(|value| (REPLAY.to_owned(), Some(value.into_bytes()))).into_iter().collect();
        let topic = "ann".to_owned();
        Origin { topic, partition: 0, offset: 0, timestamp_ms: None, key: None, value: None, headers }
    }

    #[test]
    fn what_is_asked_for_once_more_survives_its_header_and_what_is_done_since_is_not_asked_for() {
        for again in [Again::No, Again::Failed, Again::Before(1_000)] {
            assert_eq!(origin(again.spelled()).again(), again);
        }
        assert_eq!(origin(Some("before=soon".to_owned())).again(), Again::Failed);
        let asked =
            |again: Again| [(true, 0.5), (false, 0.5), (false, 1.5)].map(|(failed, at)| again.asks_for(failed, at));
        assert_eq!(asked(Again::No), [false, false, false]);
        assert_eq!(asked(Again::Failed), [true, false, false]);
        assert_eq!(asked(Again::Before(1_000)), [true, true, false]);
    }
}
