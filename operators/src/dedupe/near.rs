//! Near-duplicates: candidates by bands, then a comparison of the two.
//!
//! ```text
//! (member, likeness) ─ bands ─ popular ones left out ─ least of each band ─▶ pairs that meet often enough
//!          └──────────────── both sides joined ────────────────────────────────▶ compared ─▶ ties
//! ```
//! Each episode is compared with the least member of each of its bands, so candidates grow with the
//! bands of one episode and never with the size of a bucket. Copies of one episode share many bands,
//! and whichever of them is the least leads those that nobody else has.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::operators::ThresholdTotal;
use serde::{Deserialize, Serialize};

use super::exact::{Edge, KnownAt, Member};
use super::verdict::{Level, Tie};
use crate::record::EpisodeKey;

/// A band with more members than this says nothing: silence, hold music, a network's jingle.
pub const POPULAR: isize = 64;

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
pub(super) struct Found<'s> {
    pub(super) edges: VecCollection<'s, KnownAt, Edge>,
    pub(super) ties: VecCollection<'s, KnownAt, (EpisodeKey, Tie)>,
    /// Bands left out for being popular.
    pub(super) popular: VecCollection<'s, KnownAt, u64>,
}

/// The near-duplicates among members by a rule; each has one likeness.
pub(super) fn near<'s>(likenesses: VecCollection<'s, KnownAt, (Member, Likeness)>, rule: Rule) -> Found<'s> {
    let banded = likenesses
        .clone()
        .flat_map(|(member, likeness)| (0..likeness.bands.len()).map(move |at| (likeness.bands[at], member.clone())));
    let popular =
        banded.clone().map(|(band, _)| band).threshold_total(|_band, &members| isize::from(members > POPULAR));
    let pairs = banded.antijoin(popular.clone()).reduce(|_band, members, pairs| {
        let least = members[0].0;
        pairs.extend(members[1..].iter().map(|(member, _)| (((*member).clone(), least.clone()), 1)));
    });
    let candidates =
        pairs.map(|(_band, pair)| pair).threshold_total(move |_pair, &met| isize::from(met >= rule.meetings));
    let by_member = likenesses.map(|(member, likeness)| (member, likeness.body)).arrange_by_key_named("likenesses");
    let alike = candidates
        .join_core(by_member.clone(), |member, least, body| Some((least.clone(), (member.clone(), body.clone()))))
        .join_core(by_member, move |least, (member, body), other| {
            (rule.compare)(body, other).map(|similarity| (member.clone(), least.clone(), similarity))
        });
    let ties = alike.clone().flat_map(move |(member, least, similarity)| {
        let tie = |to: &Member| Tie { level: rule.level, apart: 1000 - similarity.min(1000), to: to.key.clone() };
        [(member.key.clone(), tie(&least)), (least.key.clone(), tie(&member))]
    });
    Found { edges: alike.map(|(member, least, _)| (member, least)), ties, popular }
}
