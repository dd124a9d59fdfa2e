//! Sentences to passages: what a language model reads at once.

use std::sync::Arc;

use super::tokens;
use crate::record::EpisodeKey;
use crate::record::piece::{Passage, Sentence};

/// A passage ends before it would grow beyond this many seconds or words.
const MOST_SECONDS: f64 = 25.0;
const MOST_WORDS: f64 = 90.0;
/// From this many seconds or words on, a passage may end where the speaker changes or pauses.
const FEW_SECONDS: f64 = 15.0;
const FEW_WORDS: f64 = 45.0;
/// A pause between sentences that is a place to end, in seconds.
const PAUSE: f64 = 1.0;
/// A last passage of fewer words joins the one before it.
const RUMP: f64 = 12.0;

/// Groups sentences in order; every sentence is in exactly one passage.
pub fn passages(key: &Arc<EpisodeKey>, sentences: &[Sentence]) -> Vec<Passage> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let (mut first, mut words) = (0, 0.0);
    for (at, sentence) in sentences.iter().enumerate() {
        let more = heft(sentence);
        if at > first {
            let before = &sentences[at - 1];
            let held = before.span.end.0 - sentences[first].span.start.0;
            let full = words + more > MOST_WORDS || sentence.span.end.0 - sentences[first].span.start.0 > MOST_SECONDS;
            let enough = words >= FEW_WORDS || held >= FEW_SECONDS;
            let seam = before.speaker != sentence.speaker || sentence.span.start.0 - before.span.end.0 > PAUSE;
            if full || enough && seam {
                ranges.push((first, at));
                (first, words) = (at, 0.0);
            }
        }
        words += more;
    }
    if first < sentences.len() {
        match ranges.last_mut() {
            Some(last) if words < RUMP => last.1 = sentences.len(),
            _ => ranges.push((first, sentences.len())),
        }
    }
    let index = |at: usize| u32::try_from(at).expect("a transcript has at most 250,000 words");
    let passage = |(at, (from, to)): (usize, (usize, usize))| {
        let texts: Vec<&str> = sentences[from..to].iter().map(|sentence| sentence.text.as_str()).collect();
        Passage { key: key.clone(), index: index(at), sentences: (index(from), index(to)), text: texts.join(" ") }
    };
    ranges.into_iter().enumerate().map(passage).collect()
}

fn heft(sentence: &Sentence) -> f64 {
    sentence.words.iter().map(|word| tokens::heft(&word.text)).sum()
}
