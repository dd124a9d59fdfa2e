//! Chapter marks of FLAC files: comments `CHAPTER001=00:01:02.500`, `CHAPTER001NAME=...`.
//!
//! The demuxer reads comments as tags and drops the chapters among them; the same comments in Ogg it
//! reads as chapters. So the block is found here and read by symphonia again.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use symphonia::core::io::BufReader;
use symphonia::core::meta::{MetadataBuilder, MetadataSideData};
use symphonia::default::meta::embedded::vorbis::{VORBIS_COMMENT_METADATA_INFO, read_vorbis_comment};

use super::marks;
use crate::media::Chapter;

/// Kind of the metadata block that holds comments.
const COMMENTS: u8 = 4;

/// Chapter marks in a file's comments; none where they make no sense.
pub(super) fn chapters(path: &Path) -> Vec<Chapter> {
    let comments = File::open(path).ok().and_then(comments).unwrap_or_default();
    let mut found = Vec::new();
    // The demuxer has told of comments that cannot be read.
    let _ = read_vorbis_comment(
        &mut BufReader::new(&comments),
        &mut MetadataBuilder::new(VORBIS_COMMENT_METADATA_INFO),
        &mut found,
    );
    let group = found.into_iter().find_map(|data| match data {
        MetadataSideData::Chapters(group) => Some(group),
        _ => None,
    });
    group.as_ref().map(marks::flat).unwrap_or_default()
}

/// The body of the first block of comments.
fn comments(mut file: File) -> Option<Vec<u8>> {
    let mut word = [0; 4];
    file.read_exact(&mut word).ok()?;
    while &word == b"fLaC" || word[0] & 0x80 == 0 {
        file.read_exact(&mut word).ok()?;
        let [kind, length @ ..] = word;
        let length = length.iter().fold(0, |length, &byte| length << 8 | u64::from(byte));
        if kind & 0x7f == COMMENTS {
            let mut block = Vec::new();
            file.take(length).read_to_end(&mut block).ok()?;
            return Some(block);
        }
        file.seek(SeekFrom::Current(length as i64)).ok()?;
    }
    None
}
