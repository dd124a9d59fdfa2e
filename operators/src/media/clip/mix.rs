//! Foreign samples to something that can be mixed and encoded: finite, and one or two channels.
//!
//! Mono stays mono and stereo stays stereo, unless both of its channels are the same, as of much talk: then it
//! is mono, which costs half the time and half the bits to encode. More channels become stereo with the coefficients of
//! ITU-R BS.775 (centre and surrounds at -3 dB, no low-frequency channel), without normalisation:
//! the level is set afterwards anyway.

use super::{Pcm, STAGE};
use crate::fault::Fault;
use crate::units::Seconds;

/// Largest amplitude that is believed: +36 dBFS. A float file may hold anything.
const BELIEVABLE: f32 = 64.0;
/// How far apart two channels may be that are the same: -80 dBFS, which nobody hears below talk.
const SAME: f32 = 1e-4;
/// -3 dB.
const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Audio with one or two channels and finite samples only.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// Frames per second.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Interleaved.
    pub samples: Vec<f32>,
    /// Where in the episode the first frame sounds.
    pub start: Seconds,
}

impl Mix {
    /// Copies `pcm`, down to stereo if it has more channels, and to mono if there is nothing in it but mono. NaN becomes silence, and amplitudes
    /// beyond ±64 are cut there. An incomplete last frame is dropped.
    ///
    /// Errors: `cut.pcm` without rate, channels or frames, or with a rate outside 1 kHz to 1 MHz.
    pub fn of(pcm: Pcm<'_>) -> Result<Self, Fault> {
        let channels = usize::from(pcm.channels);
        let plausible = (1_000..=1_000_000).contains(&pcm.rate) && (1..=64).contains(&channels);
        if !plausible || pcm.samples.len() < channels {
            return Err(Fault::poison(
                STAGE,
                "pcm",
                format!("{} samples in {channels} channels at {} Hz are no audio", pcm.samples.len(), pcm.rate),
                "check what the decoder says of this file",
            ));
        }
        let samples: Vec<f32> = if channels <= 2 {
            let whole = pcm.samples.len() / channels * channels;
            pcm.samples[..whole].iter().map(|&sample| believable(sample)).collect()
        } else {
            let gains = stereo_gains(channels);
            pcm.samples.chunks_exact(channels).flat_map(|frame| fold(frame, &gains)).collect()
        };
        let (rate, start) = (pcm.rate, pcm.start);
        let same = |frame: &[f32; 2]| (frame[0] - frame[1]).abs() <= SAME;
        match samples.as_chunks::<2>().0 {
            frames if channels > 1 && frames.iter().all(same) => {
                Ok(Self { rate, channels: 1, samples: frames.iter().map(|frame| frame[0]).collect(), start })
            }
            _ => Ok(Self { rate, channels: pcm.channels.min(2), samples, start }),
        }
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels)
    }

    /// The frame that sounds at `time`, limited to the frames there are (one past the last is the end).
    pub fn frame_at(&self, time: Seconds) -> usize {
        let frame = ((time - self.start).0 * f64::from(self.rate)).round();
        frame.clamp(0.0, self.frames() as f64) as usize
    }

    /// When `frame` sounds.
    pub fn time_of(&self, frame: usize) -> Seconds {
        Seconds(self.start.0 + frame as f64 / f64::from(self.rate))
    }

    /// Only the frames of `range`.
    pub fn cut(&self, range: std::ops::Range<usize>) -> Self {
        let channels = usize::from(self.channels);
        Self {
            samples: self.samples[range.start * channels..range.end * channels].to_vec(),
            start: self.time_of(range.start),
            ..*self
        }
    }
}

fn believable(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-BELIEVABLE, BELIEVABLE) } else { 0.0 }
}

/// What each channel gives to left and right, for the usual orders of 3 to 8 channels; of more,
/// even ones go left and odd ones right.
fn stereo_gains(channels: usize) -> Vec<[f32; 2]> {
    const L: [f32; 2] = [1.0, 0.0];
    const R: [f32; 2] = [0.0, 1.0];
    const C: [f32; 2] = [HALF_POWER, HALF_POWER];
    const LS: [f32; 2] = [HALF_POWER, 0.0];
    const RS: [f32; 2] = [0.0, HALF_POWER];
    const LOW: [f32; 2] = [0.0, 0.0];
    match channels {
        3 => vec![L, R, C],
        4 => vec![L, R, LS, RS],
        5 => vec![L, R, C, LS, RS],
        6 => vec![L, R, C, LOW, LS, RS],
        7 => vec![L, R, C, LOW, C, LS, RS],
        8 => vec![L, R, C, LOW, LS, RS, LS, RS],
        _ => [L, R].into_iter().cycle().take(channels).collect(),
    }
}

fn fold(frame: &[f32], gains: &[[f32; 2]]) -> [f32; 2] {
    frame.iter().zip(gains).fold([0.0, 0.0], |[left, right], (&sample, gain)| {
        let sample = believable(sample);
        [left + sample * gain[0], right + sample * gain[1]]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_of_a_5_1_frame_reaches_both_ears_and_the_low_channel_none() {
        let samples = [0.0, 0.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        let mix = Mix::of(Pcm { rate: 48_000, channels: 6, samples: &samples, start: Seconds(0.0) }).unwrap();
        assert_eq!(mix.frames(), 2);
        assert_eq!((mix.channels, mix.samples), (1, vec![HALF_POWER, 0.0]), "it sounds the same in both");
    }

    #[test]
    fn two_channels_that_are_one_are_one_and_others_stay_two() {
        let mix = |samples: &[f32]| Mix::of(Pcm { rate: 8_000, channels: 2, samples, start: Seconds(0.0) }).unwrap();
        let same = mix(&[0.5, 0.5, -0.25, -0.25 + SAME / 2.0]);
        assert_eq!((same.channels, same.samples), (1, vec![0.5, -0.25]));
        let apart = mix(&[0.5, 0.5, -0.25, -0.25 + SAME * 2.0]);
        assert_eq!((apart.channels, apart.frames()), (2, 2), "one frame suffices");
    }

    #[test]
    fn samples_that_are_no_numbers_become_silence_and_absurd_ones_are_cut() {
        let samples = [f32::NAN, f32::INFINITY, -1e30, 0.5, 0.1]; // two frames and a half
        let mix = Mix::of(Pcm { rate: 8_000, channels: 2, samples: &samples, start: Seconds(1.0) }).unwrap();
        assert_eq!(mix.samples, [0.0, 0.0, -BELIEVABLE, 0.5]);
    }

    #[test]
    fn a_decoder_that_gives_nothing_is_a_fault() {
        for (rate, channels, samples) in [(0, 1, vec![0.0]), (8_000, 0, vec![0.0]), (8_000, 2, vec![0.0])] {
            let fault = Mix::of(Pcm { rate, channels, samples: &samples, start: Seconds(0.0) }).unwrap_err();
            assert_eq!(fault.code, "cut.pcm");
        }
    }
}
