//! JSON Lines: one announcement per line.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::bad::{BadEntry, SourceError};
use super::json::{id_in, parse};
use super::{Entry, open};

/// Longest line that is read: an inline transcript of many hours with word times.
const LONGEST: usize = 16 << 20;

/// Reads line after line; blank lines are skipped.
pub(super) struct JsonLines {
    reader: Box<dyn BufRead + Send>,
    /// The path as given, for messages.
    file: String,
    base: String,
    /// Number of the line last read, from 1.
    line: u64,
    buffer: Vec<u8>,
    /// Bytes read so far.
    consumed: u64,
    done: bool,
}

enum Line {
    Whole,
    TooLong,
    End,
}

impl JsonLines {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let reader = open::stream(path).map_err(|error| SourceError::of_io(path, error))?;
        Ok(Self::part(path, reader, 0))
    }

    /// Reads a part of the file that begins after so many lines.
    pub(super) fn part(path: &Path, reader: Box<dyn BufRead + Send>, line: u64) -> Self {
        let file = path.display().to_string();
        Self { reader, file, base: open::base(path), line, buffer: Vec::new(), consumed: 0, done: false }
    }

    /// Bytes of all lines read so far, their line feeds included.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Reads the next line into the buffer, without its line feed; of one that is too long only
    /// the beginning stays.
    fn advance(&mut self) -> io::Result<Line> {
        self.buffer.clear();
        self.line += 1;
        let read = (&mut self.reader).take(LONGEST as u64 + 1).read_until(b'\n', &mut self.buffer)?;
        self.consumed += read as u64;
        if read == 0 {
            return Ok(Line::End);
        }
        if read <= LONGEST || self.buffer.ends_with(b"\n") {
            return Ok(Line::Whole);
        }
        loop {
            let seen = self.reader.fill_buf()?;
            let (used, ended) = match seen.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (seen.len(), seen.is_empty()),
            };
            self.reader.consume(used);
            self.consumed += used as u64;
            if ended {
                return Ok(Line::TooLong);
            }
        }
    }

    fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

impl Iterator for JsonLines {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        while !self.done {
            match self.advance() {
                Err(error) => {
                    self.done = true;
                    return Some(Err(BadEntry::of_io(self.place(), &error)));
                }
                Ok(Line::End) => self.done = true,
                Ok(Line::TooLong) => {
                    let what = format!("the line is longer than {} MiB", LONGEST >> 20);
                    let remedy = "give the transcript as a path instead of inline";
                    let entry = BadEntry::new(self.place(), "too_long", &what, remedy);
                    return Some(Err(entry.named(id_in(&self.buffer)).keeping(&self.buffer)));
                }
                Ok(Line::Whole) => {
                    let text = self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer).trim_ascii();
                    if !text.is_empty() {
                        return Some(parse(text, &self.place(), &self.base));
                    }
                }
            }
        }
        None
    }
}
