//! Rev's `.nlp` tables: `token|speaker|ts|endTs|punctuation|prepunctuation|case|tags|...`, a word
//! to a line. Most published tables leave the times out.

use std::sync::Arc;

use super::captions::lines;
use super::clean;
use super::clock;
use super::draft::{Draft, Drafts, TimedWord, UNKNOWN, Voice};
use super::limits::{MAX_LINE, line_too_long};
use crate::fault::Fault;

/// Words after which a turn is divided even where no sentence ends.
const LONGEST: usize = 60;

/// Reads turns, divided at sentence ends, into `drafts`.
pub(super) fn read(text: &str, drafts: &mut Drafts) -> Result<(), Fault> {
    let mut turn = Turn::default();
    for (index, line) in lines(text).enumerate().skip(1) {
        if line.len() > MAX_LINE {
            return Err(line_too_long(index + 1, MAX_LINE));
        }
        let place = u32::try_from(index + 1).unwrap_or(u32::MAX);
        // A token may itself be a bar or hold one; eight columns follow it at the least.
        let mut cells = line.split('|');
        let (Some(token), Some(speaker)) = (cells.next(), cells.next()) else {
            if !line.trim().is_empty() {
                drafts.repairs.add("row without columns left out", place);
            }
            continue;
        };
        let mut time = || cells.next().and_then(clock::parse).unwrap_or(UNKNOWN);
        let (start, end) = (time(), time());
        let (after, before) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let word = clean::plain(&format!("{before}{token}{after}"));
        if word.is_empty() {
            continue;
        }
        if speaker != turn.speaker {
            turn.flush(drafts)?;
            speaker.clone_into(&mut turn.speaker);
        }
        if turn.words.is_empty() {
            turn.place = place;
        }
        turn.words.push(TimedWord { start, end, text: word });
        if after.ends_with(['.', '?', '!']) || turn.words.len() >= LONGEST {
            turn.flush(drafts)?;
        }
    }
    turn.flush(drafts)
}

/// The sentence that is being read.
#[derive(Default)]
struct Turn {
    speaker: String,
    words: Vec<TimedWord>,
    place: u32,
}

impl Turn {
    fn flush(&mut self, drafts: &mut Drafts) -> Result<(), Fault> {
        let mut words = std::mem::take(&mut self.words);
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return Ok(()) };
        let (start, end) = (first.start, last.end);
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        if words.iter().all(|word| word.start.is_nan()) {
            words.clear();
        }
        let voice = match clean::name(&self.speaker) {
            name if name.is_empty() => Voice::None,
            name if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                Voice::Named(Arc::from(format!("Speaker {name}")))
            }
            name => Voice::Named(Arc::from(name)),
        };
        drafts.push(Draft { start, end, voice, text, words, place: self.place })
    }
}
