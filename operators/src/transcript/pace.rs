//! Times for what has none: how long words take to say, and where paragraphs fall between the
//! times that are known.

use super::draft::Draft;
use super::repairs::Repairs;
use super::tokens;

/// Words per second of conversation, where nothing else is known.
pub(super) const WORDS_PER_SECOND: f64 = 2.6;
/// Slowest believable speech in words per second: longer gaps hold something else.
const SLOWEST: f64 = 1.2;

/// Seconds that a text takes at the usual pace.
pub(super) fn seconds(text: &str) -> f64 {
    tokens::split(text).map(tokens::heft).sum::<f64>() / WORDS_PER_SECOND
}

/// Seconds that a text takes at the slowest, with a pause.
pub(super) fn longest(text: &str) -> f64 {
    seconds(text) * WORDS_PER_SECOND / SLOWEST + 1.0
}

/// How long a word takes relative to others: its letters, numbers spelt out, and a pause after a
/// stop. Returns what is spoken and what is silent after it.
pub(super) fn weight(word: &str) -> (f64, f64) {
    let mut spoken = 1.0;
    for c in word.chars() {
        spoken += match c {
            _ if c.is_ascii_lowercase() => 1.0,
            _ if c.is_ascii_digit() => 3.0,
            _ if tokens::is_dense(c) => 2.5,
            _ if c.is_alphanumeric() => 1.0,
            _ => 0.0,
        };
    }
    let last = word.trim_end_matches(['"', '”', '’', '\'', ')', '」', '』']).chars().next_back();
    let silent = match last {
        Some('.' | '!' | '?' | '…' | '。' | '！' | '？') => 4.0,
        Some(',' | ';' | ':' | '、' | '，') => 1.5,
        _ => 0.0,
    };
    (spoken, silent)
}

/// Gives every draft a span, from the starts that are known (anchors), the pace of the text
/// between them and the duration. Returns the share of drafts that had a usable anchor.
pub(super) fn place(list: &mut [Draft], duration: Option<f64>, repairs: &mut Repairs) -> f64 {
    let mut position = 0.0;
    let mut begins: Vec<f64> = Vec::with_capacity(list.len() + 1);
    for draft in list.iter() {
        begins.push(position);
        position += seconds(&draft.text).max(0.1);
    }
    begins.push(position);
    let knots = knots(list, &begins, duration, repairs);
    let anchored =
        knots.len().saturating_sub(2) + usize::from(list.first().is_some_and(|first| first.start == knots[0].1));
    let (mut next, mut latest, last) = (1, 0.0_f64, knots[knots.len() - 1].1);
    for (at, draft) in list.iter_mut().enumerate() {
        while next + 1 < knots.len() && knots[next].0 <= begins[at] {
            next += 1;
        }
        let (from, to) = (knots[next - 1], knots[next]);
        let slope = (to.1 - from.1) / (to.0 - from.0).max(1e-9);
        draft.start = from.1 + (begins[at] - from.0) * slope;
        draft.end = from.1 + (begins[at + 1] - from.0) * slope;
        // An anchor far away leaves a gap (a jingle, an advert), not a drawl.
        if knots.len() > 2 {
            draft.end = draft.end.min(draft.start + longest(&draft.text));
        }
        // Rounding must not break the order.
        draft.start = draft.start.clamp(latest, last);
        draft.end = draft.end.clamp(draft.start, last);
        latest = draft.start;
    }
    anchored as f64 / list.len().max(1) as f64
}

/// Pairs of position in the text and time, both rising: start, usable anchors, end.
fn knots(list: &[Draft], begins: &[f64], duration: Option<f64>, repairs: &mut Repairs) -> Vec<(f64, f64)> {
    let total = begins[list.len()];
    let mut knots: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    for (at, draft) in list.iter().enumerate().filter(|(_, draft)| draft.start.is_finite()) {
        let (position, time) = (begins[at], draft.start);
        let last = knots[knots.len() - 1];
        let late = duration.is_some_and(|duration| time >= duration);
        // Speech is no faster than three times the usual pace: else the anchor, or the one before it, is wrong.
        let hurried = (position - last.0) > 3.0 * (time - last.1) + 5.0;
        if position == 0.0 && !late && time >= 0.0 {
            knots[0].1 = time;
        } else if late || hurried || time <= last.1 {
            repairs.add("time out of order or beyond the audio, not used", draft.place);
        } else {
            knots.push((position, time));
        }
    }
    let last = knots[knots.len() - 1];
    let end = match duration {
        Some(duration) if duration > last.1 => duration,
        _ => last.1 + (total - last.0),
    };
    knots.push((total, end));
    knots
}
