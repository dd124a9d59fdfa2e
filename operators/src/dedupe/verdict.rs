//! What dedupe says of an episode revision.

use serde::{Deserialize, Serialize};

use crate::record::EpisodeKey;

/// How two episodes were found to be the same; earlier levels cost less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The same enclosure address: known before a byte is fetched.
    Enclosure,
    /// The same bytes: known before decoding.
    Digest,
    /// The same sound: known before the models.
    Acoustic,
    /// The same words: known before the models.
    Transcript,
}

impl Level {
    /// Its name in outcomes and on the console.
    pub fn name(self) -> &'static str {
        match self {
            Level::Enclosure => "enclosure",
            Level::Digest => "digest",
            Level::Acoustic => "acoustic",
            Level::Transcript => "transcript",
        }
    }
}

/// Why an episode is tied to another. Of several the one to the canonical itself, then of the cheapest
/// level, then the closest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tie {
    /// By which rule.
    pub level: Level,
    /// Thousandths of the shorter one that are *not* shared, so that the least tie is the closest.
    pub apart: u16,
    /// The episode that it resembles: the canonical itself, or a link of the chain to it.
    pub to: EpisodeKey,
}

impl Tie {
    /// How alike the two are, 0 to 1.
    pub fn similarity(&self) -> f64 {
        1.0 - f64::from(self.apart) / 1000.0
    }
}

/// What is to become of an episode revision that is not to have a preview of its own. There is none
/// for a fresh one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// The same episode stands under another name.
    Duplicate {
        /// The earliest published of all that are the same, then the smallest id.
        of: EpisodeKey,
        /// What ties it to them.
        tie: Tie,
    },
    /// A later revision stands.
    Revised {
        /// That revision.
        by: u64,
    },
    /// The source took it back.
    Withdrawn,
}
