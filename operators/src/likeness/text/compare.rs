//! What two signatures say about two transcripts, and the rule that makes them one episode.

use serde::{Deserialize, Serialize};

use super::minima::LANES;
use super::signature::Signature;
use crate::fault::Fault;

/// One episode: at least this share of all shingles of the two is in both. Nine in ten words heard alike
/// give 0.49; the most that different real episodes of one show share is 0.03, and real show notes from one template 0.2.
pub const SAME_JACCARD: f64 = 0.3;
/// One episode: and at least this share of the shorter one's shingles is in the longer. Two short episodes
/// with the same intro, outro and adverts stay below it, if they have more than that to say.
pub const SAME_CONTAINMENT: f64 = 0.5;
/// One episode: and each has at least so many distinct shingles, some 40 seconds of talk. Whoever says
/// less says a standard phrase, or nothing ("thank you" over and over, where a recogniser met music).
pub const FEWEST_SHINGLES: u32 = 100;

/// How alike two transcripts are, estimated from their signatures. The standard error of `jaccard` is
/// at most 0.045.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// Shingles in both as a share of those in either, 0..=1. Nothing is like an empty transcript.
    pub jaccard: f64,
    /// Shingles in both as a share of the shorter one's, 0..=1.
    pub containment: f64,
    /// Distinct shingles of the shorter one.
    pub shorter: u32,
    /// Distinct shingles of the longer one.
    pub longer: u32,
}

/// Two signatures were made by code of different versions, and say nothing about each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signatures of version {first} and version {second} cannot be compared")]
pub struct VersionMismatch {
    /// Version of the first.
    pub first: u16,
    /// Version of the second.
    pub second: u16,
}

impl From<VersionMismatch> for Fault {
    fn from(mismatch: VersionMismatch) -> Self {
        let remedy = "make the signature with the older version again from the episode's transcript";
        Fault::poison("likeness", "version", mismatch.to_string(), remedy)
    }
}

/// Compares two transcripts; the order does not matter.
///
/// Errors: [`VersionMismatch`].
pub fn compare(a: &Signature, b: &Signature) -> Result<Similarity, VersionMismatch> {
    if a.version != b.version {
        return Err(VersionMismatch { first: a.version, second: b.version });
    }
    let (shorter, longer) = (a.shingles.min(b.shingles), a.shingles.max(b.shingles));
    if shorter == 0 {
        return Ok(Similarity { jaccard: 0.0, containment: 0.0, shorter, longer });
    }
    let pairs = a.minima.as_flattened().iter().zip(b.minima.as_flattened());
    let jaccard = pairs.filter(|(one, other)| one == other).count() as f64 / LANES as f64;
    // |A ∩ B| = J · |A ∪ B| and |A ∪ B| = |A| + |B| - |A ∩ B|.
    let shared = jaccard / (1.0 + jaccard) * (f64::from(shorter) + f64::from(longer));
    Ok(Similarity { jaccard, containment: (shared / f64::from(shorter)).min(1.0), shorter, longer })
}

/// Whether two transcripts are of one episode.
pub fn same_episode(similarity: &Similarity) -> bool {
    similarity.shorter >= FEWEST_SHINGLES
        && similarity.jaccard >= SAME_JACCARD
        && similarity.containment >= SAME_CONTAINMENT
}
