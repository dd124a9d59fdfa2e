//! What is said of an input, or of one entry of it, that cannot be read.

use std::io;
use std::path::{Path, PathBuf};

use hark_operators::Fault;

/// Bytes of an unreadable entry that are kept for the dead-letter record.
pub(super) const KEPT: usize = 64 * 1024;

/// The stage name of every fault of a source.
pub(super) const STAGE: &str = "source";

/// One entry that could not be read. It is an item like every other and has an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadEntry {
    /// The entry's id if that much could be read, else its place; always its place of a message.
    pub id: String,
    /// `file:line` or `file:line:column`; `file:row` of a Parquet file, counted from 1;
    /// `topic/partition@offset` of a message.
    pub place: String,
    /// What is wrong and what to do, stage `source`.
    pub fault: Fault,
    /// The entry's bytes as found, at most 64 KiB.
    pub original: Vec<u8>,
}

impl BadEntry {
    /// An entry at `place` that fails with `code`; the message begins with the place.
    pub(super) fn new(place: String, code: &str, what: &str, remedy: &str) -> Self {
        let fault = Fault::poison(STAGE, code, format!("{place}: {what}"), remedy);
        Self { id: place.clone(), place, fault, original: Vec::new() }
    }

    /// The same, of an entry whose id is known.
    pub(super) fn named(mut self, id: Option<String>) -> Self {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            self.id = id;
        }
        self
    }

    /// Keeps the entry's bytes, up to [`KEPT`].
    pub(super) fn keeping(mut self, bytes: &[u8]) -> Self {
        self.original = bytes[..bytes.len().min(KEPT)].to_vec();
        self
    }

    /// The rest of a file that stopped giving bytes.
    pub(super) fn of_io(place: String, error: &io::Error) -> Self {
        let mut entry = match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Self::new(
                place,
                "damaged",
                "the compressed file is damaged or cut off here",
                "copy the file again; the entries before this place have been read",
            ),
            _ => Self::new(
                place,
                "read",
                "the file cannot be read on from here",
                "check the disk or mount, then run again",
            ),
        };
        entry.fault = entry.fault.caused_by(error);
        entry
    }
}

/// An input of which nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing lies at the path.
    #[error("{}: no such file or folder; check the spelling of the input", path.display())]
    Absent {
        /// The path as given.
        path: PathBuf,
    },
    /// It is there but cannot be read.
    #[error("{}: cannot be read; check its permissions and the disk", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Its bytes are of no known kind.
    #[error(
        "{}: neither a feed (RSS, Atom), nor JSON Lines, nor Parquet; it begins with {begins:?}; \
         give one of those, plain or gzip-encoded (Parquet plain), one JSON object per line", path.display()
    )]
    UnknownFormat {
        /// The path as given.
        path: PathBuf,
        /// Its first characters.
        begins: String,
    },
    /// A folder without any input.
    #[error(
        "{}: no input in this folder; it should hold .jsonl, .ndjson, .parquet, .xml, .rss or .atom \
         files, in sub-folders too", path.display()
    )]
    EmptyFolder {
        /// The path as given.
        path: PathBuf,
    },
    /// A Parquet file whose footer cannot be read.
    #[error("{}: not a readable Parquet file; write it again", path.display())]
    Parquet {
        /// The path as given.
        path: PathBuf,
        /// What the Parquet library says.
        #[source]
        error: parquet::errors::ParquetError,
    },
    /// A Parquet file whose columns are not those of announcements.
    #[error("{}: {what}; columns found: {found}; columns known: {known}", path.display())]
    Columns {
        /// The path as given.
        path: PathBuf,
        /// What is missing, or of a wrong type.
        what: String,
        /// Names of its columns.
        found: String,
        /// Names that are read.
        known: String,
    },
}

impl SourceError {
    pub(super) fn of_io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Absent { path },
            _ => Self::Unreadable { path, error },
        }
    }

    pub(super) fn unknown(path: &Path, head: &[u8]) -> Self {
        let begins = String::from_utf8_lossy(head).chars().take(40).collect();
        Self::UnknownFormat { path: path.to_owned(), begins }
    }
}
