//! HTML transcripts: Podcasting 2.0's `<cite>`, `<time>` and `<p>`, or any page's text.

use std::sync::Arc;

use super::clean;
use super::clock;
use super::draft::{Drafts, Voice};
use super::label;
use super::limits::{MAX_TEXT, too_large};
use super::markup::{Piece, Pieces};
use super::prose;
use crate::fault::Fault;

/// Elements whose text is no speech.
const SILENT: [&str; 9] = ["head", "title", "nav", "header", "footer", "button", "noscript", "svg", "select"];

/// Reads the page into `drafts`, a paragraph each.
pub(super) fn read(text: &str, drafts: &mut Drafts) -> Result<(), Fault> {
    // Fragments are common, and pages whose whole text stands in a header: silent elements are
    // left out only where something else remains.
    read_without(text, &SILENT, drafts)?;
    if drafts.list.is_empty() { read_without(text, &SILENT[..2], drafts) } else { Ok(()) }
}

/// What the text belongs to that is being gathered.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Paragraph,
    Cite,
    Time,
}

struct Reader<'d> {
    drafts: &'d mut Drafts,
    block: String,
    /// Whether the block is whitespace so far.
    blank: bool,
    inside: Inside,
    voice: Voice,
    anchor: Option<f64>,
    line: u32,
}

fn read_without(text: &str, silent: &[&str], drafts: &mut Drafts) -> Result<(), Fault> {
    let mut reader = Reader {
        drafts,
        block: String::new(),
        blank: true,
        inside: Inside::Paragraph,
        voice: Voice::None,
        anchor: None,
        line: 1,
    };
    let mut pieces = Pieces::new(text);
    let (mut scanned, mut line) = (0, 1_u32);
    let mut hidden: Option<(&str, u32)> = None;
    while let Some(piece) = pieces.next() {
        let lines = text[scanned..pieces.position()].bytes().filter(|byte| *byte == b'\n').count();
        scanned = pieces.position();
        match piece {
            Piece::Open(name, rest) if hidden.is_none_or(|(open, _)| open.eq_ignore_ascii_case(name)) => {
                match &mut hidden {
                    Some((_, depth)) => *depth += 1,
                    None if silent.iter().any(|tag| name.eq_ignore_ascii_case(tag)) && !rest.ends_with('/') => {
                        hidden = Some((name, 1))
                    }
                    None => reader.open(name, line)?,
                }
            }
            Piece::Close(name) => match &mut hidden {
                Some((open, depth)) if open.eq_ignore_ascii_case(name) => {
                    *depth -= 1;
                    hidden = hidden.filter(|(_, depth)| *depth > 0);
                }
                Some(_) => {}
                None => reader.close(name)?,
            },
            Piece::Text(text) if hidden.is_none() => reader.text(text, line)?,
            Piece::Text(_) | Piece::Open(..) => {}
        }
        line = line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
    }
    reader.flush()
}

impl Reader<'_> {
    fn text(&mut self, text: &str, line: u32) -> Result<(), Fault> {
        if self.blank && !text.trim().is_empty() {
            let before = text.bytes().take_while(u8::is_ascii_whitespace).filter(|byte| *byte == b'\n').count();
            self.line = line.saturating_add(u32::try_from(before).unwrap_or(u32::MAX));
            self.blank = false;
        }
        self.block.push_str(text);
        if self.block.len() > MAX_TEXT {
            return Err(too_large(&format!("line {line}: one paragraph holds too much text"), MAX_TEXT, "bytes"));
        }
        Ok(())
    }

    fn open(&mut self, name: &str, line: u32) -> Result<(), Fault> {
        if name.eq_ignore_ascii_case("br") {
            return self.text("\n", line);
        }
        if clean::breaks(name) {
            self.flush()?;
            self.inside = match name.to_ascii_lowercase().as_str() {
                "cite" => Inside::Cite,
                "time" => Inside::Time,
                _ => Inside::Paragraph,
            };
        }
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), Fault> {
        if clean::breaks(name) {
            self.flush()?;
            self.inside = Inside::Paragraph;
        }
        Ok(())
    }

    /// Ends what was being gathered.
    fn flush(&mut self) -> Result<(), Fault> {
        let block = std::mem::take(&mut self.block);
        self.blank = true;
        let text = clean::plain(&block);
        if text.is_empty() {
            return Ok(());
        }
        match self.inside {
            Inside::Cite => self.voice = Voice::Label(Arc::from(clean::name(&text))),
            Inside::Time if clock::parse_colons(&text).is_some() => self.anchor = clock::parse_colons(&text),
            Inside::Time | Inside::Paragraph => {
                // A paragraph of `Name: text`, or one that a `<cite>` spoke for.
                let (said, rest) = label::split(&text);
                let (voice, rest) =
                    if said == Voice::None { (std::mem::take(&mut self.voice), &*text) } else { (said, rest) };
                prose::push(rest, voice, self.anchor.take(), self.line, self.drafts)?;
                self.voice = Voice::None;
            }
        }
        Ok(())
    }
}
