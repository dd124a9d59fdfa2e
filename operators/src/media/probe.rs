//! What kind of file is it: container, codec, tags, chapter marks.
//!
//! Invariant: whatever a file claims, tags and chapters handed on are bounded in number and length.

use std::fs::File;
use std::path::Path;

use symphonia::core::codecs::audio::well_known as codecs;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::common::Limit;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{
    ChapterGroup, ChapterGroupItem, MetadataOptions, MetadataRevision, RawValue, StandardTag, Tag,
};

use crate::record::piece::Chapter;
use crate::units::Seconds;

const MOST_TAGS: usize = 200;
const MOST_CHAPTERS: usize = 2_000;
const LONGEST_TEXT: usize = 4_096;

/// Opens a file as whatever its bytes say it is; its name is not asked.
pub(crate) fn open(path: &Path) -> symphonia::core::errors::Result<Box<dyn FormatReader>> {
    let file = File::open(path)?;
    let options = MediaSourceStreamOptions { buffer_len: 256 << 10, ..Default::default() };
    let stream = MediaSourceStream::new(Box::new(file), options);
    // Pictures are not read: some are larger than the audio.
    let metadata =
        MetadataOptions::default().limit_visual_bytes(Limit::Maximum(1)).limit_tag_bytes(Limit::Maximum(64 << 10));
    symphonia::default::get_probe().probe(&Hint::new(), stream, FormatOptions::default(), metadata)
}

/// All decoders: symphonia's own and libopus.
pub(crate) fn registry() -> CodecRegistry {
    let mut registry = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut registry);
    registry.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
    registry
}

/// Id and parameters of the track to listen to: the default one, else the first audio track.
pub(crate) fn audio_track(format: &dyn FormatReader) -> Option<(u32, AudioCodecParameters)> {
    let track = format.default_track(TrackType::Audio)?;
    let parameters = track.codec_params.as_ref()?.audio()?;
    Some((track.id, parameters.clone()))
}

/// Short name of a codec, as in [`crate::record::finding::Media::codec`].
pub(crate) fn codec_name(codec: AudioCodecId, registry: &CodecRegistry) -> String {
    match codec {
        codecs::CODEC_ID_AAC => "aac".into(),
        codecs::CODEC_ID_OPUS => "opus".into(),
        _ => registry.get_audio_decoder(codec).map_or("unknown", |known| known.codec.info.short_name).into(),
    }
}

/// Text tags of the file so far, under common names (`title`, `artist`, ...) where they have one.
pub(crate) fn tags(format: &mut dyn FormatReader) -> Vec<(String, String)> {
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
        let pair = (clip(&name(tag)), clip(&value));
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

fn name(tag: &Tag) -> String {
    let common = match &tag.std {
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
        _ => return tag.raw.key.clone(),
    };
    common.into()
}

/// Cuts a text at a character boundary.
fn clip(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST_TEXT)].trim_end_matches('\0').into()
}

/// Chapter marks that symphonia read (ID3 CHAP, Vorbis comments, Matroska), sorted by time.
pub(crate) fn chapters(format: &dyn FormatReader) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    if let Some(group) = format.chapters() {
        flatten(group, 0, &mut chapters);
    }
    tidy(chapters)
}

/// Sorts by time and bounds number and length.
pub(crate) fn tidy(mut chapters: Vec<Chapter>) -> Vec<Chapter> {
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
