//! Claims about the readers, each over files written for it.

mod any_bytes;
mod feeds;
mod json_lines;
mod parquet;
mod partitions;
mod rss;

use std::path::{Path, PathBuf};

use hark_operators::record::Announcement;

use super::{BadEntry, Entry, Input, read};

/// A file of these bytes in a folder of its own.
fn file(name: &str, bytes: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn entries(path: &Path) -> Vec<Entry> {
    read(&Input::open(path).unwrap()).unwrap().collect()
}

/// The entries of a file of these bytes, good and bad.
fn sorted(name: &str, bytes: impl AsRef<[u8]>) -> (Vec<Announcement>, Vec<BadEntry>) {
    let (_folder, path) = file(name, bytes);
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for entry in entries(&path) {
        match entry {
            Ok(entry) => good.push(entry),
            Err(entry) => bad.push(entry),
        }
    }
    (good, bad)
}

fn ids(entries: &[Announcement]) -> Vec<&str> {
    entries.iter().map(|entry| entry.key.episode.as_str()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
