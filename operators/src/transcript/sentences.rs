//! Segments to sentences: at stops, where the speaker changes, at long pauses, and, where speech
//! has no marks, at the best place before it grows too long.
//!
//! Invariant: the sentences hold every word of the segments exactly once, sorted by start.

use super::{Segment, Transcript, stops, tokens};
use crate::record::piece::{Sentence, Timing, Word};
use crate::units::Span;

/// Longest sentence in words, where the speech has stops.
const LONGEST: f64 = 45.0;
/// Longest sentence in words, where it has none.
const LONGEST_UNMARKED: f64 = 30.0;
/// Pauses that end a sentence, in seconds: between words with times of their own, between
/// segments, and in speech without stops.
const PAUSE: f64 = 1.6;
const PAUSE_BETWEEN: f64 = 2.0;
const PAUSE_UNMARKED: f64 = 0.7;
/// Fewer stops per word than this, and the speech counts as having none.
const UNMARKED: f64 = 1.0 / 80.0;

/// How a transcript writes its sentences.
struct Habits {
    /// Sentences begin without capitals.
    lowercase: bool,
    longest: f64,
    /// A pause after a word inside a segment that ends a sentence.
    pause: f64,
    /// A pause between segments that ends a sentence.
    pause_between: f64,
    /// Segments are paragraphs, which end sentences.
    paragraphs: bool,
}

/// A word in its place.
struct Placed<'t> {
    word: &'t Word,
    segment: usize,
    /// Whether a space stands before it in the text.
    spaced: bool,
}

/// Divides a transcript into sentences. Inside a segment of a transcript with [`Timing::Segments`]
/// the edges are interpolated.
pub fn sentences(transcript: &Transcript) -> Vec<Sentence> {
    let habits = habits(transcript);
    let segments = &transcript.segments;
    let mut sentences = Vec::new();
    let mut open: Vec<Placed> = Vec::new();
    let mut heft = 0.0;
    for (index, segment) in segments.iter().enumerate() {
        let mut rest = segment.text.as_str();
        for word in &segment.words {
            let spaced = match open.last() {
                Some(last) if last.segment != index => {
                    !(last.word.text.ends_with(tokens::is_dense) && word.text.starts_with(tokens::is_dense))
                }
                _ => rest.starts_with(' '),
            };
            rest = rest.trim_start().strip_prefix(word.text.as_str()).unwrap_or(rest);
            let placed = Placed { word, segment: index, spaced };
            if open.last().is_some_and(|last| parts(last, &placed, segments, &habits)) {
                sentences.push(close(open.drain(..), segments));
                heft = 0.0;
            }
            heft += tokens::heft(&word.text);
            open.push(placed);
            if heft > habits.longest {
                let at = best_split(&open);
                sentences.push(close(open.drain(..at), segments));
                heft = open.iter().map(|placed| tokens::heft(&placed.word.text)).sum();
            }
        }
    }
    if !open.is_empty() {
        sentences.push(close(open.drain(..), segments));
    }
    // Segments of different speakers may overlap, and the first of them go on beyond the next.
    sentences.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0));
    sentences
}

/// Learns the habits of the whole text.
fn habits(transcript: &Transcript) -> Habits {
    let (mut words, mut marks, mut small) = (0_usize, 0_usize, 0_usize);
    for segment in &transcript.segments {
        words += segment.words.len();
        for pair in segment.words.windows(2).filter(|pair| stops::has_mark(&pair[0].text)) {
            marks += 1;
            small += usize::from(pair[1].text.starts_with(char::is_lowercase));
        }
        marks += usize::from(segment.words.last().is_some_and(|word| stops::has_mark(&word.text)));
    }
    let unmarked = (marks as f64) < words as f64 * UNMARKED;
    let pause = match (transcript.timing, unmarked) {
        (Timing::Words, true) => PAUSE_UNMARKED,
        (Timing::Words, false) => PAUSE,
        // Interpolated pauses are no pauses.
        (Timing::Segments | Timing::Estimated, _) => f64::INFINITY,
    };
    Habits {
        lowercase: small * 2 > marks,
        longest: if unmarked { LONGEST_UNMARKED } else { LONGEST },
        pause,
        pause_between: if unmarked { PAUSE_UNMARKED } else { PAUSE_BETWEEN },
        paragraphs: transcript.format.is_prose(),
    }
}

/// Whether a sentence ends between two words.
fn parts(last: &Placed, next: &Placed, segments: &[Segment], habits: &Habits) -> bool {
    if stops::ends(&last.word.text, &next.word.text, habits.lowercase) {
        return true;
    }
    let gap = next.word.span.start.0 - last.word.span.end.0;
    if last.segment == next.segment {
        return gap > habits.pause;
    }
    let breaks = habits.paragraphs && !last.word.text.ends_with(',') && !next.word.text.starts_with(char::is_lowercase);
    breaks
        || segments[last.segment].speaker != segments[next.segment].speaker
        || gap > habits.pause_between.min(habits.pause)
}

/// Where to divide words that grew too long: at the longest pause, rather after a comma or before
/// a conjunction, rather between segments, rather late. Never before the third part of them.
fn best_split(open: &[Placed]) -> usize {
    let first = (open.len() / 3).max(1);
    let score = |at: usize| {
        let (before, after) = (&open[at - 1], &open[at]);
        let pause = (after.word.span.start.0 - before.word.span.end.0).clamp(0.0, 2.0);
        let comma =
            if before.word.text.ends_with([',', ';', ':', '、', '，', '-', '–', '—']) { 0.4 } else { 0.0 };
        // Where times are interpolated, those between segments are still the file's own.
        let seam = before.segment != after.segment;
        let seam = if seam && after.word.text.starts_with(char::is_uppercase) {
            0.5
        } else if seam {
            0.3
        } else {
            0.0
        };
        let joins =
            ["and", "but", "so", "because", "then", "or", "which"].contains(&after.word.text.to_lowercase().as_str());
        pause + comma + seam + if joins { 0.2 } else { 0.0 } + 0.1 * at as f64 / open.len() as f64
    };
    (first..open.len()).max_by(|a, b| score(*a).total_cmp(&score(*b))).unwrap_or(open.len())
}

/// Makes a sentence of words in order; there is at least one.
fn close<'t>(words: impl Iterator<Item = Placed<'t>>, segments: &[Segment]) -> Sentence {
    let mut text = String::new();
    let mut list: Vec<Word> = Vec::new();
    let mut speaker = None;
    for placed in words {
        if list.is_empty() {
            speaker.clone_from(&segments[placed.segment].speaker);
        } else if placed.spaced {
            text.push(' ');
        }
        text.push_str(&placed.word.text);
        list.push(placed.word.clone());
    }
    let start = list.iter().map(|word| word.span.start.0).fold(f64::INFINITY, f64::min);
    let end = list.iter().map(|word| word.span.end.0).fold(start, f64::max);
    Sentence { span: Span::new(start, end), speaker, text, words: list }
}
