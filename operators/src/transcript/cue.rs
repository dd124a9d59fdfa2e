//! One cue's payload to drafts: voices, dialogue dashes, word times, tags.

use std::sync::Arc;

use super::clean;
use super::clock;
use super::draft::{Draft, Drafts, TimedWord, UNKNOWN, Voice};
use super::label;
use super::markup::{Piece, Pieces};
use super::tokens;
use crate::fault::Fault;

/// Where a cue stands in time and in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Seconds, [`UNKNOWN`] if unreadable.
    pub start: f64,
    /// Seconds, [`UNKNOWN`] if unreadable.
    pub end: f64,
    /// Line of the times, from 1.
    pub line: u32,
}

/// What one voice says in a cue: runs of text, each from the time stamp before it.
#[derive(Default)]
struct Part {
    voice: Voice,
    runs: Vec<(f64, String)>,
}

impl Part {
    fn say(&mut self, text: &str) {
        if self.runs.is_empty() {
            self.runs.push((UNKNOWN, String::new()));
        }
        if let Some((_, run)) = self.runs.last_mut() {
            run.push_str(text);
        }
    }

    /// Clean text, and words if the cue holds time stamps.
    fn finish(self) -> (Voice, String, Vec<TimedWord>) {
        let timed = self.runs.iter().any(|(start, _)| !start.is_nan());
        let mut words: Vec<TimedWord> = Vec::new();
        if !timed {
            let text = self.runs.first().map(|(_, text)| clean::plain(text)).unwrap_or_default();
            return (self.voice, text, words);
        }
        let mut text = String::new();
        let mut open = false;
        for (start, raw) in &self.runs {
            let run = clean::plain(raw);
            let glued = open && !raw.starts_with(char::is_whitespace);
            open = !raw.ends_with(char::is_whitespace);
            if run.is_empty() {
                continue;
            }
            let mut pieces = tokens::split(&run);
            if glued && let Some(last) = words.last_mut() {
                // A time stamp inside a word: the word keeps the time of its beginning.
                let piece = pieces.next().unwrap_or_default();
                last.text.push_str(piece);
            } else if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&run);
            let mut start = *start;
            for (at, piece) in pieces.enumerate() {
                start = if at == 0 && !glued { start } else { UNKNOWN };
                words.push(TimedWord { start, end: UNKNOWN, text: piece.to_owned() });
            }
        }
        (self.voice, text, words)
    }
}

/// Reads a payload of one or more lines.
pub(super) fn read(payload: &str, place: Place, drafts: &mut Drafts) -> Result<(), Fault> {
    let payload = without_overrides(payload);
    let dashes = payload.lines().filter(|line| line.trim_start().starts_with(['-', '–'])).count();
    let mut parts: Vec<Part> = Vec::new();
    let mut voice = Voice::None;
    let mut line_starts = true;
    for piece in Pieces::new(&payload) {
        match piece {
            Piece::Text(text) => {
                for (at, line) in text.split('\n').enumerate() {
                    if at > 0 {
                        if let Some(part) = parts.last_mut() {
                            part.say("\n");
                        }
                        line_starts = true;
                    }
                    say_line(line, line_starts, dashes, &voice, &mut parts);
                    line_starts &= line.trim().is_empty();
                }
            }
            Piece::Open(name, rest) => {
                if let Some(start) = clock::parse_colons(name) {
                    current(&mut parts, &voice).runs.push((start, String::new()));
                } else if name == "v" || name.starts_with("v.") {
                    voice = Voice::Named(Arc::from(clean::name(rest)));
                    parts.push(Part { voice: voice.clone(), ..Part::default() });
                    line_starts = false;
                } else if clean::breaks(name) {
                    current(&mut parts, &voice).say("\n");
                    line_starts = true;
                }
            }
            Piece::Close("v") => {
                voice = Voice::None;
                parts.push(Part::default());
            }
            Piece::Close(name) if clean::breaks(name) => current(&mut parts, &voice).say("\n"),
            Piece::Close(_) => {}
        }
    }
    push_shared(parts, place, drafts)
}

fn current<'a>(parts: &'a mut Vec<Part>, voice: &Voice) -> &'a mut Part {
    if parts.is_empty() {
        parts.push(Part { voice: voice.clone(), ..Part::default() });
    }
    parts.last_mut().expect("a part was pushed if there was none")
}

/// Adds a line, or the part of one, to the voice that speaks or to a new one.
fn say_line(line: &str, line_starts: bool, dashes: usize, voice: &Voice, parts: &mut Vec<Part>) {
    if line_starts && !line.trim().is_empty() {
        let bare = line.trim_start();
        let undashed = bare.strip_prefix("- ").or_else(|| bare.strip_prefix("– "));
        let undashed = undashed.or_else(|| bare.strip_prefix('-').filter(|_| dashes > 1));
        let (said, rest) = label::split(undashed.unwrap_or(line));
        if said != Voice::None {
            parts.push(Part { voice: said, ..Part::default() });
            return current(parts, voice).say(rest);
        }
        if undashed.is_some() && dashes > 1 {
            parts.push(Part { voice: Voice::Named(Arc::from("")), ..Part::default() });
        }
        return current(parts, voice).say(rest);
    }
    current(parts, voice).say(line);
}

/// Gives each part of a cue its share of the cue's time, by the length of its text.
fn push_shared(parts: Vec<Part>, place: Place, drafts: &mut Drafts) -> Result<(), Fault> {
    let said: Vec<_> = parts.into_iter().map(Part::finish).filter(|(_, text, _)| !text.is_empty()).collect();
    let total: usize = said.iter().map(|(_, text, _)| text.len()).sum();
    let mut before = 0;
    let at = |bytes: usize| {
        if bytes == total { place.end } else { place.start + (place.end - place.start) * bytes as f64 / total as f64 }
    };
    let many = said.len() > 1;
    for (voice, text, mut words) in said {
        let start = if before == 0 { place.start } else { at(before) };
        before += text.len();
        if let Some(first) = words.first_mut()
            && first.start.is_nan()
            && !many
        {
            first.start = place.start;
        }
        drafts.push(Draft { start, end: at(before), voice, text, words, place: place.line })?;
    }
    Ok(())
}

/// Without what SubRip files carry over from other formats: `{\an8}` and `\N`.
fn without_overrides(payload: &str) -> std::borrow::Cow<'_, str> {
    if !payload.contains('\\') {
        return payload.into();
    }
    let mut kept = String::with_capacity(payload.len());
    let mut rest = payload;
    while let Some(at) = rest.find('\\') {
        let brace = rest[..at].ends_with('{');
        let close = rest[at..].find(['}', '\n']).filter(|end| brace && rest[at + end..].starts_with('}'));
        if let Some(end) = close {
            kept.push_str(&rest[..at - 1]);
            rest = &rest[at + end + 1..];
        } else if rest[at + 1..].starts_with(['N', 'n', 'h']) {
            kept.push_str(&rest[..at]);
            kept.push('\n');
            rest = &rest[at + 2..];
        } else {
            kept.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
        }
    }
    kept.push_str(rest);
    kept.into()
}
