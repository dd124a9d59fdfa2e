//! What a player will get: the encoded files decoded again and put on the meter.

use std::fs;
use std::path::Path;

use super::encode::{Format, path_of, quiet};
use super::loudness::{self, Loudness};
use super::{STAGE, child};
use crate::fault::Fault;
use hark_audio::limits::Limits;

/// A decoded clip on the meter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Loudness and true peak.
    pub loudness: Loudness,
    /// Decoded length in seconds.
    pub seconds: f64,
}

/// Decodes each of `formats` in `folder` (encoded from audio of `rate` and `channels`) in one child
/// and measures what comes out.
///
/// Errors: `cut.encode` where a file does not decode; retryable `cut.no_encoder` and `cut.timeout`.
pub(super) fn measure(
    ffmpeg: &Path,
    formats: &[Format],
    rate: u32,
    channels: u16,
    folder: &Path,
    limits: Limits,
) -> Result<Vec<Measured>, Fault> {
    let mut command = quiet(ffmpeg);
    let decoded = |format: Format| path_of(folder, format).with_extension(format!("{}.f32", format.extension()));
    for &format in formats {
        command.arg("-i").arg(path_of(folder, format));
    }
    for (index, &format) in formats.iter().enumerate() {
        command.args(["-map", &format!("{index}:a:0"), "-c:a", "pcm_f32le", "-f", "f32le"]).arg(decoded(format));
    }
    child::run(&mut command, &[], limits)?;
    formats.iter().map(|&format| on_the_meter(&decoded(format), format.rate(rate), channels)).collect()
}

fn on_the_meter(path: &Path, rate: u32, channels: u16) -> Result<Measured, Fault> {
    let bytes = fs::read(path).map_err(|error| {
        Fault::retry(STAGE, "scratch", format!("{} cannot be read", path.display()), "check the scratch folder's disk")
            .caused_by(&error)
    })?;
    let samples: Vec<f32> =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("chunks of four"))).collect();
    let seconds = samples.len() as f64 / f64::from(channels) / f64::from(rate);
    Ok(Measured { loudness: loudness::measure(rate, channels, &samples)?, seconds })
}
