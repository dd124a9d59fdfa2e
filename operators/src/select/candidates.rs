//! Spans that could be the preview: from the beginning of a line to the end of a line.
//!
//! Invariant: there is always a candidate where there is a line, it lies inside the episode, and
//! `start < end`. Where no span fits the wanted lengths, the demands are lowered step by step; the
//! gates tell what was given up.

use super::features::Episode;
use super::rank;
use super::timeline::Timeline;
use super::weights::{Length, Weights};
use crate::record::finding::Dossier;
use crate::record::part::Claim;
use crate::units::Span;

/// Starts closer than this to the one before, and ends likewise, are one choice: a bound for files
/// with thousands of lines in a minute.
const START_STEP: f64 = 0.25;
const END_STEP: f64 = 0.5;

/// A span over whole lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// First line.
    pub first: usize,
    /// Last line, inclusive.
    pub last: usize,
    /// Start of the span, seconds.
    pub start: f64,
    /// End of the span, seconds.
    pub end: f64,
    /// Whether it is the whole episode, because that holds less than 15 s of speech.
    pub whole: bool,
}

impl Candidate {
    /// Its stretch of time.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }
}

/// What a candidate has to keep to.
struct Demand {
    shortest: f64,
    longest: f64,
    /// How far an edge may reach into a neighbouring line.
    edge: f64,
    /// Longest silence between two of its lines.
    gap: f64,
}

/// All candidates of a timeline. `speech` is how many seconds of it are speech, if a model said so.
pub(super) fn enumerate(timeline: &Timeline, speech: Option<f64>, weights: &Weights) -> Vec<Candidate> {
    let Some(last) = timeline.lines.len().checked_sub(1) else { return Vec::new() };
    let Length { shortest_candidate, longest_candidate, gate_from, gate_to, longest_gap, .. } = weights.length;
    let spoken = speech.unwrap_or_else(|| timeline.lines.iter().map(|line| line.end - line.start).sum());
    if spoken < gate_from && timeline.seconds <= gate_to {
        return vec![Candidate { first: 0, last, start: 0.0, end: timeline.seconds, whole: true }];
    }
    let edge = weights.gates.edge;
    let wanted = Demand { shortest: shortest_candidate, longest: longest_candidate, edge, gap: longest_gap };
    let demands = [
        Demand { ..wanted },
        Demand { shortest: gate_from, longest: gate_to, ..wanted },
        Demand { shortest: gate_from, longest: gate_to, gap: f64::INFINITY, ..wanted },
        Demand { shortest: gate_from, longest: gate_to, gap: f64::INFINITY, edge: f64::INFINITY },
    ];
    let found = demands.iter().map(|demand| spans(timeline, demand)).find(|found| !found.is_empty());
    found.unwrap_or_else(|| vec![longest_line(timeline, longest_candidate)])
}

fn spans(timeline: &Timeline, demand: &Demand) -> Vec<Candidate> {
    let lines = &timeline.lines;
    let pauses = timeline.pauses();
    let mut candidates = Vec::new();
    let mut last_start = f64::NEG_INFINITY;
    for first in 0..lines.len() {
        let start = lines[first].start;
        if -pauses[first] > demand.edge || start - last_start < START_STEP {
            continue;
        }
        last_start = start;
        let (mut end, mut last_end) = (start, f64::NEG_INFINITY);
        for last in first..lines.len() {
            if lines[last].start - start > demand.longest || (last > first && pauses[last] > demand.gap) {
                break;
            }
            end = end.max(lines[last].end);
            let length = end - start;
            let cut = lines.get(last + 1).map_or(f64::NEG_INFINITY, |next| end - next.start);
            let fits = length >= demand.shortest && length <= demand.longest && cut <= demand.edge;
            if fits && end - last_end >= END_STEP {
                last_end = end;
                candidates.push(Candidate { first, last, start, end, whole: false });
            }
        }
    }
    candidates
}

/// The last resort: the longest line, cut where it gets too long.
fn longest_line(timeline: &Timeline, longest: f64) -> Candidate {
    let length = |at: usize| timeline.lines[at].end - timeline.lines[at].start;
    let at = (1..timeline.lines.len()).fold(0, |best, at| if length(at) > length(best) { at } else { best });
    let line = &timeline.lines[at];
    Candidate { first: at, last: at, start: line.start, end: line.end.min(line.start + longest), whole: false }
}

/// Where a recogniser should listen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shortlist {
    /// At most 75 s each, best first, not overlapping, with their edges in pauses.
    pub spans: Vec<Span>,
    /// What was looked at to find them: if other episodes turn out to hold more or less of these, the
    /// list may be another.
    pub weighed: Vec<Span>,
}

/// For an episode without words: up to `n` spans that a recogniser should transcribe. Chosen from
/// speech, level, music, position and what other episodes hold; words that the dossier may have are
/// not looked at. Empty when nothing is heard.
pub fn shortlist(dossier: &Dossier, weights: &Weights, n: usize) -> Shortlist {
    let episode = Episode::without_words(dossier, weights);
    let ranked = rank::ranked(&episode, weights);
    let mut list = Shortlist::default();
    for best in &ranked {
        let span = best.candidate.span();
        if list.spans.len() == n {
            break;
        }
        let short = Span {
            end: crate::units::Seconds(span.end.0.min(span.start.0 + weights.length.longest_candidate)),
            ..span
        };
        if list.spans.iter().all(|other| other.overlap(short) == 0.0) {
            list.spans.push(short);
            list.weighed.push(span);
            if best.claim == Claim::Own {
                list.weighed.extend(rank::passed_over(&ranked, best));
            } else {
                list.weighed.extend(ranked.iter().map(|other| other.candidate.span()));
            }
        }
    }
    list.weighed.sort_by(|a, b| a.start.0.total_cmp(&b.start.0).then(a.end.0.total_cmp(&b.end.0)));
    list.weighed.dedup();
    list
}
