//! What ffprobe finds in a file.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::process::{input, run};
use super::refusal;
use crate::decoder::DecodeLimits;
use crate::decoder::fault::of_path;
use crate::fault::Fault;
use crate::media::Chapter;
use crate::media::Media;
use crate::source::marks::tidy;
use crate::units::{Samples, Seconds};

/// What ffprobe finds, as far as it is used.
#[derive(Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    streams: Vec<FoundStream>,
    #[serde(default)]
    chapters: Vec<FoundChapter>,
    format: Option<FoundFormat>,
}

#[derive(Deserialize)]
struct FoundStream {
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    sample_rate: String,
    #[serde(default)]
    channels: u16,
}

#[derive(Deserialize)]
struct FoundChapter {
    start_time: String,
    #[serde(default)]
    tags: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct FoundFormat {
    format_name: String,
    #[serde(default)]
    tags: serde_json::Map<String, serde_json::Value>,
}

/// The common name of a tag: ffprobe gives it for most containers, but leaves Matroska's capitals.
fn name(key: &str) -> String {
    const COMMON: [&str; 9] =
        ["title", "artist", "album", "comment", "description", "genre", "language", "copyright", "encoder"];
    COMMON.iter().find(|common| key.eq_ignore_ascii_case(common)).map_or(key, |common| common).into()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

impl Found {
    /// The same, but for the number of samples.
    pub(super) fn media(self) -> Media {
        let stream = self.streams.into_iter().next();
        let format = self.format;
        let chapters = self.chapters.iter().filter_map(|chapter| {
            let title = chapter.tags.get("title").map(text).unwrap_or_default();
            Some(Chapter { start: Seconds(chapter.start_time.parse().ok()?), title })
        });
        let codec = stream.as_ref().map(|stream| match &stream.profile[..] {
            profile if profile.starts_with("HE-AAC") => profile.to_lowercase(),
            _ => stream.codec_name.clone(),
        });
        Media {
            container: format.as_ref().map(|format| format.format_name.clone()).unwrap_or_default(),
            codec: codec.unwrap_or_default(),
            sample_rate: stream.as_ref().and_then(|stream| stream.sample_rate.parse().ok()).unwrap_or(0),
            channels: stream.map_or(0, |stream| stream.channels),
            samples: Samples(0),
            chapters: tidy(chapters.collect()),
            tags: format
                .map(|format| format.tags.iter().take(200).map(|(key, value)| (name(key), text(value))).collect())
                .unwrap_or_default(),
            warnings: Vec::new(),
        }
    }
}

/// What ffprobe says about a file that holds audio within the limits.
pub(super) fn probe(path: &Path, limits: &DecodeLimits, refused: &str) -> Result<Found, Fault> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-print_format", "json", "-select_streams", "a:0"]);
    command.args(["-show_streams", "-show_chapters", "-show_format"]);
    input(&mut command, path, limits);
    let mut json = Vec::new();
    let said = run(command, path, limits, &mut |bytes| {
        json.extend_from_slice(bytes);
        if json.len() > 8 << 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let found = serde_json::from_slice::<Found>(&json).ok().filter(|found| !found.streams.is_empty());
    let found = found.ok_or_else(|| of_path(refusal(refused, &said), path))?;
    let fault = |code: &str, message| {
        let remedy = "publish ordinary audio, or raise the decoder's limit";
        of_path(Fault::poison("decode", code, message, remedy), path)
    };
    let stream = &found.streams[0];
    let rate = stream.sample_rate.parse().unwrap_or(0);
    if stream.channels == 0 || rate == 0 {
        return Err(of_path(refusal(refused, &said), path));
    }
    if stream.channels > limits.max_channels {
        return Err(fault("channels", format!("{} channels, more than {}", stream.channels, limits.max_channels)));
    }
    if rate > limits.max_rate {
        return Err(fault("rate", format!("{rate} Hz, more than {} Hz", limits.max_rate)));
    }
    Ok(found)
}
