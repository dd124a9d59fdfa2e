//! Whether a span can be understood by somebody who hears nothing else: how it opens, how it
//! closes, and whether it keeps to one matter.
//!
//! Invariant: what a transcript does not mark (no capitals, no full stops, no speakers) is not held
//! against any of its lines.

use super::candidates::Candidate;
use super::lexicon::{Found, Kind};
use super::text::Text;
use super::timeline::{Ending, Timeline};

/// A pause this long sounds like a new paragraph.
const PARAGRAPH: f64 = 0.6;
/// How many content-bearing lines back a matter is remembered.
const MEMORY: usize = 3;
/// Share of lines tied to one before that makes a span fully coherent.
const FULLY_TIED: f64 = 0.8;

/// Per line: how well a span that begins or ends with it stands alone.
pub(super) struct Contained {
    opening: Vec<f64>,
    closing: Vec<f64>,
    /// Prefix sums: words in lines that share a content word with one just before; words in all
    /// content-bearing lines.
    tied: Vec<f64>,
    content: Vec<f64>,
    worded: bool,
}

/// What a line leans on, by the phrases at its beginning.
#[derive(Clone, Copy, Default)]
struct Leaning {
    connective: f64,
    pronoun: f64,
    response: f64,
}

impl Contained {
    /// Looks at every line once.
    pub fn of(timeline: &Timeline, text: &Text, found: &[Found]) -> Self {
        let leanings = leanings(timeline, text, found);
        let pauses = timeline.pauses();
        let count = timeline.lines.len();
        let share = |marked: usize| marked as f64 / count.max(1) as f64;
        let capitals = share(timeline.lines.iter().filter(|line| line.continues).count()) < 0.3;
        let stops = share(timeline.lines.iter().filter(|line| line.ending == Ending::Open).count()) < 0.5;
        let style = Style { capitals, stops };
        let (tied, content) = ties(timeline, text);
        Self {
            opening: (0..count).map(|at| opening(timeline, at, leanings[at], &pauses, style)).collect(),
            closing: (0..count).map(|at| closing(timeline, at, &leanings, &pauses, style)).collect(),
            tied,
            content,
            worded: timeline.worded,
        }
    }

    /// Harmonic mean of opening and closing, 0..=1: one bad edge spoils the span.
    pub fn within(&self, candidate: &Candidate) -> f64 {
        let (open, close) = (self.opening[candidate.first], self.closing[candidate.last]);
        if open + close > 0.0 { 2.0 * open * close / (open + close) } else { 0.0 }
    }

    /// How far the lines are tied to those before them by shared content words, 0..=1; `None`
    /// without words.
    pub fn coherence(&self, candidate: &Candidate) -> Option<f64> {
        let content = self.content[candidate.last + 1] - self.content[candidate.first];
        let tied = self.tied[candidate.last + 1] - self.tied[candidate.first];
        (self.worded && content > 0.0).then(|| (tied / content / FULLY_TIED).min(1.0))
    }
}

/// Which marks a transcript uses at all.
#[derive(Clone, Copy)]
struct Style {
    capitals: bool,
    stops: bool,
}

fn leanings(timeline: &Timeline, text: &Text, found: &[Found]) -> Vec<Leaning> {
    let mut leanings = vec![Leaning::default(); timeline.lines.len()];
    for cue in found {
        let place = cue.token - text.first[cue.line];
        let leaning = &mut leanings[cue.line];
        match cue.kind {
            Kind::Connective if place == 0 => leaning.connective = leaning.connective.max(cue.weight),
            Kind::Response if place == 0 => leaning.response = leaning.response.max(cue.weight),
            Kind::Pronoun if place == 0 => leaning.pronoun = leaning.pronoun.max(cue.weight),
            Kind::Pronoun if place <= 3 => leaning.pronoun = leaning.pronoun.max(0.6 * cue.weight),
            _ => {}
        }
    }
    leanings
}

fn opening(timeline: &Timeline, at: usize, leaning: Leaning, pauses: &[f64], style: Style) -> f64 {
    let line = &timeline.lines[at];
    let before = at.checked_sub(1).map(|at| &timeline.lines[at]);
    let mut score = 0.8;
    score -= 0.45 * leaning.connective + 0.4 * leaning.pronoun + 0.5 * leaning.response;
    if style.capitals && line.continues {
        score -= 0.4;
    }
    if timeline.worded && line.words < 4 {
        score -= 0.2;
    }
    match before.map(|line| line.ending) {
        Some(Ending::Question) => score -= 0.3,
        Some(Ending::Open) if style.stops => score -= 0.4,
        _ => {}
    }
    if before.is_none_or(|before| before.speaker != line.speaker) {
        score += 0.1;
    }
    score += 0.1 * (pauses[at] / PARAGRAPH).clamp(0.0, 1.0);
    score.clamp(0.0, 1.0)
}

fn closing(timeline: &Timeline, at: usize, leanings: &[Leaning], pauses: &[f64], style: Style) -> f64 {
    let line = &timeline.lines[at];
    let before = at.checked_sub(1).map(|at| &timeline.lines[at]);
    let mut score: f64 = 0.75;
    match line.ending {
        Ending::Question => score -= 0.6,
        Ending::Open if style.stops => score -= 0.5,
        _ => {}
    }
    if timeline.worded && line.words < 4 {
        score -= 0.15;
        // "Why?" "Yeah." is no answer.
        if before.is_some_and(|before| before.ending == Ending::Question) {
            score -= 0.25;
        }
    }
    let Some(after) = timeline.lines.get(at + 1) else { return score.clamp(0.0, 1.0) };
    if after.speaker != line.speaker {
        score += 0.1;
    }
    score -= 0.15 * leanings[at + 1].connective;
    score += 0.15 * (pauses[at + 1] / PARAGRAPH).clamp(0.0, 1.0);
    score.clamp(0.0, 1.0)
}

/// Prefix sums of tied and of content-bearing words.
fn ties(timeline: &Timeline, text: &Text) -> (Vec<f64>, Vec<f64>) {
    let (mut tied, mut content) = (vec![0.0], vec![0.0]);
    let (mut tied_sum, mut content_sum) = (0.0, 0.0);
    let mut last_in = vec![usize::MAX; text.vocabulary.len()];
    let mut bearing = 0;
    for line in 0..timeline.lines.len() {
        let roots: Vec<u32> = text.line(line).filter_map(|token| text.content_root(token)).collect();
        if !roots.is_empty() {
            let words = text.line(line).len() as f64;
            let recent = |root: &u32| last_in[*root as usize].checked_add(MEMORY).is_some_and(|until| until >= bearing);
            content_sum += words;
            tied_sum += if roots.iter().any(recent) { words } else { 0.0 };
            roots.iter().for_each(|root| last_in[*root as usize] = bearing);
            bearing += 1;
        }
        tied.push(tied_sum);
        content.push(content_sum);
    }
    (tied, content)
}
