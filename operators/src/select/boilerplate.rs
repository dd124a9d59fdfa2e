//! What every episode of a show says: greetings, goodbyes, credits, calls to subscribe.
//!
//! A greeting counts anywhere: the lines that hold one are left out of previews. Whatever follows a
//! goodbye near the end is left out up to the end.
//!
//! Invariant: spans are unions of lines, in order, not overlapping.

use super::lexicon::{Found, Kind};
use super::timeline::Timeline;
use crate::units::Span;

/// The goodbye is looked for in the last tenth, at most the last three minutes.
const LAST_SHARE: f64 = 0.1;
const LAST_SECONDS: f64 = 180.0;
/// The stretches that read like intro, outro or credits.
pub(super) fn spans(timeline: &Timeline, found: &[Found]) -> Vec<Span> {
    let lines = &timeline.lines;
    let last = timeline.seconds - (timeline.seconds * LAST_SHARE).min(LAST_SECONDS);
    let mut marked = vec![false; lines.len()];
    let mut goodbyes = 0;
    for cue in found {
        let start = lines[cue.line].start;
        match cue.kind {
            Kind::Intro | Kind::Return => marked[cue.line] = true,
            Kind::Outro => {
                marked[cue.line] = true;
                goodbyes += usize::from(start >= last);
                if goodbyes >= 2 && start >= last {
                    marked[cue.line..].fill(true);
                }
            }
            _ => {}
        }
    }
    let mut spans: Vec<Span> = Vec::new();
    for line in lines.iter().zip(marked).filter_map(|(line, marked)| marked.then_some(line)) {
        match spans.last_mut() {
            Some(last) if line.start <= last.end.0 + 0.5 => last.end.0 = last.end.0.max(line.end),
            _ => spans.push(line.span()),
        }
    }
    spans
}
