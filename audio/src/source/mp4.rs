//! What the MP4 demuxer does not tell: edit lists and chapter marks.
//!
//! ```text
//! moov ┬ mvhd                      movie time scale
//!      ├ trak ┬ tkhd               track id
//!      │      ├ edts/elst          which part of the media is presented
//!      │      ├ tref/chap          track whose text samples are chapter titles (QuickTime)
//!      │      └ mdia ┬ mdhd        media time scale
//!      │             └ minf/stbl   where samples lie and how long they last
//!      └ udta/chpl                 chapter list (Nero)
//! ```
//! iTunes' own mark of priming and padding (iTunSMPB) is not read: ffmpeg and the players built on
//! it do not cut by it, and being with them is worth more than 46 ms of silence.
//!
//! Invariant: a box that makes no sense is passed over; whatever the file says, at most
//! [`LARGEST_MOOV`] bytes are read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::media::Chapter;
use crate::units::Seconds;

/// The table of contents of a 24 h file is about 20 MB.
const LARGEST_MOOV: u64 = 48 << 20;
/// More marks than any listener reads.
const MOST_CHAPTERS: usize = 2_000;
const LONGEST_TITLE: usize = 4_096;

/// What an MP4 file says about presenting its tracks.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// Per track id.
    pub tracks: Vec<(u32, Presented)>,
    /// Chapter marks, in order.
    pub chapters: Vec<Chapter>,
}

/// Which part of a track's media is presented.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Presented {
    /// Media time units per second.
    pub timescale: u32,
    /// Parts in presentation order: start in media time units, length in seconds (0: to the end).
    pub edits: Vec<(u64, f64)>,
}

struct Track {
    id: u32,
    presented: Presented,
    chapter_tracks: Vec<u32>,
    texts: Vec<(f64, u64, u32)>,
}

/// Reads the table of contents of an MP4 file; empty where there is none or it makes no sense.
pub(super) fn read(path: &Path) -> Movie {
    File::open(path).ok().and_then(|mut file| read_movie(&mut file)).unwrap_or_default()
}

fn read_movie(file: &mut File) -> Option<Movie> {
    let moov = load_moov(file)?;
    let scale = find(&moov, b"mvhd").and_then(scale_of).filter(|&scale| scale > 0)?;
    let udta = find(&moov, b"udta");
    let tracks: Vec<Track> =
        boxes(&moov).filter(|(name, _)| name == b"trak").filter_map(|(_, trak)| track(trak, scale)).collect();
    let mut chapters = quicktime_chapters(file, &tracks);
    if chapters.is_empty() {
        chapters = udta.and_then(|udta| find(udta, b"chpl")).map(nero_chapters).unwrap_or_default();
    }
    let tracks = tracks.into_iter().map(|track| (track.id, track.presented)).collect();
    Some(Movie { tracks, chapters })
}

/// The body of the top-level moov box.
fn load_moov(file: &mut File) -> Option<Vec<u8>> {
    let mut at = 0;
    // A file of empty boxes would be walked for ever: real ones have a handful, fragmented ones
    // have their moov first.
    for _ in 0..10_000 {
        file.seek(SeekFrom::Start(at)).ok()?;
        let mut head = [0; 16];
        file.read_exact(&mut head[..8]).ok()?;
        let (length, name) = (be(&head[..4])?, &head[4..8].to_owned());
        let (header, length) = match length {
            1 => {
                file.read_exact(&mut head[8..]).ok()?;
                (16, be(&head[8..])?)
            }
            0 => (8, u64::MAX - at),
            length => (8, length),
        };
        let body = length.checked_sub(header)?;
        if name == b"moov" {
            let mut moov = Vec::new();
            file.take(body.min(LARGEST_MOOV)).read_to_end(&mut moov).ok()?;
            return Some(moov);
        }
        at = at.checked_add(length)?;
    }
    None
}

/// The boxes inside a box's body.
fn boxes(mut body: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let length = be(body.get(..4)?)? as usize;
        let name = body.get(4..8)?.try_into().ok()?;
        let (header, length) = match length {
            0 => (8, body.len()),
            1 => (16, usize::try_from(be(body.get(8..16)?)?).ok()?),
            length => (8, length),
        };
        let inside = body.get(header..length.min(body.len()))?;
        body = &body[length.min(body.len())..];
        Some((name, inside))
    })
}

fn find<'a>(body: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(body).find(|(found, _)| found == name).map(|(_, inside)| inside)
}

fn be(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

fn at(body: &[u8], offset: usize, length: usize) -> Option<u64> {
    be(body.get(offset..offset.checked_add(length)?)?)
}

/// The time scale of an mvhd or mdhd box.
fn scale_of(header: &[u8]) -> Option<u32> {
    at(header, if header.first()? == &1 { 20 } else { 12 }, 4).map(|scale| scale as u32)
}

fn track(trak: &[u8], movie_scale: u32) -> Option<Track> {
    let tkhd = find(trak, b"tkhd")?;
    let id = at(tkhd, if tkhd.first()? == &1 { 20 } else { 12 }, 4)? as u32;
    let mdia = find(trak, b"mdia")?;
    let timescale = scale_of(find(mdia, b"mdhd")?).filter(|&scale| scale > 0)?;
    let edits = find(trak, b"edts").and_then(|edts| find(edts, b"elst"));
    let edits = edits.map(|elst| edit_list(elst, movie_scale)).unwrap_or_default();
    let chapters = find(trak, b"tref").and_then(|tref| find(tref, b"chap")).unwrap_or_default();
    let texts = find(mdia, b"hdlr")
        .filter(|hdlr| matches!(hdlr.get(8..12), Some(b"text" | b"sbtl")))
        .and_then(|_| find(find(mdia, b"minf")?, b"stbl"))
        .and_then(|stbl| samples(stbl, timescale))
        .unwrap_or_default();
    Some(Track {
        id,
        presented: Presented { timescale, edits },
        chapter_tracks: chapters.as_chunks().0.iter().map(|&id| u32::from_be_bytes(id)).collect(),
        texts,
    })
}

/// Parts of the media that are presented; leading silence ("empty edits") is left out, as players
/// that show one track do.
fn edit_list(elst: &[u8], movie_scale: u32) -> Vec<(u64, f64)> {
    let long = elst.first() == Some(&1);
    let (entry, field) = if long { (20, 8) } else { (12, 4) };
    let count = at(elst, 4, 4).unwrap_or(0).min(1_000) as usize;
    (0..count)
        .filter_map(|n| {
            let length = at(elst, 8 + n * entry, field)?;
            let start = at(elst, 8 + n * entry + field, field)?;
            let empty = if long { start == u64::MAX } else { start == u64::from(u32::MAX) };
            (!empty).then(|| (start, length as f64 / f64::from(movie_scale)))
        })
        .collect()
}

/// Start in seconds, byte offset and size of each sample of a (short) track.
fn samples(stbl: &[u8], timescale: u32) -> Option<Vec<(f64, u64, u32)>> {
    let stsz = find(stbl, b"stsz")?;
    let (fixed, count) = (at(stsz, 4, 4)?, at(stsz, 8, 4)?.min(MOST_CHAPTERS as u64) as usize);
    let size = |n: usize| if fixed > 0 { Some(fixed) } else { at(stsz, 12 + 4 * n, 4) };
    let (chunks, width) = match find(stbl, b"stco") {
        Some(stco) => (stco, 4),
        None => (find(stbl, b"co64")?, 8),
    };
    let stsc = find(stbl, b"stsc")?;
    let runs = at(stsc, 4, 4)?.min(MOST_CHAPTERS as u64) as usize;
    let per_chunk = |chunk: usize| {
        (0..runs)
            .rfind(|run| at(stsc, 8 + 12 * run, 4).is_some_and(|first| first <= chunk as u64 + 1))
            .and_then(|run| at(stsc, 12 + 12 * run, 4))
    };
    let stts = find(stbl, b"stts")?;
    let (mut entry, mut left, mut time) = (0, at(stts, 8, 4)?, 0u64);
    let mut samples = Vec::new();
    for chunk in 0.. {
        let Some(mut offset) = at(chunks, 8 + width * chunk, width) else { break };
        for _ in 0..per_chunk(chunk)?.min(MOST_CHAPTERS as u64) {
            if samples.len() >= count {
                return Some(samples);
            }
            let size = size(samples.len())?;
            samples.push((time as f64 / f64::from(timescale), offset, size as u32));
            offset = offset.saturating_add(size);
            while left == 0 {
                entry += 1;
                left = at(stts, 8 + 8 * entry, 4)?;
            }
            left -= 1;
            time = time.saturating_add(at(stts, 12 + 8 * entry, 4)?);
        }
    }
    Some(samples)
}

fn quicktime_chapters(file: &mut File, tracks: &[Track]) -> Vec<Chapter> {
    // Of several (titles, links) ffmpeg shows the last.
    let ids = tracks.iter().flat_map(|track| &track.chapter_tracks);
    let mut listed = ids.filter_map(|id| tracks.iter().find(|track| track.id == *id));
    let Some(track) = listed.rfind(|track| !track.texts.is_empty()) else { return Vec::new() };
    let title = |&(_, offset, size): &(f64, u64, u32), file: &mut File| {
        let mut text = vec![0; (size as usize).min(LONGEST_TITLE + 2)];
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.read_exact(&mut text).ok()?;
        let length = at(&text, 0, 2)? as usize;
        Some(decode_text(text.get(2..2 + length.min(text.len() - 2))?))
    };
    track
        .texts
        .iter()
        .filter_map(|sample| Some(Chapter { start: Seconds(sample.0), title: title(sample, file)? }))
        .collect()
}

/// UTF-8, or UTF-16 where a byte order mark says so.
fn decode_text(bytes: &[u8]) -> String {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding.decode(bytes).0.into_owned(),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Version 1: 4 bytes reserved, 1 count, then start in 100 ns (8), title length (1), title.
fn nero_chapters(chpl: &[u8]) -> Vec<Chapter> {
    let mut rest = chpl.get(if chpl.first() == Some(&1) { 9.. } else { 5.. }).unwrap_or_default();
    std::iter::from_fn(|| {
        let start = at(rest, 0, 8)? as f64 / 1e7;
        let length = at(rest, 8, 1)? as usize;
        let title = decode_text(rest.get(9..9 + length)?);
        rest = &rest[9 + length..];
        Some(Chapter { start: Seconds(start), title })
    })
    .take(MOST_CHAPTERS)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat()
    }

    #[test]
    fn a_box_that_lies_about_its_length_ends_the_walk() {
        for length in [2u32, 7, 9, 100, u32::MAX] {
            let mut body = boxed(b"free", &[0; 4]);
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(b"trakxy");
            assert!(boxes(&body).count() <= 2);
        }
    }

    #[test]
    fn edits_leave_out_the_silence_before_the_media() {
        let mut elst = vec![0, 0, 0, 0, 0, 0, 0, 2];
        for (length, start) in [(600u32, u32::MAX), (3000, 1024)] {
            elst.extend_from_slice(&length.to_be_bytes());
            elst.extend_from_slice(&start.to_be_bytes());
            elst.extend_from_slice(&[0, 1, 0, 0]);
        }
        assert_eq!(edit_list(&elst, 600), [(1024, 5.0)]);
        assert_eq!(edit_list(&elst[..20], 600), []);
    }
}
