//! Chapter marks in an ID3v2 tag, read the way players do: every CHAP frame is a chapter.
//!
//! ```text
//! ID3 | version, flags, size | extended header? | frame | CHAP | frame | CHAP | padding
//!                                                         └ id, start, end, offsets, frames: TIT2 = title
//! ```
//! symphonia follows the standard, and gives up all chapters of a tag whose table of contents (CTOC)
//! breaks a rule of it; mp3chaps and other programs write tables that no table contains and that do
//! not say that they are the topmost. It is asked first, as it also finds tags in other containers.
//!
//! Invariant: bytes that make no sense end the reading; at most [`LARGEST`] bytes are read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::media::Chapter;
use crate::units::Seconds;

/// Tags hold pictures, some one for each chapter.
const LARGEST: u64 = 32 << 20;
/// Bytes of a frame's head.
const HEAD: usize = 10;

/// Chapter marks in the tag at the start of a file, in the order of the tag.
pub(super) fn chapters(path: &Path) -> Vec<Chapter> {
    File::open(path).ok().and_then(read).unwrap_or_default()
}

fn read(mut file: impl Read) -> Option<Vec<Chapter>> {
    let mut head = [0; HEAD];
    file.read_exact(&mut head).ok()?;
    let [b'I', b'D', b'3', version @ 3..=4, _, flags, size @ ..] = head else { return None };
    let mut body = Vec::new();
    file.take(seven_bits(&size).min(LARGEST)).read_to_end(&mut body).ok()?;
    // From version 4 on each frame says it for itself.
    let body = if version == 3 && flags & 0x80 > 0 { synchronised(&body) } else { body };
    let extended = match (flags & 0x40 > 0, version) {
        (false, _) => 0,
        (true, 3) => 4 + word(body.get(..4)?),
        (true, _) => seven_bits(body.get(..4)?),
    };
    let frames = body.get(usize::try_from(extended).ok()?..)?;
    let marks = self::frames(frames, version).filter(|(id, _)| id == b"CHAP");
    Some(marks.filter_map(|(_, content)| chapter(&content, version)).collect())
}

/// The frames of a tag or of a CHAP frame: id, content.
fn frames(mut rest: &[u8], version: u8) -> impl Iterator<Item = ([u8; 4], Vec<u8>)> {
    std::iter::from_fn(move || {
        let (&[a, b, c, d, ref size @ .., _, format], behind) = rest.split_first_chunk::<HEAD>()?;
        if a == 0 {
            return None; // padding
        }
        // Some programs write version 4 with sizes in eight bits.
        let plain = version == 3 || size.iter().any(|&byte| byte >= 0x80);
        let size = if plain { word(size) } else { seven_bits(size) };
        let (content, behind) = behind.split_at_checked(usize::try_from(size).ok()?)?;
        rest = behind;
        // What is compressed or encrypted is no chapter that anybody writes.
        let says = |flag| version == 4 && format & flag > 0;
        let mut content = if says(0x02) { synchronised(content) } else { content.to_vec() };
        if says(0x01) {
            content.drain(..content.len().min(4)); // its length, once more
        }
        Some(([a, b, c, d], content))
    })
}

fn chapter(content: &[u8], version: u8) -> Option<Chapter> {
    let end = content.iter().position(|&byte| byte == 0)?;
    let times = &content[end + 1..];
    let start = word(times.get(..4)?);
    let inside = times.get(16..)?;
    let title = frames(inside, version).find(|(id, _)| id == b"TIT2").map(|(_, text)| decode_text(&text));
    Some(Chapter { start: Seconds(start as f64 / 1000.0), title: title.unwrap_or_default() })
}

/// A text frame: its encoding, then the text up to the first NUL.
fn decode_text(content: &[u8]) -> String {
    let Some((&encoding, text)) = content.split_first() else { return String::new() };
    let text = match encoding {
        0 => encoding_rs::WINDOWS_1252.decode_without_bom_handling(text).0,
        1 => encoding_rs::UTF_16LE.decode(text).0,
        2 => encoding_rs::UTF_16BE.decode_without_bom_handling(text).0,
        _ => encoding_rs::UTF_8.decode(text).0,
    };
    text.split('\0').next().unwrap_or_default().into()
}

/// Undoes unsynchronisation: a zero after each 0xff, put there lest it look like a frame of MPEG.
fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let mut before = 0;
    bytes.iter().copied().filter(|&byte| std::mem::replace(&mut before, byte) < 0xff || byte > 0).collect()
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

fn seven_bits(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| sum << 7 | u64::from(byte & 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: &[u8; 4], flags: [u8; 2], content: &[u8]) -> Vec<u8> {
        assert!(content.len() < 128, "a size that reads the same in seven and eight bits");
        [&id[..], &[0, 0, 0, content.len() as u8], &flags, content].concat()
    }

    fn mark(start: u32, title: &[u8]) -> Vec<u8> {
        let title = frame(b"TIT2", [0; 2], title);
        frame(b"CHAP", [0; 2], &[b"ch\0", &start.to_be_bytes()[..], &[0xff; 12], &title].concat())
    }

    fn tag(version: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let size = [0, 0, (body.len() >> 7) as u8, (body.len() & 0x7f) as u8];
        [&[b'I', b'D', b'3', version, 0, flags], &size[..], body].concat()
    }

    fn marks(tag: &[u8]) -> Vec<(f64, String)> {
        let found = read(tag).unwrap_or_default();
        found.into_iter().map(|chapter| (chapter.start.0, chapter.title)).collect()
    }

    #[test]
    fn every_chap_frame_is_a_chapter_whatever_the_table_of_contents_says() {
        let body = [
            frame(b"CTOC", [0; 2], b"toc\0\x01\x01ch\0"),
            mark(0, b"\x03Anf\xc3\xa4nge"),
            mark(7_000, b"\x01\xff\xfe\x31\x72\0\0"),
            mark(9_500, b"\0Caf\xe9\0"),
            mark(10_000, b"\x02\x72\x31"),
            vec![0; 300],
        ];
        let expected = [(0.0, "Anfänge"), (7.0, "爱"), (9.5, "Café"), (10.0, "爱")].map(|(at, it)| (at, it.into()));
        for version in [3, 4] {
            assert_eq!(marks(&tag(version, 0, &body.concat())), expected);
        }
    }

    #[test]
    fn extended_headers_and_unsynchronisation_are_undone() {
        let one = mark(1_000, b"\0One");
        let apart = |bytes: &[u8]| {
            let pairs = bytes.iter().flat_map(|&byte| [byte, 0].into_iter().take(if byte == 0xff { 2 } else { 1 }));
            pairs.collect::<Vec<u8>>()
        };
        let expected = [(1.0, "One".to_string())];
        assert_eq!(marks(&tag(3, 0x80, &apart(&one))), expected);
        assert_eq!(marks(&tag(3, 0x40, &[&[0, 0, 0, 6, 0, 0, 0, 0, 0, 0], &one[..]].concat())), expected);
        assert_eq!(marks(&tag(4, 0x40, &[&[0, 0, 0, 12, 1, 0x20, 5, 1, 2, 3, 4, 5], &one[..]].concat())), expected);
        let content = [&[0, 0, 0, 0], &apart(&one[HEAD..])[..]].concat();
        assert_eq!(marks(&tag(4, 0, &frame(b"CHAP", [0, 3], &content))), expected);
    }

    #[test]
    fn bytes_that_make_no_sense_end_the_reading() {
        let whole = tag(4, 0, &[mark(1_000, b"\0One"), mark(2_000, b"\0Two")].concat());
        for length in 0..whole.len() {
            assert!(marks(&whole[..length]).len() < 2);
        }
        for odd in
            [frame(b"CHAP", [0; 2], b""), frame(b"CHAP", [0; 2], b"ch\0\0"), b"CHAP\xff\xff\xff\xff\0\0".to_vec()]
        {
            assert!(marks(&tag(4, 0, &odd)).is_empty());
        }
        assert!(marks(&tag(2, 0, &whole)).is_empty());
        assert!(marks(&tag(4, 0x40, &[0x7f; 4])).is_empty());
    }
}
