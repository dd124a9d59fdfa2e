//! Opens files as streams of plain bytes and tells their kind.
//!
//! gzip is undone wherever it is found, whatever the name: servers and archives add and drop `.gz`
//! at will. UTF-16 (some Windows tools) becomes UTF-8 here, so that every reader behind sees bytes
//! in which `<`, `{` and line feeds are themselves.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use quick_xml::encoding::DecodingReader;

use super::Input;

/// How much of a file is looked at to tell its kind.
const HEAD: usize = 64 * 1024;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rss,
    JsonLines,
    Parquet,
}

impl Kind {
    pub(super) fn input(self, path: &Path) -> Input {
        match self {
            Kind::Rss => Input::Rss(path.to_owned()),
            Kind::JsonLines => Input::JsonLines(path.to_owned()),
            Kind::Parquet => Input::Parquet(path.to_owned()),
        }
    }
}

/// A stream of the file's bytes: gunzipped, UTF-16 turned into UTF-8, other encodings as they are.
pub(super) fn stream(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = BufReader::with_capacity(HEAD, File::open(path)?);
    if !file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return as_utf8(file);
    }
    as_utf8(BufReader::with_capacity(HEAD, MultiGzDecoder::new(file)))
}

fn as_utf8<R: BufRead + Send + 'static>(mut reader: R) -> io::Result<Box<dyn BufRead + Send>> {
    const WIDE: [&[u8]; 4] = [&[0xff, 0xfe], &[0xfe, 0xff], b"<\0", b"\0<"];
    let head = reader.fill_buf()?;
    let wide = WIDE.iter().any(|start| head.starts_with(start));
    Ok(if wide { Box::new(DecodingReader::new(reader)) } else { Box::new(reader) })
}

/// The first bytes of the file as [`stream`] gives them; fewer if it is short or damaged.
pub(super) fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    match stream(path)?.take(HEAD as u64).read_to_end(&mut head) {
        Err(error) if head.is_empty() => Err(error),
        _ => Ok(head),
    }
}

/// What the bytes are; where they say nothing, what the name says.
pub(super) fn kind(head: &[u8], path: &Path) -> Option<Kind> {
    by_content(head).or_else(|| by_name(path).filter(|kind| head.is_empty() || *kind == Kind::JsonLines))
}

fn by_content(head: &[u8]) -> Option<Kind> {
    if head.starts_with(b"PAR1") {
        return Some(Kind::Parquet);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if text.starts_with(b"{") {
        return Some(Kind::JsonLines);
    }
    // Junk before the feed (a warning of the web server's script) is common, so look for its root.
    const ROOTS: [&[u8]; 6] = [b"<rss", b"<feed", b"<rdf:rdf", b"<channel", b"<item", b"<entry"];
    let lower = text.to_ascii_lowercase();
    let feed = ROOTS.iter().any(|root| lower.windows(root.len()).any(|window| window == *root));
    feed.then_some(Kind::Rss)
}

/// What the name says, `.gz` aside.
pub(super) fn by_name(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "jsonl" | "ndjson" => Some(Kind::JsonLines),
        "parquet" => Some(Kind::Parquet),
        "xml" | "rss" | "atom" => Some(Kind::Rss),
        _ => None,
    }
}

/// The folder of the file, absolute: what its relative paths are relative to.
pub(super) fn base(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned()
}
