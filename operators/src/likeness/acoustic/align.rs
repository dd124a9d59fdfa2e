//! What two prints share: spans, their sum, and the rule that makes them one episode.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::print::{Landmark, Print, UNITS_PER_SECOND};
use super::walk::{Pair, walk};
use crate::fault::Fault;
use crate::units::{Seconds, Span};

/// One episode: the shared part is at least this share of the shorter one. Two episodes of a show that
/// share intro, outro and every advert stay below it, if they have anything of their own to say.
pub const SAME_OF_SHORTER: f64 = 0.6;
/// One episode: and at least this share of the longer one. An excerpt published as a teaser, or the
/// parts of a compilation, stay below it.
pub const SAME_OF_LONGER: f64 = 0.4;
/// One episode: and at least this many seconds, for in less there is no evidence.
pub const SAME_SECONDS: f64 = 4.0;

/// Landmarks that must agree before a span is believed: two unrelated hours have some equal keys, but
/// no four agreeing ones in a row.
const AGREEING: usize = 4;
/// A key that would make more pairs than this is a loop or a drone: it says nothing about where.
const PAIRS_OF_ONE_KEY: usize = 64;
/// Near a file's edge there are no landmarks; a span that comes so near, in seconds, runs to the edge.
const BLIND: f64 = 2.0;
/// How far a span reaches beyond its last landmark at most, in seconds.
const BEYOND: f64 = 1.0;

/// A span that two episodes share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// Where it begins in the first.
    pub a_start: Seconds,
    /// Where it begins in the second.
    pub b_start: Seconds,
    /// How long it lasts (in the first: a copy at another tempo differs by so much).
    pub seconds: Seconds,
}

impl Shared {
    /// Where it lies in the first.
    pub fn in_a(&self) -> Span {
        Span { start: self.a_start, end: self.a_start + self.seconds }
    }

    /// Where it lies in the second.
    pub fn in_b(&self) -> Span {
        Span { start: self.b_start, end: self.b_start + self.seconds }
    }
}

/// Everything that two episodes share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// In the order of the first. What occurs twice in one of them is named twice.
    pub shared: Vec<Shared>,
    /// Seconds that are shared; of what occurs more often in one, the rarer count.
    pub overlap: Seconds,
    /// `overlap` as a share of the shorter episode, 0 to 1.
    pub of_shorter: f64,
    /// `overlap` as a share of the longer episode, 0 to 1.
    pub of_longer: f64,
}

/// Aligns two prints: every span of some three seconds and more that both hold. `align(b, a)` is
/// `align(a, b)` with the sides exchanged. Errors: prints of different versions (`likeness.version`).
pub fn align(a: &Print, b: &Print) -> Result<Alignment, Fault> {
    a.same_version(b)?;
    let exchanged = (b.landmarks().len(), b.landmarks()) < (a.landmarks().len(), a.landmarks());
    let (first, second) = if exchanged { (b, a) } else { (a, b) };
    let mut shared = spans(first, second);
    if exchanged {
        shared.iter_mut().for_each(|span| std::mem::swap(&mut span.a_start, &mut span.b_start));
    }
    shared.sort_by(|one, other| {
        (one.a_start.0, one.b_start.0).partial_cmp(&(other.a_start.0, other.b_start.0)).expect("finite")
    });
    let overlap = union(shared.iter().map(Shared::in_a)).min(union(shared.iter().map(Shared::in_b)));
    let share = |seconds: f64| if seconds > 0.0 { (overlap / seconds).min(1.0) } else { 0.0 };
    let (of_a, of_b) = (share(a.seconds().0), share(b.seconds().0));
    Ok(Alignment { shared, overlap: Seconds(overlap), of_shorter: of_a.max(of_b), of_longer: of_a.min(of_b) })
}

/// The rule: whether two episodes that share this are the same episode.
pub fn same_episode(alignment: &Alignment) -> bool {
    alignment.of_shorter >= SAME_OF_SHORTER
        && alignment.of_longer >= SAME_OF_LONGER
        && alignment.overlap.0 >= SAME_SECONDS
}

fn spans(a: &Print, b: &Print) -> Vec<Shared> {
    let mut known: HashSet<Pair> = HashSet::new();
    let mut spans = Vec::new();
    for seed in seeds(a.landmarks(), b.landmarks()) {
        if known.contains(&seed) {
            continue;
        }
        let pairs = walk(a.landmarks(), b.landmarks(), seed);
        let fresh = pairs.iter().filter(|&&pair| known.insert(pair)).count();
        if fresh >= AGREEING {
            spans.push(edges(a, b, pairs[0], pairs[pairs.len() - 1]));
        }
    }
    spans
}

/// Pairs of landmarks with equal keys, in the order of time.
fn seeds(a: &[Landmark], b: &[Landmark]) -> Vec<Pair> {
    let sorted = |landmarks: &[Landmark]| {
        let mut sorted: Vec<(u32, usize)> = landmarks.iter().enumerate().map(|(n, mark)| (mark.key, n)).collect();
        sorted.sort_unstable();
        sorted
    };
    let (a, b) = (sorted(a), sorted(b));
    let mut seeds = Vec::new();
    let mut rest = b.as_slice();
    for group in a.chunk_by(|one, other| one.0 == other.0) {
        let key = group[0].0;
        rest = &rest[rest.partition_point(|mark| mark.0 < key)..];
        let twins = &rest[..rest.partition_point(|mark| mark.0 == key)];
        if group.len() * twins.len() <= PAIRS_OF_ONE_KEY {
            seeds.extend(group.iter().flat_map(|mark| twins.iter().map(|twin| (mark.1, twin.1))));
        }
    }
    seeds.sort_unstable();
    seeds
}

/// From the first and the last agreeing pair to the span.
fn edges(a: &Print, b: &Print, first: Pair, last: Pair) -> Shared {
    let at = |print: &Print, n: usize| f64::from(print.landmarks()[n].at) / UNITS_PER_SECOND;
    let (a_start, b_start) = (at(a, first.0), at(b, first.1));
    let (a_end, b_end) = (at(a, last.0), at(b, last.1));
    let gap = |print: &Print, n: usize, next: Option<usize>| {
        let next = next.filter(|&next| next < print.landmarks().len());
        next.map(|next| (at(print, n) - at(print, next)).abs())
    };
    let differ = |pair: Pair| (a.landmarks()[pair.0].key ^ b.landmarks()[pair.1].key).count_ones();
    let before = beyond(
        differ(first),
        a_start.min(b_start),
        [gap(a, first.0, first.0.checked_sub(1)), gap(b, first.1, first.1.checked_sub(1))],
    );
    let after = beyond(
        differ(last),
        (a.seconds().0 - a_end).min(b.seconds().0 - b_end).max(0.0),
        [gap(a, last.0, Some(last.0 + 1)), gap(b, last.1, Some(last.1 + 1))],
    );
    Shared {
        a_start: Seconds(a_start - before),
        b_start: Seconds(b_start - before),
        seconds: Seconds(a_end - a_start + before + after),
    }
}

/// How far a span reaches beyond its last agreeing landmark: to the nearer edge of a file where nothing
/// speaks against it, else about half-way to the next landmark of either side, for that one disagrees.
/// But a key looks a second ahead: where it agrees in all signs, nearly so much is shared; each sign that
/// differs tells of foreign sound closer by.
fn beyond(differ: u32, to_edge: f64, gaps: [Option<f64>; 2]) -> f64 {
    let gap = gaps.into_iter().flatten().fold(f64::MAX, f64::min);
    let vouched = (0.9 - 0.1 * f64::from(differ)).max(0.4);
    if to_edge <= BLIND || to_edge < gap { to_edge } else { (gap / 2.0).clamp(vouched, BEYOND).min(to_edge) }
}

/// Seconds that at least one span covers.
fn union(spans: impl Iterator<Item = Span>) -> f64 {
    let mut spans: Vec<(f64, f64)> = spans.map(|span| (span.start.0, span.end.0)).collect();
    spans.sort_by(|one, other| one.partial_cmp(other).expect("finite"));
    let mut covered = 0.0;
    let mut reached = f64::MIN;
    for (start, end) in spans {
        covered += (end - start.max(reached)).max(0.0);
        reached = reached.max(end);
    }
    covered
}
