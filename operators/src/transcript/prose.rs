//! Plain text: paragraphs, speakers before a colon or on a line of their own, and the times that
//! services write before a turn (`[00:12:34] Name: ...`, `Name (00:12):`, `Name  0:03`).

use super::captions::lines;
use super::clean;
use super::clock;
use super::draft::{Draft, Drafts, UNKNOWN, Voice};
use super::label;
use super::limits::{MAX_LINE, line_too_long};
use crate::fault::Fault;

/// A line of this many bytes is a paragraph; shorter ones are wrapped.
const PARAGRAPH: usize = 200;

/// Adds a paragraph whose time, if it is known, is where it begins.
pub(super) fn push(text: &str, voice: Voice, anchor: Option<f64>, line: u32, drafts: &mut Drafts) -> Result<(), Fault> {
    let text = clean::marked(text);
    drafts.push(Draft { start: anchor.unwrap_or(UNKNOWN), end: UNKNOWN, voice, text, words: Vec::new(), place: line })
}

/// Reads paragraphs into `drafts`.
pub(super) fn read(text: &str, drafts: &mut Drafts) -> Result<(), Fault> {
    let mut gather = Gather::default();
    for (index, line) in lines(text).enumerate() {
        if line.len() > MAX_LINE {
            return Err(line_too_long(index + 1, MAX_LINE));
        }
        gather.line(line, u32::try_from(index + 1).unwrap_or(u32::MAX), drafts)?;
    }
    gather.flush(drafts)
}

/// The paragraph that is being read.
#[derive(Default)]
pub(super) struct Gather {
    block: String,
    voice: Voice,
    anchor: Option<f64>,
    first_line: u32,
}

impl Gather {
    /// Takes one line of the text.
    pub fn line(&mut self, line: &str, number: u32, drafts: &mut Drafts) -> Result<(), Fault> {
        let line = line.trim();
        if line.is_empty() {
            return self.flush(drafts);
        }
        let (anchor, rest) = leading_time(line);
        if anchor.is_some() {
            self.flush(drafts)?;
            self.anchor = anchor;
        }
        if let Some((name, time)) = name_and_time(rest) {
            self.flush(drafts)?;
            self.voice = Voice::Label(clean::name(name).into());
            self.anchor = Some(time);
            return Ok(());
        }
        let (voice, rest) = label::split(rest);
        if voice != Voice::None {
            self.flush(drafts)?;
            self.voice = voice;
        }
        if self.block.is_empty() {
            self.first_line = number;
        }
        self.block.push_str(rest);
        self.block.push('\n');
        if line.len() > PARAGRAPH || self.block.len() > MAX_LINE {
            return self.flush(drafts);
        }
        Ok(())
    }

    /// Starts a paragraph with a speaker that is certain.
    pub fn speaker(&mut self, name: &str, drafts: &mut Drafts) -> Result<(), Fault> {
        self.flush(drafts)?;
        self.voice = Voice::Label(clean::name(name).into());
        Ok(())
    }

    /// Ends the paragraph.
    pub fn flush(&mut self, drafts: &mut Drafts) -> Result<(), Fault> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::take(&mut self.block);
        push(&block, std::mem::take(&mut self.voice), self.anchor.take(), self.first_line, drafts)
    }

    /// The time at which the next paragraph begins.
    pub fn anchor(&mut self, seconds: f64, drafts: &mut Drafts) -> Result<(), Fault> {
        self.flush(drafts)?;
        self.anchor = Some(seconds);
        Ok(())
    }
}

/// `[00:12:34] rest`, `(12:34) rest`, `00:12:34 rest`.
fn leading_time(line: &str) -> (Option<f64>, &str) {
    let bare = line.trim_start_matches(['[', '(', '\\']);
    let end = bare.find(|c: char| !(c.is_ascii_digit() || ":.,".contains(c))).unwrap_or(bare.len());
    match clock::parse_colons(bare[..end].trim_end_matches(['.', ',', ':'])) {
        Some(seconds) => (Some(seconds), bare[end..].trim_start_matches([']', ')', '\\', '-', '–', ' ', '\t'])),
        None => (None, line),
    }
}

/// A line of a name and a time: `Name  0:03`, `Name (00:12):`, `Name [00:12]`.
fn name_and_time(line: &str) -> Option<(&str, f64)> {
    let line = line.trim_end_matches(':');
    if line.len() > 80 {
        return None;
    }
    let (name, time) = line.rsplit_once([' ', '\t'])?;
    let seconds = clock::parse_colons(time.trim_matches(['(', ')', '[', ']']))?;
    let name = name.trim();
    (name.starts_with(char::is_alphabetic) && name.split(' ').count() <= 4 && !name.ends_with(['.', ',', '!', '?']))
        .then_some((name, seconds))
}
