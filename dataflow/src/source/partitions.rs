//! A folder of partitions (`date=2026-11-01/part-0.jsonl`), read in the order of the names.
//!
//! Only files whose name says that they are input are taken: feeds and their audio, transcripts and
//! read-me files often share a folder. Names that begin with a dot or an underscore are other
//! programs' notes (`_SUCCESS`, `.crc`).

use std::fs;
use std::path::{Path, PathBuf};

use super::bad::{BadEntry, SourceError};
use super::{Entry, Input, entries, open};

/// Folders inside folders that are followed; more is a loop of links.
const DEPTH: usize = 16;

/// All inputs under `folder`.
pub(super) fn open(folder: &Path) -> Result<Input, SourceError> {
    let found = walk(folder, DEPTH)?;
    if found.is_empty() {
        return Err(SourceError::EmptyFolder { path: folder.to_owned() });
    }
    Ok(Input::Partitions(found))
}

fn walk(folder: &Path, depth: usize) -> Result<Vec<Input>, SourceError> {
    let of_io = |error| SourceError::of_io(folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(of_io)? {
        paths.push(entry.map_err(of_io)?.path());
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths.into_iter().filter(|path| !hidden(path)) {
        if path.is_dir() {
            let inner = if depth > 0 { walk(&path, depth - 1)? } else { Vec::new() };
            if !inner.is_empty() {
                found.push(Input::Partitions(inner));
            }
        } else if let Some(named) = open::by_name(&path) {
            // The content knows better than the name; a file that cannot be read keeps its name's
            // kind and becomes a bad entry when its turn comes.
            let kind = open::head(&path).ok().and_then(|head| open::kind(&head, &path)).unwrap_or(named);
            found.push(kind.input(&path));
        }
    }
    Ok(found)
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')))
}

/// The entries of all inputs, one file open at a time.
pub(super) fn read(inputs: Vec<Input>) -> impl Iterator<Item = Entry> {
    inputs.into_iter().flat_map(|input| match entries(&input) {
        Ok(entries) => entries,
        Err(error) => Box::new(std::iter::once(Err(unreadable(&input, &error)))),
    })
}

pub(super) fn unreadable(input: &Input, error: &SourceError) -> BadEntry {
    let place = match input {
        Input::Rss(path) | Input::JsonLines(path) | Input::Parquet(path) => path.clone(),
        Input::Partitions(_) => PathBuf::new(),
    };
    let mut entry = BadEntry::new(
        place.display().to_string(),
        "file",
        "none of this file's entries can be read",
        "repair or remove the file, then run again; what is done is not repeated",
    );
    entry.fault = entry.fault.caused_by(error);
    entry
}
