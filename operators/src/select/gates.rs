//! The hard gates, and the verdict on the span that was chosen.
//!
//! Invariant: a gate that cannot be measured (no audio, no words) passes and says so in its limit;
//! what a caller does with a failed gate is the caller's policy.

use std::collections::BTreeMap;

use super::candidates::Candidate;
use super::features::Episode;
use super::sound::covered;
use super::weights::Weights;
use crate::record::outcome::{Gate, Selection};
use crate::record::part::{Weighed, forbidden_seconds};

/// How many gates there are.
const GATES: usize = 7;
/// The gate that alone depends on other episodes.
pub(super) const REPEATED: &str = "repeated";
/// Overlaps below this many seconds are rounding.
const NOTHING: f64 = 1e-6;

/// How far each edge of the chosen span may be moved to find silence, in seconds of the episode:
/// the start between the end of the word before and the first word, the end between the last word
/// and the start of the word after, neither by more than 0.25 s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutLimits {
    /// Earliest start.
    pub start_min: f64,
    /// Latest start: where the first word begins.
    pub start_max: f64,
    /// Earliest end: where the last word ends.
    pub end_min: f64,
    /// Latest end.
    pub end_max: f64,
}

/// The chosen span and what the gates say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Span, words, scores, gates.
    pub selection: Selection,
    /// Whether every gate passes.
    pub passes: bool,
    /// How far the cut may move its edges.
    pub cut_limits: CutLimits,
    /// What the choice rests on.
    pub weighed: Weighed,
}

/// Each gate's measurement: name, whether it passes, measured value if there was one, limit.
pub(super) struct Measured {
    pub name: &'static str,
    pub pass: bool,
    pub value: Option<f64>,
    limit: Limit,
}

enum Limit {
    Length { whole: bool },
    Edge,
    InPause,
    None(&'static str),
    Repeated,
    AtLeast(f64),
    AtMost(f64),
    Missing(&'static str),
}

/// Measures every gate on a candidate.
pub(super) fn measure(
    episode: &Episode,
    candidate: &Candidate,
    estimated: bool,
    weights: &Weights,
) -> [Measured; GATES] {
    let span = candidate.span();
    let gates = &weights.gates;
    let length = span.length();
    let fits = length >= weights.length.gate_from && length <= weights.length.gate_to;
    let whole = candidate.whole;
    let overlap = |name, spans, limit| {
        let seconds = covered(spans, span);
        let worded = episode.timeline.worded;
        let limit = if worded { Limit::None(limit) } else { Limit::Missing("no words") };
        Measured { name, pass: seconds <= NOTHING, value: worded.then_some(seconds), limit }
    };
    let repeated = forbidden_seconds(span, &episode.repeated);
    let speech = episode.sound.speech_share(span);
    let music = episode.sound.music_share(span);
    [
        Measured { name: "duration", pass: fits || whole, value: Some(length), limit: Limit::Length { whole } },
        edges(episode, candidate, estimated, gates.edge),
        overlap("adverts", &episode.adverts, "0 s of adverts"),
        overlap("boilerplate", &episode.boilerplate, "0 s of greetings, goodbyes and credits"),
        Measured {
            name: "speech_share",
            pass: speech.is_none_or(|share| share >= gates.speech_share),
            value: speech,
            limit: speech.map_or(Limit::Missing("no speech model"), |_| Limit::AtLeast(gates.speech_share)),
        },
        Measured {
            name: "music_share",
            pass: music.is_none_or(|share| share <= gates.music_share),
            value: music,
            limit: music.map_or(Limit::Missing("no music score"), |_| Limit::AtMost(gates.music_share)),
        },
        Measured {
            name: REPEATED,
            pass: repeated <= gates.repeated,
            value: episode.sounding.then_some(repeated),
            limit: if episode.sounding { Limit::Repeated } else { Limit::Missing("no audio") },
        },
    ]
}

/// How far the edges reach into neighbouring sentences. Estimated times say nothing of that: there
/// the edges have to lie in pauses that were heard.
fn edges(episode: &Episode, candidate: &Candidate, estimated: bool, most: f64) -> Measured {
    if estimated && episode.timeline.worded {
        let away = |at: f64| {
            let pause = episode.sound.nearest_pause(at)?;
            Some((pause.start.0 - at).max(at - pause.end.0).max(0.0))
        };
        let farther = away(candidate.start).zip(away(candidate.end)).map(|(a, b)| a.max(b));
        let pass = candidate.whole || farther.is_none_or(|away| away <= most);
        return Measured { name: "sentence_edges", pass, value: farther, limit: Limit::InPause };
    }
    let lines = &episode.timeline.lines;
    let before = episode.timeline.until[candidate.first];
    let after = lines.get(candidate.last + 1).map_or(f64::INFINITY, |line| line.start);
    let own_end = lines[candidate.first..=candidate.last].iter().map(|line| line.end).fold(0.0, f64::max);
    // A span that ends inside its own last line cuts that line.
    let cut =
        if own_end > candidate.end { (own_end - candidate.end).min(candidate.end - candidate.start) } else { 0.0 };
    let reach = (before - candidate.start).max(candidate.end - after).max(cut).max(0.0);
    let reach = if candidate.whole { 0.0 } else { reach };
    Measured { name: "sentence_edges", pass: reach <= most, value: Some(reach), limit: Limit::Edge }
}

/// The gates as the outcome shows them.
pub(super) fn shown(measured: [Measured; GATES], weights: &Weights) -> BTreeMap<String, Gate> {
    let gate = |Measured { name, pass, value, limit }: Measured| {
        let limit = match limit {
            Limit::Length { whole: true } => {
                format!("the whole episode: it holds less than {} s of speech", weights.length.gate_from)
            }
            Limit::Length { whole: false } => {
                format!("{} to {} s", weights.length.gate_from, weights.length.gate_to)
            }
            Limit::Edge => format!("<= {} s into a neighbouring sentence", weights.gates.edge),
            Limit::InPause => {
                format!("<= {} s from a pause (the transcript's times are estimated)", weights.gates.edge)
            }
            Limit::None(of) => of.to_owned(),
            Limit::Repeated => {
                format!("<= {} s of parts that other episodes hold too", weights.gates.repeated)
            }
            Limit::AtLeast(share) => format!(">= {share}"),
            Limit::AtMost(share) => format!("<= {share}"),
            Limit::Missing(what) => format!("not applicable: {what}"),
        };
        let measured = value.map(|value| (value * 1e4).round() / 1e4);
        (name.to_owned(), Gate { pass, measured, limit })
    };
    measured.into_iter().map(gate).collect()
}

/// How far the edges may move.
pub(super) fn cut_limits(episode: &Episode, candidate: &Candidate, most: f64) -> CutLimits {
    let lines = &episode.timeline.lines;
    let (start, end) = (candidate.start, candidate.end);
    let before = episode.timeline.until[candidate.first];
    let after = lines.get(candidate.last + 1).map_or(episode.timeline.seconds, |line| line.start);
    CutLimits {
        start_min: before.max(start - most).min(start).max(0.0),
        start_max: start,
        end_min: end,
        end_max: after.min(end + most).min(episode.timeline.seconds).max(end),
    }
}
