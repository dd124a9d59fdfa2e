//! WebVTT and SubRip by one tolerant scanner of lines.
//!
//! Only the line with `-->` is relied upon. Cue numbers may be missing, blank lines may be missing
//! or be too many, either format's comma or dot may stand in the other.

use super::clock;
use super::cue::{self, Place};
use super::draft::{Drafts, UNKNOWN};
use super::limits::{MAX_LINE, MAX_TEXT, line_too_long, too_large};
use super::sniff::Format;
use crate::fault::Fault;

/// What the scanner is in the middle of.
struct Scanner<'d> {
    vtt: bool,
    drafts: &'d mut Drafts,
    /// Times of the open cue.
    cue: Option<Place>,
    /// Its payload so far.
    payload: String,
    /// Lines since the last blank line that belong to no cue yet: an identifier, or stray text.
    loose: String,
    /// Whether a blank line has closed the payload.
    closed: bool,
    /// In a NOTE, STYLE, REGION or header block, up to the next blank line.
    skipping: bool,
}

/// Reads every cue into `drafts`.
pub(super) fn read(text: &str, format: Format, drafts: &mut Drafts) -> Result<(), Fault> {
    let vtt = format == Format::WebVtt;
    let mut scanner =
        Scanner { vtt, drafts, cue: None, payload: String::new(), loose: String::new(), closed: true, skipping: vtt };
    for (index, line) in lines(text).enumerate() {
        if line.len() > MAX_LINE {
            return Err(line_too_long(index + 1, MAX_LINE));
        }
        scanner.line(line, u32::try_from(index + 1).unwrap_or(u32::MAX))?;
    }
    scanner.rejoin();
    scanner.close_cue()
}

/// Lines ended by `\n`, `\r\n` or a lone `\r`; the empty line inside `\r\n` is not one.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).flat_map(|line| line.split('\r'))
}

impl Scanner<'_> {
    fn line(&mut self, line: &str, number: u32) -> Result<(), Fault> {
        if line.contains('>') && line.contains("-->") && (clock::timing_line(line).is_some() || self.only_arrow(line)) {
            return self.open_cue(line, number);
        }
        // In WebVTT a line of spaces is text, as rolling captions have it; elsewhere it is blank.
        if if self.vtt { line.is_empty() } else { line.trim().is_empty() } {
            self.rejoin();
            self.closed = true;
            self.skipping = false;
            return Ok(());
        }
        if self.vtt && self.closed && self.loose.is_empty() {
            let block = line.split_whitespace().next().unwrap_or_default();
            self.skipping |= matches!(block, "NOTE" | "STYLE" | "REGION");
        }
        if self.skipping {
            return Ok(());
        }
        let into = if self.closed { &mut self.loose } else { &mut self.payload };
        into.push_str(line);
        into.push('\n');
        if into.len() > MAX_TEXT {
            return Err(too_large(&format!("line {number}: one cue holds too much text"), MAX_TEXT, "bytes"));
        }
        Ok(())
    }

    /// A line that was meant to hold times: an arrow, but neither side can be read.
    fn only_arrow(&self, line: &str) -> bool {
        line.split_once("-->").is_some_and(|(left, right)| {
            let times = |side: &str| {
                side.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '-') && side.contains(':')
            };
            times(left) && times(right)
        })
    }

    fn open_cue(&mut self, line: &str, number: u32) -> Result<(), Fault> {
        let (start, end) = clock::timing_line(line).unwrap_or_default();
        if start.is_none() || end.is_none() {
            self.drafts.repairs.add("unreadable times, taken from the neighbours", number);
        }
        if self.closed {
            // The last loose line is the identifier of this cue; in SubRip only a number can be.
            let id = last_line(&self.loose);
            if self.vtt || is_number(&self.loose[id..]) {
                self.loose.truncate(id);
            }
            self.rejoin();
        } else if self.cue.is_some() {
            let id = last_line(&self.payload);
            if is_number(&self.payload[id..]) {
                self.payload.truncate(id);
            }
            if !self.payload.is_empty() {
                self.drafts.repairs.add("blank line missing before a cue", number);
            }
        }
        self.close_cue()?;
        self.cue = Some(Place { start: start.unwrap_or(UNKNOWN), end: end.unwrap_or(UNKNOWN), line: number });
        self.closed = false;
        self.skipping = false;
        Ok(())
    }

    /// Loose lines that turned out to be no identifier belong to the cue before them.
    fn rejoin(&mut self) {
        if self.loose.is_empty() {
            return;
        }
        if let Some(cue) = self.cue {
            self.drafts.repairs.add("text after a blank line kept with the cue before it", cue.line);
            self.payload.push_str(&self.loose);
        }
        self.loose.clear();
    }

    fn close_cue(&mut self) -> Result<(), Fault> {
        let payload = std::mem::take(&mut self.payload);
        match self.cue.take() {
            Some(place) => cue::read(payload.trim(), place, self.drafts),
            None => Ok(()),
        }
    }
}

/// Where the last line of a text that ends in a line break begins.
fn last_line(text: &str) -> usize {
    text.trim_end_matches('\n').rfind('\n').map_or(0, |at| at + 1)
}

fn is_number(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.len() < 10 && line.bytes().all(|byte| byte.is_ascii_digit())
}
