//! How a span is spoken: pace, fillers, silences, and whether its first ten seconds make one listen.

use super::candidates::Candidate;
use super::lexicon::{Found, Kind};
use super::sound::Sound;
use super::timeline::{Ending, Timeline};
use crate::units::Span;

/// A hook has to come within this many seconds.
const HOOK_SECONDS: f64 = 10.0;
/// Share of words that are fillers at which fluency is nil.
const ALL_FILLERS: f64 = 0.08;

/// Prefix sums over lines, and the hook of each possible first line.
pub(super) struct Delivery {
    words: Vec<u32>,
    fillers: Vec<u32>,
    hooks: Vec<f64>,
    /// Silences between lines from half a second up.
    gaps: Vec<Span>,
    worded: bool,
}

impl Delivery {
    /// Looks at every line once, and at the ten seconds after its start.
    pub fn of(timeline: &Timeline, found: &[Found]) -> Self {
        let lines = &timeline.lines;
        let mut fillers = vec![0; lines.len()];
        let question = |ending| if ending == Ending::Question { 0.5 } else { 0.0 };
        // The two strongest hooks of each line: a row of numbers is no better than two.
        let mut strongest: Vec<[f64; 2]> = lines.iter().map(|line| [question(line.ending), 0.0]).collect();
        for cue in found {
            match cue.kind {
                Kind::Filler => fillers[cue.line] += cue.length as u32,
                Kind::Hook => {
                    let [first, second] = &mut strongest[cue.line];
                    if cue.weight > *first {
                        (*first, *second) = (cue.weight, *first);
                    } else if cue.weight > *second {
                        *second = cue.weight;
                    }
                }
                _ => {}
            }
        }
        // Chance that a line does not hook.
        let cold: Vec<f64> = strongest.iter().map(|[first, second]| (1.0 - first) * (1.0 - second)).collect();
        let hooks = (0..lines.len()).map(|at| {
            let early = lines[at..].iter().take_while(|line| line.start < lines[at].start + HOOK_SECONDS);
            // More than a few lines in ten seconds say nothing more, and disorder must not cost time.
            1.0 - cold[at..].iter().zip(early).take(12).map(|(cold, _)| cold).product::<f64>()
        });
        let pauses = timeline.pauses();
        let gaps = lines.iter().zip(&pauses).filter(|(_, pause)| **pause >= 0.5);
        Self {
            hooks: hooks.collect(),
            gaps: gaps.map(|(line, pause)| Span::new(line.start - pause, line.start)).collect(),
            words: prefix(lines.iter().map(|line| line.words)),
            fillers: prefix(fillers.into_iter()),
            worded: timeline.worded,
        }
    }

    fn count(&self, sums: &[u32], candidate: &Candidate) -> f64 {
        f64::from(sums[candidate.last + 1] - sums[candidate.first])
    }

    /// Words per second: 1 between 2.0 and 3.6, the pace of lively talk; 0 below 0.8 and above 5.5.
    pub fn pace(&self, candidate: &Candidate) -> Option<f64> {
        let pace = self.count(&self.words, candidate) / candidate.span().length();
        self.worded.then(|| ((pace - 0.8) / 1.2).min((5.5 - pace) / 1.9).clamp(0.0, 1.0))
    }

    /// 1 without fillers, 0 when every twelfth word is one.
    pub fn fluency(&self, candidate: &Candidate) -> Option<f64> {
        let share = self.count(&self.fillers, candidate) / self.count(&self.words, candidate).max(1.0);
        self.worded.then(|| (1.0 - share / ALL_FILLERS).clamp(0.0, 1.0))
    }

    /// 1 when the longest silence is below 0.8 s, 0 from 4 s: by the speech model, else between
    /// sentences.
    pub fn flow(&self, candidate: &Candidate, sound: &Sound) -> f64 {
        let span = candidate.span();
        let longest = sound.longest_pause(span).unwrap_or_else(|| {
            let first = self.gaps.partition_point(|gap| gap.end.0 <= span.start.0);
            let inside = self.gaps[first..].iter().take_while(|gap| gap.start.0 < span.end.0);
            inside.map(|gap| gap.overlap(span)).fold(0.0, f64::max)
        });
        (1.0 - (longest - 0.8) / 3.2).clamp(0.0, 1.0)
    }

    /// Chance that something in the first ten seconds makes one listen: a question, a number, a
    /// contrast, a superlative, the beginning of a story.
    pub fn hook(&self, candidate: &Candidate) -> Option<f64> {
        self.worded.then(|| self.hooks[candidate.first])
    }
}

fn prefix(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut sums = vec![0_u32];
    let mut sum = 0_u32;
    for value in values {
        sum = sum.saturating_add(value);
        sums.push(sum);
    }
    sums
}
