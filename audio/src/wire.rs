//! What parent and decoder child say to each other: frames of one kind byte, a length (u32, little
//! endian) and that many bytes.
//!
//! ```text
//! parent ─▶ child   Limits once, then Decode | Span | Mono, Cancel at any time
//! child ─▶ parent   Head? (Pcm16 | Pcm32)* Done
//! ```
//!
//! Invariant: every request is answered by exactly one Done, unless the child dies. Samples are in
//! the machine's own byte order: both ends are the same machine.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::media::Media;
use crate::units::Span;

/// Kinds of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Parent: [`Allowance`] as JSON.
    Limits,
    /// Parent: decode a whole file to 16 kHz mono.
    Decode,
    /// Parent: a span at the file's own rate and channels.
    Span,
    /// Parent: a span as 16 kHz mono.
    Mono,
    /// Parent: the rest of the running request is not wanted.
    Cancel,
    /// Child: [`Head`] as JSON, before the samples of a `Span`.
    Head,
    /// Child: i16 samples.
    Pcm16,
    /// Child: f32 samples, interleaved.
    Pcm32,
    /// Child: [`Done`] as JSON.
    Done,
}

const KINDS: [(Kind, u8); 9] = [
    (Kind::Limits, b'L'),
    (Kind::Decode, b'D'),
    (Kind::Span, b'S'),
    (Kind::Mono, b'M'),
    (Kind::Cancel, b'C'),
    (Kind::Head, b'h'),
    (Kind::Pcm16, b'i'),
    (Kind::Pcm32, b'f'),
    (Kind::Done, b'd'),
];

/// Bytes before a frame's payload.
pub(crate) const HEADER: usize = 5;
/// Longest payload that either side sends: a frame that says more is not a frame.
pub(crate) const LONGEST: usize = 8 << 20;

/// What a child may use, for the child to impose on itself (see [`super::child`]).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Allowance {
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// CPU seconds that the longest file may take.
    pub cpu_seconds: u64,
    /// Longest audio in seconds.
    pub max_seconds: f64,
    /// Most channels.
    pub max_channels: u16,
    /// Highest rate in Hz.
    pub max_rate: u32,
}

/// How the samples of a span are laid out.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Rate in Hz.
    pub rate: u32,
    /// Interleaved channels.
    pub channels: u16,
    /// Seconds from the start of the file at which the first sample sounds.
    pub start: f64,
}

/// How a request ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// What came of it.
    pub end: End,
    /// By how many bytes the child's resident memory has grown since its start.
    pub grown_bytes: u64,
}

/// What came of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum End {
    /// All samples have been sent.
    Media(Box<Media>),
    /// Not a file for these decoders; nothing has been sent, another decoder may know it.
    Refused(String),
    /// The file is at fault.
    Fault(Box<Fault>),
}

/// Starts a frame of `kind` in `buffer`: what is appended before [`seal`] is its payload.
pub(crate) fn open(buffer: &mut Vec<u8>, kind: Kind) {
    buffer.clear();
    let code = KINDS.iter().find(|known| known.0 == kind).expect("every kind has its byte").1;
    buffer.extend_from_slice(&[code, 0, 0, 0, 0]);
}

/// Writes the payload's length into the frame that [`open`] began.
pub(crate) fn seal(buffer: &mut [u8]) {
    let length = (buffer.len() - HEADER) as u32;
    buffer[1..HEADER].copy_from_slice(&length.to_le_bytes());
}

/// A whole frame with a JSON payload.
pub(crate) fn json(kind: Kind, payload: &impl Serialize) -> Vec<u8> {
    let mut frame = Vec::new();
    open(&mut frame, kind);
    serde_json::to_writer(&mut frame, payload).expect("these types have no failing serialiser");
    seal(&mut frame);
    frame
}

/// A whole frame that asks for (a span of) a file.
pub(crate) fn request(kind: Kind, span: Span, path: &Path) -> Vec<u8> {
    let mut frame = Vec::new();
    open(&mut frame, kind);
    frame.extend_from_slice(&span.start.0.to_le_bytes());
    frame.extend_from_slice(&span.end.0.to_le_bytes());
    frame.extend_from_slice(path.as_os_str().as_bytes());
    seal(&mut frame);
    frame
}

/// Takes the payload of a [`request`] apart; `None` if it is too short to be one.
pub(crate) fn parse_request(payload: &[u8]) -> Option<(Span, PathBuf)> {
    let (start, rest) = payload.split_first_chunk()?;
    let (end, path) = rest.split_first_chunk()?;
    let span = Span::new(f64::from_le_bytes(*start), f64::from_le_bytes(*end));
    Some((span, PathBuf::from(OsStr::from_bytes(path))))
}

/// Reads one frame's payload into `payload`; `None` at a clean end of the stream.
pub(crate) fn read(stream: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<Option<Kind>> {
    let mut header = [0; HEADER];
    let mut have = 0;
    while have < HEADER {
        match stream.read(&mut header[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let [code, length @ ..] = header;
    let length = u32::from_le_bytes(length) as usize;
    let known = KINDS.iter().find(|known| known.1 == code);
    let Some(&(kind, _)) = known.filter(|_| length <= LONGEST) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a frame"));
    };
    payload.resize(length, 0);
    stream.read_exact(payload)?;
    Ok(Some(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_wire_with_any_path() {
        let path = Path::new(OsStr::from_bytes(b"/a\n\xff\xfe b"));
        let frame = request(Kind::Span, Span::new(1.5, 1e9), path);
        let mut payload = Vec::new();
        assert_eq!(read(&mut frame.as_slice(), &mut payload).expect("a frame"), Some(Kind::Span));
        assert_eq!(parse_request(&payload), Some((Span::new(1.5, 1e9), path.to_path_buf())));
        assert_eq!(parse_request(&payload[..15]), None);
    }

    #[test]
    fn bytes_that_are_no_frame_are_an_error_and_not_an_allocation() {
        let mut payload = Vec::new();
        assert_eq!(read(&mut [].as_slice(), &mut payload).expect("clean end"), None);
        for bytes in [&b"D\x00"[..], b"d\xff\xff\xff\xff", b"?\0\0\0\0", b"d\x05\0\0\0abc"] {
            read(&mut &bytes[..], &mut payload).expect_err("not a whole frame");
        }
    }
}
