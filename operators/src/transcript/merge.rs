//! Files of one word to a segment: the words joined into segments that can be read.

use super::draft::{Draft, TimedWord};

/// A pause that ends a segment, in seconds.
const PAUSE: f64 = 1.5;
/// Words after which a segment ends at the next stop.
const ENOUGH: usize = 12;
/// Words after which a segment ends anywhere.
const LONGEST: usize = 60;

/// Joins drafts of one word each; other files are left alone.
pub(super) fn join(list: Vec<Draft>) -> Vec<Draft> {
    let single = list.iter().filter(|draft| !draft.text.contains(' ') && draft.words.len() <= 1).count();
    if list.len() < 3 || single * 10 < list.len() * 8 {
        return list;
    }
    let mut joined: Vec<Draft> = Vec::new();
    for mut draft in list {
        if draft.words.is_empty() && !draft.text.contains(' ') {
            draft.words.push(TimedWord { start: draft.start, end: draft.end, text: draft.text.clone() });
        }
        match joined.last_mut().filter(|last| continues(last, &draft)) {
            Some(last) => {
                last.text.push(' ');
                last.text.push_str(&draft.text);
                last.words.append(&mut draft.words);
                last.end = last.end.max(draft.end);
            }
            None => joined.push(draft),
        }
    }
    joined
}

fn continues(last: &Draft, next: &Draft) -> bool {
    let stopped = last.text.ends_with(['.', '!', '?', '…', '。', '！', '？']);
    last.voice == next.voice
        && !last.words.is_empty()
        && !next.words.is_empty()
        && next.start - last.end < PAUSE
        && last.words.len() < LONGEST
        && !(stopped && last.words.len() >= ENOUGH)
}
