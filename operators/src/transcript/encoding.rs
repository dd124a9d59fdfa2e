//! Bytes to text: byte order mark, UTF-8, then what the hint declares, then a guess.
//!
//! Text that is UTF-8 already is borrowed. Everything else is decoded into one buffer that cannot
//! outgrow [`MAX_BYTES`].

use std::borrow::Cow;

use encoding_rs::{CoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::STAGE;
use super::limits::{MAX_BYTES, too_large};
use super::repairs::Repairs;
use crate::fault::Fault;

/// Leading bytes that are looked at to guess an encoding.
const SAMPLE: usize = 256 << 10;

/// First bytes of files that are offered as transcripts by mistake, and what they are.
const BINARIES: [(&[u8], &str); 8] = [
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"ID3", "an MP3 file"),
    (b"OggS", "an Ogg file"),
    (b"RIFF", "a WAVE file"),
    (b"fLaC", "a FLAC file"),
    (b"\x89PNG", "a picture"),
];

/// Decodes a whole file. What had to be guessed or replaced is noted in `repairs`.
pub(super) fn decode<'a>(bytes: &'a [u8], hint: Option<&str>, repairs: &mut Repairs) -> Result<Cow<'a, str>, Fault> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Fault::poison(STAGE, "empty", "the file holds no text", "leave the transcript out of the feed"));
    }
    if let Some((_, what)) = BINARIES.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(not_text(&format!("the file is {what}")));
    }
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let body = &bytes[mark..];
        if encoding == UTF_8
            && let Ok(text) = std::str::from_utf8(body)
        {
            return Ok(Cow::Borrowed(text));
        }
        return convert(body, encoding, "by its byte order mark", repairs);
    }
    if let Some(encoding) = wide_without_mark(bytes) {
        return convert(bytes, encoding, "by its zero bytes", repairs);
    }
    if let Some(at) = binary(&bytes[..bytes.len().min(SAMPLE)]) {
        return Err(not_text(&format!("the file is not text: control characters from byte {at} on")));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    if let Some(encoding) = declared(bytes, hint) {
        return convert(bytes, encoding, "as declared", repairs);
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    if mostly_utf8(sample) {
        return convert(bytes, UTF_8, "although some bytes of it are not", repairs);
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(sample, sample.len() == bytes.len());
    convert(bytes, detector.guess(None, chardetng::Utf8Detection::Deny), "by its letters", repairs)
}

fn not_text(what: &str) -> Fault {
    Fault::poison(STAGE, "not_text", what, "offer WebVTT, SRT, JSON, HTML or plain text")
}

/// Where control characters begin, if there are too many of them for a text.
fn binary(sample: &[u8]) -> Option<usize> {
    let control = |byte: &u8| *byte < b' ' && !b"\t\n\r\x0c\x1b".contains(byte);
    let many = sample.iter().filter(|byte| control(byte)).count() * 50 > sample.len();
    many.then(|| sample.iter().position(control)).flatten()
}

/// UTF-16 without a mark: text of most languages has a zero in every second byte.
fn wide_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(4096) & !1];
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let half = sample.len() / 2;
    if half < 4 || even.max(odd) * 2 < half || even.min(odd) * 8 > half {
        return None;
    }
    Some(if odd > even { UTF_16LE } else { UTF_16BE })
}

/// The charset that a media type or a `<meta>` names. UTF-8 is no answer here: it has been tried.
fn declared(bytes: &[u8], hint: Option<&str>) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
    [hint.unwrap_or_default(), &head].into_iter().find_map(|text| {
        let lower = text.to_ascii_lowercase();
        let value = lower.split_once("charset=")?.1.trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).unwrap_or(value.len());
        Encoding::for_label(&value.as_bytes()[..end]).filter(|encoding| *encoding != UTF_8)
    })
}

/// Whether broken sequences are rare among the sequences beyond ASCII: damage, not another encoding.
fn mostly_utf8(sample: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in sample.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad * 8
}

fn convert(
    bytes: &[u8],
    encoding: &'static Encoding,
    how: &str,
    repairs: &mut Repairs,
) -> Result<Cow<'static, str>, Fault> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(usize::MAX).min(MAX_BYTES);
    let mut text = String::with_capacity(room);
    let (result, _, replaced) = decoder.decode_to_string(bytes, &mut text, true);
    if result == CoderResult::OutputFull {
        return Err(too_large(&format!("the text decoded from {} is too long", encoding.name()), MAX_BYTES, "bytes"));
    }
    text.shrink_to_fit();
    let lost = if replaced { "; characters that could not be read are replaced" } else { "" };
    repairs.note(format!("read as {} {how}{lost}", encoding.name()));
    Ok(Cow::Owned(text))
}
