//! Loudness by EBU R128 / ITU-R BS.1770 and the way to the target level.
//!
//! A mono file counts as one channel, as BS.1770 writes it and as ffmpeg, Apple and the podcast
//! hosts measure: no 3 dB are added for being played by two loudspeakers. The -16 LUFS that podcast
//! platforms ask for are meant in this convention.

use ebur128::{EbuR128, Mode};

use super::limiter::Peaks;
use super::mix::Mix;
use super::{STAGE, decibels, ratio};
use crate::fault::Fault;

/// More gain than this would publish mostly noise.
pub const MAX_GAIN_DB: f64 = 30.0;
/// How often the gain is corrected for what the limiter takes away.
const CORRECTIONS: usize = 4;
/// What may be given back of the loudness that the limiter took, in dB.
const MAKE_UP_DB: f64 = 6.0;
/// A deviation before encoding that is not worth a correction, in LU.
const CLOSE_ENOUGH: f64 = 0.3;

/// What an R128 meter shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// Integrated loudness; minus infinity for silence and for less than 0.4 s.
    pub integrated_lufs: f64,
    /// Highest true peak of any channel; minus infinity for digital silence.
    pub true_peak_dbtp: f64,
}

/// Where levelling should arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aim {
    /// Integrated loudness.
    pub loudness_lufs: f64,
    /// True peak that the limiter holds.
    pub ceiling_dbtp: f64,
}

/// Measures interleaved `samples`.
///
/// Errors: `cut.pcm` for a rate or channel count that R128 does not know.
pub fn measure(rate: u32, channels: u16, samples: &[f32]) -> Result<Loudness, Fault> {
    let meter = meter(rate, channels, samples, Mode::I | Mode::TRUE_PEAK)?;
    let peak = (0..u32::from(channels)).filter_map(|channel| meter.true_peak(channel).ok()).fold(0.0, f64::max);
    let integrated_lufs = meter.loudness_global().map_err(refused)?;
    Ok(Loudness { integrated_lufs, true_peak_dbtp: decibels(peak) })
}

/// Brings `mix` to the loudness of `aim`, limited to its ceiling. Loudness that the limiter takes
/// away is given back by more gain, as far as a few rounds get.
///
/// Errors: `cut.silent` where nothing exceeds R128's gate of -70 LUFS (or there is less than its
/// 0.4 s), `cut.quiet` where more than [`MAX_GAIN_DB`] would be needed.
pub fn level(mix: &Mix, aim: Aim) -> Result<Mix, Fault> {
    let before = integrated(mix)?;
    if before == f64::NEG_INFINITY {
        return Err(Fault::poison(
            STAGE,
            "silent",
            format!("nothing louder than -70 LUFS in {:.3} s of audio", mix.frames() as f64 / f64::from(mix.rate)),
            "choose another span, or check the episode's audio",
        ));
    }
    let mut gain = aim.loudness_lufs - before;
    if gain > MAX_GAIN_DB {
        return Err(Fault::poison(
            STAGE,
            "quiet",
            format!("the span has {before:.1} LUFS and would need {gain:.1} dB of gain, more than {MAX_GAIN_DB:.0}"),
            "choose another span, or check the episode's audio",
        ));
    }
    let ceiling = ratio(aim.ceiling_dbtp) as f32;
    let most = (gain + MAKE_UP_DB).min(MAX_GAIN_DB);
    let peaks = Peaks::of(&mix.samples, mix.channels, ceiling / ratio(most) as f32);
    let mut result = mix.clone();
    for _ in 0..=CORRECTIONS {
        let factor = ratio(gain) as f32;
        let shape = (mix.channels, mix.rate);
        if peaks.limit(&mix.samples, &mut result.samples, shape, factor, ceiling) == 1.0 {
            break;
        }
        let missing = aim.loudness_lufs - integrated(&result)?;
        if missing.abs() <= CLOSE_ENOUGH || gain == most {
            break;
        }
        gain = (gain + missing).min(most);
    }
    Ok(result)
}

fn integrated(mix: &Mix) -> Result<f64, Fault> {
    meter(mix.rate, mix.channels, &mix.samples, Mode::I)?.loudness_global().map_err(refused)
}

fn meter(rate: u32, channels: u16, samples: &[f32], mode: Mode) -> Result<EbuR128, Fault> {
    let mut meter = EbuR128::new(u32::from(channels), rate, mode).map_err(refused)?;
    meter.add_frames_f32(samples).map_err(refused)?;
    Ok(meter)
}

fn refused(error: ebur128::Error) -> Fault {
    Fault::poison(STAGE, "pcm", "the loudness meter refuses this audio", "check rate and channels of the file")
        .caused_by(&error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Seconds;

    fn sine(rate: u32, channels: u16, amplitude: f32, seconds: u32) -> Mix {
        let samples = (0..rate * seconds)
            .flat_map(|n| {
                let x = (std::f32::consts::TAU * 997.0 * n as f32 / rate as f32).sin() * amplitude;
                std::iter::repeat_n(x, usize::from(channels))
            })
            .collect();
        Mix { rate, channels, samples, start: Seconds(0.0) }
    }

    #[test]
    fn a_mono_sine_counts_once_and_a_stereo_one_twice() {
        // BS.1770: a 997 Hz sine of 0 dBFS in one front channel has -3.01 LKFS.
        let mono = measure(48_000, 1, &sine(48_000, 1, 1.0, 5).samples).unwrap();
        let stereo = measure(48_000, 2, &sine(48_000, 2, 1.0, 5).samples).unwrap();
        assert!((mono.integrated_lufs + 3.01).abs() < 0.05, "{mono:?}");
        assert!((stereo.integrated_lufs - 0.0).abs() < 0.05, "{stereo:?}");
    }

    #[test]
    fn quiet_speech_level_is_raised_to_the_target() {
        let aim = Aim { loudness_lufs: -16.0, ceiling_dbtp: -2.0 };
        let levelled = level(&sine(44_100, 1, 0.02, 3), aim).unwrap();
        let after = measure(44_100, 1, &levelled.samples).unwrap();
        assert!((after.integrated_lufs + 16.0).abs() < 0.1, "{after:?}");
    }

    #[test]
    fn silence_and_near_silence_are_told_apart() {
        let aim = Aim { loudness_lufs: -16.0, ceiling_dbtp: -2.0 };
        assert_eq!(level(&sine(16_000, 1, 0.0, 3), aim).unwrap_err().code, "cut.silent");
        assert_eq!(level(&sine(16_000, 1, 0.002, 3), aim).unwrap_err().code, "cut.quiet");
    }
}
