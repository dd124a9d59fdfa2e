//! Times of words: the file's own where it has them, interpolated by length where it has not.

use super::draft::TimedWord;
use super::pace::weight;
use super::tokens;
use crate::record::piece::Word;
use crate::units::Span;

/// Spreads the words of a text over a span in proportion to their length.
pub(super) fn spread(text: &str, span: Span) -> Vec<Word> {
    let total: f64 = tokens::split(text).map(|word| weight(word).0 + weight(word).1).sum();
    // The pause after the last word lies outside of the span.
    let last = tokens::split(text).last().map_or(0.0, |word| weight(word).1);
    let scale = span.length() / (total - last).max(1.0);
    let mut at = span.start.0;
    let mut words = Vec::with_capacity(tokens::count(text));
    for text in tokens::split(text) {
        let (spoken, silent) = weight(text);
        let end = (at + spoken * scale).min(span.end.0);
        words.push(Word { span: Span::new(at.min(end), end), text: text.to_owned() });
        at = (end + silent * scale).min(span.end.0);
    }
    words
}

/// Turns the words of a file into words in order and inside `span`; `None` if fewer than half of
/// them have a time there.
pub(super) fn settle(words: Vec<TimedWord>, span: Span) -> Option<Vec<Word>> {
    let (low, high) = (span.start.0, span.end.0);
    let inside = |time: f64| (low - 0.5..=high + 0.5).contains(&time);
    let known = words.iter().filter(|word| inside(word.start)).count();
    if known * 2 < words.len() {
        return settle_runs(words, span, known);
    }
    Some(fill(words, span))
}

/// Runs of words between time stamps: few words have a time, but no run is long.
fn settle_runs(words: Vec<TimedWord>, span: Span, known: usize) -> Option<Vec<Word>> {
    (known > 1 && known * 6 >= words.len()).then(|| fill(words, span))
}

fn fill(words: Vec<TimedWord>, span: Span) -> Vec<Word> {
    let (low, high) = (span.start.0, span.end.0);
    let count = words.len();
    let mut filled: Vec<Word> = Vec::with_capacity(count);
    let mut latest = low;
    // Starts in order; an unknown one is NaN for now.
    for word in words {
        let start = if word.start.is_finite() { word.start.clamp(latest, high) } else { f64::NAN };
        let end = if word.end.is_finite() && word.end >= word.start { word.end.clamp(low, high) } else { f64::NAN };
        if start.is_finite() {
            latest = start;
        }
        filled.push(Word { span: Span::new(start, end), text: word.text });
    }
    let mut at = 0;
    while at < count {
        // One known start and the unknown ones after it share the time up to the next known start.
        let known = filled[at].span.start.0.is_finite();
        let from = if at == 0 && !known { low } else { filled[at].span.start.0 };
        let mut next = at + 1;
        while next < count && filled[next].span.start.0.is_nan() {
            next += 1;
        }
        let to = if next < count { filled[next].span.start.0 } else { high };
        if next == at + 1 {
            let word = &mut filled[at];
            word.span.start.0 = from;
            let end = if word.span.end.0.is_finite() { word.span.end.0 } else { from + said_within(&word.text) };
            word.span.end.0 = end.min(to).max(from);
        } else {
            share(&mut filled[at..next], from, to);
        }
        at = next;
    }
    filled
}

/// Spreads words without times over a stretch, the first one's own end kept if it has one.
fn share(words: &mut [Word], from: f64, to: f64) {
    let own_end = words[0].span.end.0;
    let (words, from) = if own_end.is_finite() && own_end < to {
        let from = from.min(own_end);
        words[0].span = Span::new(from, own_end);
        (&mut words[1..], own_end)
    } else {
        (words, from)
    };
    let total: f64 = words.iter().map(|word| weight(&word.text).0 + weight(&word.text).1).sum();
    let room: f64 = words.iter().map(|word| said_within(&word.text)).sum();
    let scale = (to - from).min(room) / total.max(1.0);
    let mut at = from;
    for word in words {
        let (spoken, silent) = weight(&word.text);
        let end = (at + spoken * scale).min(to);
        word.span = Span::new(at.min(end), end);
        at = (end + silent * scale).min(to);
    }
}

/// Seconds within which a word is said: a time stamp for the next word may come after a pause.
fn said_within(word: &str) -> f64 {
    0.3 + 0.1 * word.chars().count() as f64
}
