//! How much a transcript may hold.
//!
//! A day of speech is some 230,000 words; as JSON with a time for every word that is 10 MiB. What
//! is larger is no transcript, and is refused before it costs memory. Together the limits hold
//! the reader within 64 MiB on top of its input, which `tests/transcript_memory.rs` measures.

use super::STAGE;
use crate::fault::Fault;

/// Bytes of a file, and of its text once decoded.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// Bytes of one line of a format that is made of lines: a day of speech without a line break.
pub(super) const MAX_LINE: usize = 1 << 20;
/// Bytes of text in all segments together.
pub(super) const MAX_TEXT: usize = 6 << 20;
/// Segments of a transcript.
pub(super) const MAX_SEGMENTS: usize = 120_000;
/// Words of a transcript: more than a day of speech.
pub(super) const MAX_WORDS: usize = 250_000;
/// Bytes of a speaker's name; what is longer is cut.
pub(super) const MAX_NAME: usize = 80;

/// Refuses a file that is too large, naming the line that is to blame if there is one.
pub(super) fn check_size(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() <= MAX_BYTES {
        return Ok(());
    }
    match bytes.split(|byte| *byte == b'\n').position(|line| line.len() > MAX_BYTES) {
        Some(index) => Err(line_too_long(index + 1, MAX_BYTES)),
        None => Err(too_large(&format!("the file has {} bytes", bytes.len()), MAX_BYTES, "bytes")),
    }
}

/// The fault for a line beyond `limit` bytes; `line` counts from 1.
pub(super) fn line_too_long(line: usize, limit: usize) -> Fault {
    Fault::poison(
        STAGE,
        "line_too_long",
        format!("line {line} is longer than {limit} bytes"),
        "break the text into lines, or check that the file is a transcript",
    )
}

/// The fault for too much of something.
pub(super) fn too_large(what: &str, limit: usize, unit: &str) -> Fault {
    Fault::poison(
        STAGE,
        "too_large",
        format!("{what}; the limit is {limit} {unit}"),
        "check that the file is the transcript of one episode, or split it",
    )
}
