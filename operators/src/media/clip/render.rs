//! The whole way from decoded audio to measured clips.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::edges::{self, Cut};
use super::encode::{self, Format, Tags};
use super::loudness::{self, Aim};
use super::measure::{self, Measured};
use super::mix::Mix;
use super::{Pcm, STAGE};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::units::Span;
use hark_audio::limits::Limits;

/// Allowed difference between the span and what a player gets, in seconds.
pub const LENGTH_ERROR: f64 = 0.050;
/// Allowed deviation from the wanted loudness, in LU.
pub const LOUDNESS_ERROR: f64 = 1.0;
/// Left free below the wanted true peak on the first try: what codecs usually overshoot, in dB.
const HEADROOM: f64 = 1.0;
/// Further down on a next try than what was too much, in dB.
const EXTRA: f64 = 0.2;
/// Encodings of one clip before it is given up.
const TRIES: usize = 5;

/// How clips are to be.
#[derive(Clone, Debug)]
pub struct ClipSettings {
    /// What to encode, the players' choice first.
    pub formats: Vec<Format>,
    /// Integrated loudness.
    pub loudness_lufs: f64,
    /// Highest true peak after encoding.
    pub true_peak_dbtp: f64,
    /// The program; a bare name is looked up in PATH.
    pub ffmpeg: PathBuf,
    /// Limits of each ffmpeg child, of which there are two per try. It needs 300 MB of address space for its libraries.
    pub limits: Limits,
    /// Under which the scratch folder is made.
    pub scratch: PathBuf,
}

impl Default for ClipSettings {
    fn default() -> Self {
        Self {
            formats: vec![Format::Aac, Format::Opus],
            loudness_lufs: -16.0,
            true_peak_dbtp: -1.0,
            ffmpeg: "ffmpeg".into(),
            limits: Limits { memory_bytes: 768 << 20, cpu: Duration::from_secs(30), wall: Duration::from_secs(60) },
            scratch: std::env::temp_dir(),
        }
    }
}

/// One encoded clip with what was measured on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncodedClip {
    /// The file.
    pub bytes: Vec<u8>,
    /// `audio/mp4`, `audio/ogg`.
    pub media_type: Cow<'static, str>,
    /// Of the file name, without the dot.
    pub extension: Cow<'static, str>,
    /// SHA-256 of `bytes`, in hex.
    pub sha256: String,
    /// Integrated loudness after encoding, LUFS.
    pub loudness_lufs: f64,
    /// True peak after encoding, dBTP.
    pub true_peak_dbtp: f64,
    /// Decoded length in seconds.
    pub seconds: f64,
}

/// A rendered preview.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The real edges in the episode.
    pub span: Span,
    /// One per wanted format, in that order.
    pub clips: Vec<EncodedClip>,
}

/// Cuts `wanted` out of `pcm` (with 0.5 s or more of margin), levels it and encodes it.
///
/// Errors, all of stage `cut`: `pcm`, `span`, `silent`, `quiet` for the audio; `encode` where ffmpeg
/// fails or the length is wrong; `loudness` where the codec does not keep the levels after several
/// tries; retryable `no_encoder`, `timeout`, `scratch`.
pub fn render(pcm: Pcm<'_>, wanted: &Cut, tags: &Tags, settings: &ClipSettings) -> Result<Rendered, Fault> {
    let mix = Mix::of(pcm)?;
    let chosen = edges::choose(&mix, wanted)?;
    let mut cut = mix.cut(chosen.first..chosen.past);
    edges::fade(&mut cut.samples, cut.channels, chosen.fade_in, chosen.fade_out);
    let span = Span { start: mix.time_of(chosen.first), end: mix.time_of(chosen.past) };

    let folder = tempfile::Builder::new().prefix("hark-clip-").tempdir_in(&settings.scratch).map_err(|error| {
        Fault::retry(
            STAGE,
            "scratch",
            format!("no scratch folder under {}", settings.scratch.display()),
            "check that it exists and its disk has space",
        )
        .caused_by(&error)
    })?;
    let mut done: Vec<Option<EncodedClip>> = vec![None; settings.formats.len()];
    let mut aim = Aim { loudness_lufs: settings.loudness_lufs, ceiling_dbtp: settings.true_peak_dbtp - HEADROOM };
    let mut misses = Vec::new();
    for _ in 0..TRIES {
        let open: Vec<usize> = (0..done.len()).filter(|&index| done[index].is_none()).collect();
        if open.is_empty() {
            break;
        }
        let formats: Vec<Format> = open.iter().map(|&index| settings.formats[index]).collect();
        let levelled = loudness::level(&cut, aim)?;
        let (ffmpeg, limits) = (&settings.ffmpeg, settings.limits);
        encode::encode(ffmpeg, &levelled, span, tags, &formats, folder.path(), limits)?;
        let measured = measure::measure(ffmpeg, &formats, levelled.rate, levelled.channels, folder.path(), limits)?;
        misses.clear();
        for (&index, measured) in open.iter().zip(measured) {
            let format = settings.formats[index];
            check_length(format, measured, span)?;
            match Miss::of(measured, settings) {
                Some(miss) => misses.push((format, measured, miss)),
                None => done[index] = Some(finished(folder.path(), format, measured)?),
            }
        }
        aim = misses.iter().map(|(_, _, miss)| *miss).reduce(Miss::worse).map_or(aim, |miss| miss.corrected(aim));
    }
    match misses.first() {
        None => Ok(Rendered { span, clips: done.into_iter().flatten().collect() }),
        Some((format, measured, _)) => Err(Fault::poison(
            STAGE,
            "loudness",
            format!(
                "{format:?} has {:.2} LUFS and {:.2} dBTP after {TRIES} tries for {:.1} and {:.1}",
                measured.loudness.integrated_lufs,
                measured.loudness.true_peak_dbtp,
                settings.loudness_lufs,
                settings.true_peak_dbtp
            ),
            "choose another span: this one has peaks far above its loudness",
        )),
    }
}

/// By how much an encoded clip missed what was wanted.
#[derive(Clone, Copy)]
struct Miss {
    /// Wanted minus measured, LU.
    loudness: f64,
    /// Measured minus allowed, dB; 0 when it was low enough.
    peak: f64,
}

impl Miss {
    fn of(measured: Measured, settings: &ClipSettings) -> Option<Self> {
        let loudness = settings.loudness_lufs - measured.loudness.integrated_lufs;
        let peak = measured.loudness.true_peak_dbtp - settings.true_peak_dbtp;
        (loudness.abs() > LOUDNESS_ERROR || peak > 0.0).then_some(Self { loudness, peak })
    }

    /// What to correct when two clips of the same samples missed.
    fn worse(self, other: Self) -> Self {
        let loudness = if self.loudness.abs() >= other.loudness.abs() { self.loudness } else { other.loudness };
        Self { loudness, peak: self.peak.max(other.peak) }
    }

    /// The aim that would have hit.
    fn corrected(self, aim: Aim) -> Aim {
        let beyond = if self.peak > 0.0 { self.peak + EXTRA } else { 0.0 };
        Aim {
            loudness_lufs: aim.loudness_lufs + self.loudness.clamp(-3.0, 3.0),
            ceiling_dbtp: aim.ceiling_dbtp - beyond,
        }
    }
}

fn check_length(format: Format, measured: Measured, span: Span) -> Result<(), Fault> {
    if (measured.seconds - span.length()).abs() <= LENGTH_ERROR {
        return Ok(());
    }
    Err(Fault::poison(
        STAGE,
        "encode",
        format!("{format:?} decodes to {:.3} s instead of {:.3}", measured.seconds, span.length()),
        "check the version of ffmpeg",
    ))
}

fn finished(folder: &Path, format: Format, measured: Measured) -> Result<EncodedClip, Fault> {
    let path = encode::path_of(folder, format);
    let bytes = fs::read(&path).map_err(|error| {
        Fault::retry(STAGE, "scratch", format!("{} cannot be read", path.display()), "check the scratch folder's disk")
            .caused_by(&error)
    })?;
    Ok(EncodedClip {
        sha256: hex::encode(Sha256::digest(&bytes)),
        bytes,
        media_type: format.media_type().into(),
        extension: format.extension().into(),
        loudness_lufs: measured.loudness.integrated_lufs,
        true_peak_dbtp: measured.loudness.true_peak_dbtp,
        seconds: measured.seconds,
    })
}
