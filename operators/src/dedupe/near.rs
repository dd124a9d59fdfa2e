//! Near-duplicates: candidates by bands, then a comparison of the two.
//!
//! ```text
//! (member, likeness) ─▶ bands: with the least of each, unless popular ─▶ pairs that meet often enough
//!          └──────────────── both sides joined ──────────────────────────▶ compared ─▶ ties
//! ```
//! Each episode is compared with the least member of each of its bands, so candidates grow with the
//! bands of one episode and never with the size of a bucket. Copies of one episode share many bands,
//! and whichever of them is the least leads those that nobody else has.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::operators::ThresholdTotal;
use serde::{Deserialize, Serialize};

use super::bands::{Met, Tag, meet};
use super::exact::{Edge, KnownAt, Member};
use super::verdict::{Level, Tie};
use crate::record::EpisodeKey;

/// What an episode is compared by, as bytes of its own version's making: compact, and ordered so
/// that it may be kept in collections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Likeness {
    /// Keys that two of a kind share.
    pub bands: Arc<[u64]>,
    /// Keys of moments that different episodes share where they hold the same part; may be empty.
    pub moments: Arc<[u64]>,
    /// What `compare` reads.
    pub body: Arc<[u8]>,
}

/// A rule of near-duplicates.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its level.
    pub level: Level,
    /// Bands that two must have in common to be compared.
    pub meetings: isize,
    /// Thousandths of similarity where the two bodies are of the same episode, else nothing.
    pub compare: fn(&[u8], &[u8]) -> Option<u16>,
}

/// Found by one level: edges for the components, and each end's tie to the other.
pub struct Found<'s> {
    /// Two that were compared and are the same.
    pub edges: VecCollection<'s, KnownAt, Edge>,
    /// Of each end of an edge.
    pub ties: VecCollection<'s, KnownAt, (EpisodeKey, Tie)>,
    /// Bands left out for being popular.
    pub popular: VecCollection<'s, KnownAt, u64>,
}

/// The near-duplicates among members by a rule; each member is told with one likeness, and once.
pub fn near<'s>(likenesses: VecCollection<'s, KnownAt, (Member, Likeness)>, rule: Rule) -> Found<'s> {
    let tagged = likenesses.map(|(member, likeness)| (Tag::of(&member), member, likeness));
    let met = meet(tagged.clone().flat_map(|(tag, _member, likeness)| {
        let mut bands = likeness.bands.to_vec();
        bands.sort_unstable();
        bands.dedup();
        bands.into_iter().map(move |band| (band, tag))
    }));
    let popular = met.clone().flat_map(|met| match met {
        Met::Popular(band) => Some(band),
        Met::Pair(..) => None,
    });
    let pairs = met.flat_map(|met| match met {
        Met::Pair(tag, least) => Some((tag, least)),
        Met::Popular(_) => None,
    });
    let candidates = pairs.threshold_total(move |_pair, &met| isize::from(met >= rule.meetings));
    let by_tag = tagged.map(|(tag, member, likeness)| (tag, (member, likeness.body)));
    let by_tag = by_tag.arrange_by_key_named("likenesses");
    let alike = candidates.join_core(by_tag.clone(), |_tag, least, one| Some((*least, one.clone()))).join_core(
        by_tag,
        move |_least, (member, body), (least, other)| {
            (rule.compare)(body, other).map(|similarity| (member.clone(), least.clone(), similarity))
        },
    );
    let ties = alike.clone().flat_map(move |(member, least, similarity)| {
        let tie = |to: &Member| Tie { level: rule.level, apart: 1000 - similarity.min(1000), to: to.key.clone() };
        [(member.key.clone(), tie(&least)), (least.key.clone(), tie(&member))]
    });
    Found { edges: alike.map(|(member, least, _)| (member, least)), ties, popular }
}
