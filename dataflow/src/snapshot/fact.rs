//! What is kept.

use hark_operators::dedupe::exact::Key;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};
use serde::{Deserialize, Serialize};

use crate::dedupe::Told;
pub use crate::source::Positions;

/// Hash buckets of a snapshot: any number of readers up to this many take a share each.
pub const BUCKETS: usize = 256;

/// Something that became known of an episode.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// What a source announced.
    Announced(EpisodeId, Announced),
    /// Of the bytes of its audio.
    Digest(EpisodeKey, Key),
    /// How it sounds.
    Print(EpisodeKey, Likeness),
    /// What is said in it.
    Signature(EpisodeKey, Likeness),
}

impl From<Told> for Fact {
    fn from(told: Told) -> Self {
        match told {
            Told::Announced(id, announced) => Self::Announced(id, announced),
            Told::Digest(key, digest) => Self::Digest(key, digest),
            Told::Print(key, likeness) => Self::Print(key, likeness),
            Told::Signature(key, likeness) => Self::Signature(key, likeness),
        }
    }
}

impl From<Fact> for Told {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Announced(id, announced) => Self::Announced(id, announced),
            Fact::Digest(key, digest) => Self::Digest(key, digest),
            Fact::Print(key, likeness) => Self::Print(key, likeness),
            Fact::Signature(key, likeness) => Self::Signature(key, likeness),
        }
    }
}

impl Fact {
    /// The episode that it is about.
    pub fn episode(&self) -> &EpisodeId {
        match self {
            Self::Announced(id, _) => id,
            Self::Digest(key, _) | Self::Print(key, _) | Self::Signature(key, _) => &key.episode,
        }
    }

    /// The revision that it is about.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Announced(_, announced) => announced.revision,
            Self::Digest(key, _) | Self::Print(key, _) | Self::Signature(key, _) => key.revision,
        }
    }
}

/// What was true of the whole job when the facts so far held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Which start of the cluster wrote this; never falls.
    pub generation: u64,
    /// Sources are to be read on from here.
    pub positions: Positions,
    /// All is among the facts that was told before this time, in milliseconds since 1970 UTC.
    pub at: i64,
}

/// The bucket of an episode, below [`BUCKETS`]. Part of the format: it never changes.
///
/// It is the lowest byte of the hash by which dedupe's keeper is chosen, so that with 2^n readers a
/// fact is read where it is kept.
pub fn bucket(id: &EpisodeId) -> usize {
    usize::from(blake3::hash(id.as_str().as_bytes()).as_bytes()[0])
}
