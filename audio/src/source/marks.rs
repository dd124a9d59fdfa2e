//! Text tags and chapter marks.
//!
//! Invariant: whatever a file claims, what is handed on is bounded in number and length.

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{ChapterGroup, ChapterGroupItem, MetadataRevision, RawValue, StandardTag, Tag};

use crate::media::Chapter;
use crate::units::Seconds;

const MOST_TAGS: usize = 200;
const MOST_CHAPTERS: usize = 2_000;
const LONGEST_TEXT: usize = 4_096;

/// Text tags of the file so far, under common names (`title`, `artist`, ...) where they have one.
pub(super) fn tags(format: &mut dyn FormatReader) -> Vec<(String, String)> {
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut metadata = format.metadata();
    loop {
        if let Some(revision) = metadata.current() {
            collect(revision, &mut tags);
        }
        if metadata.pop().is_none() {
            return tags;
        }
    }
}

fn collect(revision: &MetadataRevision, tags: &mut Vec<(String, String)>) {
    let per_track = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
    for tag in revision.media.tags.iter().chain(per_track) {
        let Some(value) = text(&tag.raw.value) else { continue };
        let pair = (clip(name(tag)), clip(&value));
        if tags.len() < MOST_TAGS && !pair.1.is_empty() && !tags.contains(&pair) {
            tags.push(pair);
        }
    }
}

fn text(value: &RawValue) -> Option<String> {
    match value {
        RawValue::Binary(_) | RawValue::Flag => None,
        value => Some(value.to_string()),
    }
}

/// The common name of a tag, or its own.
fn name(tag: &Tag) -> &str {
    match &tag.std {
        Some(StandardTag::TrackTitle(_)) => "title",
        Some(StandardTag::Artist(_)) => "artist",
        Some(StandardTag::Album(_)) => "album",
        Some(StandardTag::AlbumArtist(_)) => "album_artist",
        Some(StandardTag::Comment(_)) => "comment",
        Some(StandardTag::Description(_)) => "description",
        Some(StandardTag::Genre(_)) => "genre",
        Some(StandardTag::Language(_)) => "language",
        Some(StandardTag::Copyright(_)) => "copyright",
        Some(StandardTag::Encoder(_)) => "encoder",
        Some(
            StandardTag::ReleaseDate(_)
            | StandardTag::RecordingDate(_)
            | StandardTag::ReleaseYear(_)
            | StandardTag::RecordingYear(_),
        ) => "date",
        _ => &tag.raw.key,
    }
}

/// Cuts a text at a character boundary.
fn clip(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST_TEXT)].trim_end_matches('\0').into()
}

/// Chapter marks that the demuxer read (ID3 CHAP, comments in Ogg, Matroska), sorted by time.
pub(super) fn chapters(format: &dyn FormatReader) -> Vec<Chapter> {
    tidy(format.chapters().map(flat).unwrap_or_default())
}

/// All chapters of a group and the groups in it.
pub(super) fn flat(group: &ChapterGroup) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    flatten(group, 0, &mut chapters);
    chapters
}

/// Sorts by time and bounds number and length.
pub(in super::super) fn tidy(mut chapters: Vec<Chapter>) -> Vec<Chapter> {
    chapters.retain(|chapter| chapter.start.0.is_finite() && chapter.start.0 >= 0.0);
    chapters.sort_by(|a, b| a.start.0.total_cmp(&b.start.0));
    chapters.truncate(MOST_CHAPTERS);
    for chapter in &mut chapters {
        chapter.title = clip(chapter.title.trim());
    }
    chapters
}

fn flatten(group: &ChapterGroup, depth: u32, chapters: &mut Vec<Chapter>) {
    for item in &group.items {
        match item {
            ChapterGroupItem::Group(inner) if depth < 4 => flatten(inner, depth + 1, chapters),
            ChapterGroupItem::Group(_) => {}
            ChapterGroupItem::Chapter(chapter) => {
                let is_title =
                    |tag: &&Tag| matches!(tag.std, Some(StandardTag::ChapterTitle(_) | StandardTag::TrackTitle(_)));
                let title = chapter.tags.iter().find(is_title).or(chapter.tags.first());
                chapters.push(Chapter {
                    start: Seconds(chapter.start_time.as_secs_f64()),
                    title: title.and_then(|tag| text(&tag.raw.value)).unwrap_or_default(),
                });
            }
        }
    }
}
