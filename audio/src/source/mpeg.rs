//! The frames of an MPEG audio file (MP3, MP2), in the way ffmpeg finds them.
//!
//! Servers insert adverts by joining MP3 files: tags with cover art, information frames and changed
//! parameters then stand in the middle. A demuxer that takes a picture's bytes for frames, or drops
//! what it takes for a second header, puts everything after it at the wrong time.
//!
//! ```text
//! ID3v2 | info frame: delay, padding, count | frame | frame | ID3v1 | ID3v2 | frame | junk | frame ...
//! └ passed over ┘└ read, not heard ────────┘                └ passed over ─┘         └ searched through
//! ```
//!
//! Invariant: a frame begins where the one before ended, or its header is confirmed by the next
//! one; so nothing but frames comes out, and all of them.

mod header;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

pub(super) use self::header::{Header, Info, header};

/// Bytes read at once, more than any frame.
const CHUNK: usize = 256 << 10;
/// How far into a file the first frame may be, tags not counted.
const LONGEST_JUNK: u64 = 1 << 20;

/// The frames of a file, from its start.
pub(super) struct Frames {
    file: File,
    length: u64,
    buffer: Vec<u8>,
    /// Where in `buffer` the next byte is.
    at: usize,
    /// Kind of the last frame, and whether the next byte follows it.
    kind: Option<[u8; 2]>,
    in_step: bool,
    first: Header,
    info: Info,
}

impl Frames {
    /// Opens a file at its first frame; `None` if there is none, or only one.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let first = Header { frames: 0, rate: 0, channels: 0, bytes: 0, kind: [0; 2] };
        let buffer = Vec::new();
        let mut this = Self { file, length, buffer, at: 0, kind: None, in_step: false, first, info: Info::default() };
        let mut junk = 0;
        while !this.pass_tag()? {
            this.fill(CHUNK / 2)?;
            if this.rest().len() < 4 || junk > LONGEST_JUNK {
                return Ok(None);
            }
            if let Some(header) = this.confirmed(0).filter(|header| this.confirmed(header.bytes).is_some()) {
                this.start(header);
                return Ok(Some(this));
            }
            this.at += 1;
            junk += 1;
        }
        Ok(None)
    }

    /// The first frame's header.
    pub(super) fn first(&self) -> Header {
        self.first
    }

    /// What the information frame says, if there is one.
    pub(super) fn info(&self) -> Info {
        self.info
    }

    /// The next frame. The last one of a cut-off file is filled up with zeros.
    pub(super) fn next(&mut self) -> io::Result<Option<(Header, Box<[u8]>)>> {
        loop {
            if self.pass_tag()? {
                return Ok(None);
            }
            self.fill(CHUNK / 2)?;
            if self.rest().len() < 4 {
                return Ok(None);
            }
            let found = match header(self.rest()) {
                Some(header) if self.in_step && self.kind == Some(header.kind) => Some(header),
                Some(_) => self.confirmed(0),
                None => None,
            };
            let Some(header) = found else {
                self.in_step = false;
                self.at += 1;
                continue;
            };
            let have = header.bytes.min(self.rest().len());
            let mut frame = vec![0; header.bytes];
            frame[..have].copy_from_slice(&self.rest()[..have]);
            self.at += have;
            (self.kind, self.in_step) = (Some(header.kind), true);
            return Ok(Some((header, frame.into_boxed_slice())));
        }
    }

    fn start(&mut self, header: Header) {
        (self.first, self.kind, self.in_step) = (header, Some(header.kind), true);
        let frame = &self.rest()[..header.bytes.min(self.rest().len())];
        if let Some(info) = header::info(frame, header) {
            self.info = info;
            self.at += header.bytes;
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at.min(self.buffer.len())..]
    }

    /// Sees to it that `wanted` bytes are there, if the file has them.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.rest().len() >= wanted {
            return Ok(());
        }
        self.buffer.drain(..self.at.min(self.buffer.len()));
        self.at = 0;
        while self.buffer.len() < wanted {
            let more = (CHUNK - self.buffer.len()) as u64;
            if self.file.by_ref().take(more).read_to_end(&mut self.buffer)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The header at `offset`, if another of its kind follows its frame, or a tag, or the end.
    fn confirmed(&self, offset: usize) -> Option<Header> {
        let frame = self.rest().get(offset..)?;
        let found = header(frame)?;
        let next = frame.get(found.bytes..).unwrap_or_default();
        let follows = header(next).is_some_and(|next| next.kind == found.kind) || tag(next).is_some();
        // At the end nothing can follow, but then it has to be more of what came before.
        let ends = next.len() < 4 && (self.kind == Some(found.kind) || offset > 0);
        (follows || ends).then_some(found)
    }

    /// Passes over tags at the current place; true if that ends the file.
    fn pass_tag(&mut self) -> io::Result<bool> {
        loop {
            self.fill(64)?;
            let Some(bytes) = tag(self.rest()) else { return Ok(self.rest().is_empty()) };
            let here = self.file.stream_position()? - self.rest().len() as u64;
            let behind = here.saturating_add(bytes);
            if behind > self.length {
                // It lies about its length: not a tag after all.
                self.at += 3;
                return Ok(false);
            }
            if bytes <= self.rest().len() as u64 {
                self.at += bytes as usize;
            } else {
                self.buffer.clear();
                self.at = 0;
                self.file.seek(SeekFrom::Start(behind))?;
            }
        }
    }
}

/// Length of the ID3 or APE tag that begins here.
fn tag(bytes: &[u8]) -> Option<u64> {
    if bytes.starts_with(b"TAG") {
        return Some(128.min(bytes.len() as u64));
    }
    if let [b'I', b'D', b'3', 2..=4, revision, flags, a, b, c, d, ..] = *bytes {
        let plausible = revision < 0xff && flags & 0x0f == 0 && (a | b | c | d) < 0x80;
        let size = [a, b, c, d].iter().fold(0, |size, &byte| size << 7 | u64::from(byte));
        return plausible.then_some(10 + size + if flags & 0x10 > 0 { 10 } else { 0 });
    }
    let ape = bytes.strip_prefix(b"APETAGEX")?;
    let size = u32::from_le_bytes(ape.get(4..8)?.try_into().ok()?);
    let is_header = ape.get(15)? & 0x20 > 0;
    Some(32 + if is_header { u64::from(size) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: [u8; 4] = [0xff, 0xfb, 0x90, 0x44]; // MPEG-1 layer 3, 128 kbit/s, 44.1 kHz, joint stereo
    const OTHER: [u8; 4] = [0xff, 0xf3, 0x48, 0xc4]; // MPEG-2 layer 3, 32 kbit/s, 16 kHz, mono

    fn frame(head: [u8; 4]) -> Vec<u8> {
        let mut frame = vec![0x55; header(&head).unwrap().bytes];
        frame[..4].copy_from_slice(&head);
        frame
    }

    fn id3(body: &[u8]) -> Vec<u8> {
        let size = body.len();
        let size = [(size >> 21) as u8, (size >> 14 & 127) as u8, (size >> 7 & 127) as u8, (size & 127) as u8];
        [b"ID3\x04\0\0", &size[..], body].concat()
    }

    fn kinds(parts: &[Vec<u8>]) -> Vec<u32> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), parts.concat()).unwrap();
        let Some(mut frames) = Frames::open(file.path()).unwrap() else { return Vec::new() };
        std::iter::from_fn(|| frames.next().unwrap()).map(|(header, _)| header.rate).collect()
    }

    #[test]
    fn joined_files_come_out_frame_by_frame_whatever_stands_between() {
        // A picture that looks like frames, but not like two in a row.
        let picture: Vec<u8> = (0..400_000).flat_map(|n: u32| [0xff, 0xfb, 0x90, (n % 251) as u8]).collect();
        let one = [frame(HEAD), frame(HEAD), frame(HEAD)].concat();
        let two = [frame(OTHER), frame(OTHER), frame(OTHER)].concat();
        let id3v1 = [&b"TAG"[..], &[b' '; 125]].concat();
        let junk = vec![0xff; 1000];
        let expected = [44_100, 44_100, 44_100, 16_000, 16_000, 16_000];
        assert_eq!(kinds(&[id3(&picture), one.clone(), id3v1, id3(&picture), two.clone()]), expected);
        assert_eq!(kinds(&[vec![0; 700], one.clone(), junk, two.clone()]), expected);
        assert_eq!(kinds(&[one, two]), expected);
    }

    #[test]
    fn a_cut_off_last_frame_counts() {
        let whole = frame(HEAD);
        assert_eq!(kinds(&[whole.clone(), whole.clone(), whole.clone(), whole[..100].to_vec()]).len(), 4);
    }

    #[test]
    fn what_only_looks_like_a_frame_is_not_a_file_of_them() {
        assert!(kinds(&[frame(HEAD)]).is_empty());
        assert!(kinds(&[(0..=255).collect()]).is_empty());
        assert!(kinds(&[vec![0xff; 5000]]).is_empty());
        assert!(kinds(&[b"ID3\x04\0\0\x7f\x7f\x7f\x7f".to_vec()]).is_empty());
        assert!(kinds(&[]).is_empty());
    }
}
