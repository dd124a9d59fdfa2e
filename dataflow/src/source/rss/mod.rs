//! Podcast feeds: RSS 2.0, RSS 1.0 and Atom, as they are found.
//!
//! ```text
//! bytes ─ split ─▶ head  ─ text ─ tree ─▶ show, language, prefixes ┐
//!                  item  ─ text ─ tree ─ item ─▶ Announcement ◀────┘
//!                  item  ...
//! ```
//!
//! A feed is not parsed as one document but cut at its items first, because an XML parser gives up
//! at the first fault, and one unclosed tag of one episode would cost all the episodes behind it.
//!
//! Invariant: each `<item>` (Atom: `<entry>`) of the file becomes exactly one entry.

mod item;
mod media;
mod split;
mod text;
mod tree;

use std::path::Path;

use self::item::Show;
use self::split::{End, Piece, Split};
use self::text::Encoding;
use super::bad::{BadEntry, SourceError};
use super::{Entry, open};

/// Reads item after item.
pub(super) struct Feed {
    pieces: Split,
    /// The path as given, for messages.
    file: String,
    encoding: Encoding,
    show: Show,
    done: bool,
}

impl Feed {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let reader = open::stream(path).map_err(|error| SourceError::of_io(path, error))?;
        Ok(Self {
            pieces: Split::new(reader),
            file: path.display().to_string(),
            encoding: Encoding::default(),
            show: Show::new(open::base(path)),
            done: false,
        })
    }

    fn head(&mut self, bytes: &[u8]) {
        self.encoding = Encoding::declared(bytes);
        let text = self.encoding.decode(bytes);
        // What can be made out of a damaged head serves; the items do not depend on it.
        let (root, _) = tree::parse(&text);
        self.show.learn(&root);
    }

    fn item(&self, bytes: &[u8], line: u64, end: End) -> Entry {
        let text = self.encoding.decode(bytes);
        let (root, fault) = tree::parse(&text);
        let element = root.elements().next();
        let id = || element.and_then(|element| self.show.id(element));
        let bad = |line: u64, code: &str, what: &str, remedy: &str| {
            Err(BadEntry::new(self.place(line), code, what, remedy).named(id()).keeping(bytes))
        };
        match (end, fault, element) {
            (End::Cut, ..) => bad(line, "truncated", "the feed ends inside this item", "fetch the feed again"),
            (End::TooLong, ..) => bad(line, "too_long", "the item is longer than 8 MiB", "shorten its description"),
            (_, Some(fault), _) => {
                let lines = text.as_bytes()[..fault.at.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
                bad(line + lines as u64, "xml", &fault.what, "repair the item's markup")
            }
            (_, None, None) => bad(line, "xml", "the item holds no element", "repair the item's markup"),
            (_, None, Some(element)) => Ok(self.show.announcement(element)),
        }
    }

    fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.file)
    }
}

impl Iterator for Feed {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        while !self.done {
            match self.pieces.next() {
                Ok(Piece::Head(bytes)) => self.head(&bytes),
                Ok(Piece::Item { bytes, line, end }) => return Some(self.item(&bytes, line, end)),
                Ok(Piece::Tail { line, fault }) => {
                    self.done = true;
                    if let Some(fault) = fault {
                        let (code, what, remedy) = fault.words();
                        return Some(Err(BadEntry::new(self.place(line), code, what, remedy)));
                    }
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(BadEntry::of_io(self.place(self.pieces.line()), &error)));
                }
            }
        }
        None
    }
}
