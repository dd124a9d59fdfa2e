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

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes read at once, more than any frame.
const CHUNK: usize = 256 << 10;
/// How far into a file the first frame may be, tags not counted.
const LONGEST_JUNK: u64 = 1 << 20;

/// What a frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Samples per channel in the frame.
    pub frames: u64,
    /// Hz.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Length of the whole frame.
    pub bytes: usize,
    /// Version, layer and rate: what does not change within a stream.
    kind: [u8; 2],
}

/// Reads the header at the start of a frame of layer 2 or 3 with a stated bit rate.
pub(crate) fn header(frame: &[u8]) -> Option<Header> {
    const MPEG_1_LAYER_3: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const MPEG_1_LAYER_2: [u32; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const MPEG_2: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let &[0xff, flags, rates, modes, ..] = frame else { return None };
    let (version, layer) = (flags >> 3 & 3, flags >> 1 & 3); // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    if flags < 0xe0 || version == 1 || !(layer == 1 || layer == 2) {
        return None;
    }
    let (is_mpeg_1, is_layer_3) = (version == 3, layer == 1);
    let rate = *[44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))?;
    let rate = if is_mpeg_1 {
        rate
    } else if version == 2 {
        rate / 2
    } else {
        rate / 4
    };
    let bit_rates = match (is_mpeg_1, is_layer_3) {
        (true, true) => MPEG_1_LAYER_3,
        (true, false) => MPEG_1_LAYER_2,
        _ => MPEG_2,
    };
    let bit_rate = bit_rates.get(usize::from(rates >> 4).checked_sub(1)?)?;
    let frames = if is_layer_3 && !is_mpeg_1 { 576 } else { 1152 };
    let bytes = frames / 8 * bit_rate * 1000 / rate + u32::from(rates >> 1 & 1);
    Some(Header {
        frames: u64::from(frames),
        rate,
        channels: if modes >> 6 == 3 { 1 } else { 2 },
        bytes: bytes as usize,
        kind: [flags & 0b1_1110, rates & 0b1100],
    })
}

/// What the information frame (Xing, with LAME's extension) says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Info {
    /// Samples to drop at the start: the encoder's delay and the decoder's.
    pub delay: u64,
    /// Samples to drop at the end of the counted frames.
    pub padding: u64,
    /// Samples in all counted frames, delay and padding included.
    pub samples: Option<u64>,
}

/// The frames of a file, from its start.
pub(crate) struct Frames {
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
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
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
    pub(crate) fn first(&self) -> Header {
        self.first
    }

    /// What the information frame says, if there is one.
    pub(crate) fn info(&self) -> Info {
        self.info
    }

    /// The next frame. The last one of a cut-off file is filled up with zeros.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Header, Box<[u8]>)>> {
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
        if let Some(info) = info(frame, header) {
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

/// Reads an information frame; `None` if it is an ordinary one. As ffmpeg does, whatever its
/// checksum says.
fn info(frame: &[u8], header: Header) -> Option<Info> {
    let side = match (header.kind[0] >> 3, header.channels) {
        (3, 1) | (0 | 2, 2) => 17,
        (3, _) => 32,
        _ => 9,
    };
    if frame.get(36..40) == Some(b"VBRI") {
        return Some(Info::default());
    }
    let xing = frame.get(4 + side..)?;
    let mut rest = xing.strip_prefix(b"Xing").or(xing.strip_prefix(b"Info"))?;
    let mut take = |length: usize| {
        let (taken, behind) = rest.split_at_checked(length)?;
        rest = behind;
        Some(taken)
    };
    let word = |bytes: &[u8]| bytes.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
    let flags = word(take(4)?);
    if flags & 3 == 0 {
        return None;
    }
    let count = if flags & 1 > 0 { Some(word(take(4)?)) } else { None };
    for (flag, length) in [(2, 4), (4, 100), (8, 4)] {
        if flags & flag > 0 {
            take(length)?;
        }
    }
    let mut info = Info { samples: count.map(|count| u64::from(count) * header.frames), ..Info::default() };
    let Some(lame) = take(24) else { return Some(info) };
    if [b"LAME", b"Lavf", b"Lavc"].iter().any(|encoder| lame.starts_with(*encoder)) {
        // The decoder's own delay comes on top of the encoder's, and off the padding.
        let delays = word(&lame[21..]);
        info.delay = u64::from(delays >> 12) + 529;
        info.padding = u64::from(delays & 0xfff).saturating_sub(529);
    }
    Some(info)
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
    fn headers_give_length_rate_and_channels() {
        let found = header(&HEAD).unwrap();
        assert_eq!((found.frames, found.rate, found.channels, found.bytes), (1152, 44_100, 2, 417));
        let found = header(&OTHER).unwrap();
        assert_eq!((found.frames, found.rate, found.channels, found.bytes), (576, 16_000, 1, 144));
        for bad in [[0xff, 0xfb, 0x9c, 0x44], [0xff, 0xfb, 0xf0, 0x44], [0xff, 0xeb, 0x90, 0x44], *b"ID3\x03"] {
            assert_eq!(header(&bad), None);
        }
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

    #[test]
    fn lame_marks_delay_and_padding() {
        let mut first = frame(HEAD);
        first[36..].fill(0);
        first[36..44].copy_from_slice(b"Info\0\0\0\x01");
        first[44..48].copy_from_slice(&100u32.to_be_bytes());
        first[48..57].copy_from_slice(b"LAME3.100");
        first[69..72].copy_from_slice(&[0x24, 0x06, 0x00]); // 576, 1536
        let info = info(&first, header(&HEAD).unwrap());
        assert_eq!(info, Some(Info { delay: 576 + 529, padding: 1536 - 529, samples: Some(115_200) }));
        assert_eq!(super::info(&frame(HEAD), header(&HEAD).unwrap()), None);
    }
}
