//! How loud an episode is every 10 ms, and how musical every half second.
//!
//! Music is told from speech by how long its partials stand still: continuous frequency activation.
//!
//! ```text
//!                                                 ┌▶ share of 3 s that each bin is "on":
//! spectrum ─▶ bins 6 dB above their ±10 neighbours ┤   how far the 5 tallest peaks stand out ─┬▶ the larger
//!                                                 └▶ share of "on" that has lasted 250 ms ───┘
//! ```
//!
//! A note holds its bins for tenths of a second and comes back to them; the harmonics of a voice
//! glide, and noise lights bins at random. The first branch follows K. Seyerlehner, T. Pohle, M. Schedl, G. Widmer,
//! "Automatic music detection in television productions", DAFx 2007, with a median over 3.5 s behind
//! it; the second catches slow music whose chords change before a bin has been on for long. Of Scheirer and Slaney's features (ICASSP 1997) the energy of modulation around 4 Hz, the share
//! of low-energy frames and the spectral flux were tried beside it: fitted on all files but one,
//! none of them made the left-out file better. Music without steady pitch (drums, rap) is not heard.
//!
//! Invariant: the result depends on the samples of the one call only, so windows can be scored in
//! any order and anywhere.

use realfft::RealFftPlanner;

use crate::record::finding::{LEVEL_FRAME, MUSIC_FRAME};

/// Score from which a stretch is music.
pub const MUSIC: u8 = 128;
/// Samples per spectrum: 64 ms, so that a bin is 15.6 Hz wide.
const FRAME: usize = 1024;
/// Samples between spectra: a sixteenth of [`MUSIC_FRAME`], 31 ms.
const HOP: usize = MUSIC_FRAME / 16;
/// First bin looked at, 156 Hz: below it rooms and mains hum.
const LOWEST: usize = 10;
/// Bins looked at, up to 4.8 kHz.
const BINS: usize = 300;
/// Neighbours on either side that a bin is compared with.
const NEIGHBOURS: usize = 10;
/// Powers of two (3 dB each) by which a bin that is on exceeds the mean of its neighbours.
const PROMINENT: f32 = 2.0;
/// Powers of two below the loudest bin of its frame at which a bin counts as silent.
const RANGE: f32 = 16.0;
/// Power of a silent bin: that of full scale is 2^16.
const FLOOR: f32 = -12.0;
/// Spectra on either side of the middle of a half second: 1.5 s.
const REACH: usize = 3 * MUSIC_FRAME / HOP;
/// Half seconds on either side of the median.
const MEDIAN: usize = 3;
/// Peaks that are summed.
const PEAKS: usize = 5;
/// Sum of the peaks' heights from which it is music.
const TALL: f32 = 2.0;
/// Spectra in a row after which a bin counts as held: 250 ms.
const HOLD: u16 = 8;
/// Share of held among all that is on from which it is music; human speech was not seen to reach it.
const HELD: f32 = 0.15;
/// Share of bins that is on in near silence, so that a few held ones do not make music of it.
const FAINT: f32 = 0.003;
/// Half seconds quieter than this are no music, in dBFS.
const QUIET: f64 = -60.0;

/// Of mono 16 kHz samples: RMS level per 160 samples in dBFS, rounded, -127 for digital silence; and
/// a music score per 8000 samples, [`MUSIC`] and above for music. Both count the last, shorter
/// piece as a whole one.
pub fn events(samples: &[i16]) -> (Vec<i8>, Vec<u8>) {
    let level = samples.chunks(LEVEL_FRAME).map(|frame| decibels(frame).max(-127.0).round() as i8).collect();
    let activity = Activity::of(samples);
    let steadiness: Vec<f32> = samples
        .chunks(MUSIC_FRAME)
        .enumerate()
        .map(|(cell, piece)| if decibels(piece) > QUIET { activity.steadiness(cell) } else { 0.0 })
        .collect();
    let music = (0..steadiness.len()).map(|cell| score(median(&steadiness, cell))).collect();
    (level, music)
}

/// Linear: 0 up to a steadiness of 0.5, [`MUSIC`] at 1, 255 from 1.5.
fn score(steadiness: f32) -> u8 {
    ((steadiness - 0.5) * 2.0 * f32::from(MUSIC)).clamp(0.0, 255.0) as u8
}

/// RMS level in dBFS.
fn decibels(samples: &[i16]) -> f64 {
    let energy: i64 = samples.iter().map(|&sample| i64::from(sample) * i64::from(sample)).sum();
    let full = f64::from(1u32 << 15);
    10.0 * (energy as f64 / samples.len().max(1) as f64 / (full * full)).log10()
}

fn median(values: &[f32], centre: usize) -> f32 {
    let mut near = values[centre.saturating_sub(MEDIAN)..(centre + MEDIAN + 1).min(values.len())].to_vec();
    near.sort_by(f32::total_cmp);
    near[near.len() / 2]
}

/// Which bins were on when, as counts from the start, so that any stretch is a difference.
struct Activity {
    /// Number of spectra.
    frames: usize,
    /// `[frames + 1, BINS]`: in how many spectra before this one the bin was on. Wraps after 65,535
    /// spectra; differences over a stretch do not.
    counts: Vec<u16>,
    /// `[frames + 1]`: bins on, and bins held, in all spectra before this one.
    totals: Vec<[u32; 2]>,
}

impl Activity {
    fn of(samples: &[i16]) -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FRAME);
        let window: Vec<f32> = (0..FRAME)
            .map(|n| (0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / FRAME as f32).cos()) / 32_768.0)
            .collect();
        let (mut input, mut output, mut scratch) =
            (fft.make_input_vec(), fft.make_output_vec(), fft.make_scratch_vec());
        let frames = samples.len().checked_sub(FRAME).map_or(0, |rest| rest / HOP + 1);
        let mut counts = vec![0u16; (frames + 1) * BINS];
        let mut totals = vec![[0u32; 2]; frames + 1];
        let mut powers = [0f32; BINS + 2 * NEIGHBOURS];
        let mut runs = [0u16; BINS];
        for frame in 0..frames {
            for ((input, &sample), window) in input.iter_mut().zip(&samples[frame * HOP..]).zip(&window) {
                *input = f32::from(sample) * window;
            }
            fft.process_with_scratch(&mut input, &mut output, &mut scratch).expect("buffers of the plan's own sizes");
            for (power, bin) in powers.iter_mut().zip(&output[LOWEST - NEIGHBOURS..]) {
                *power = log2(bin.norm_sqr() + f32::MIN_POSITIVE);
            }
            let (before, after) = counts[frame * BINS..][..2 * BINS].split_at_mut(BINS);
            mark(&mut powers, before, after, &mut runs);
            let on = runs.iter().filter(|&&run| run > 0).count() as u32;
            let held = runs.iter().filter(|&&run| run >= HOLD).count() as u32;
            totals[frame + 1] = [totals[frame][0] + on, totals[frame][1] + held];
        }
        Self { frames, counts, totals }
    }

    /// How steady the partials around half second `cell` are; 1 divides music from the rest.
    fn steadiness(&self, cell: usize) -> f32 {
        let middle = (2 * cell + 1) * MUSIC_FRAME / HOP / 2;
        let (first, past) = (middle.saturating_sub(REACH), (middle + REACH).min(self.frames));
        if past < first + REACH / 2 {
            return 0.0; // too short to tell
        }
        let length = (past - first) as f32;
        let row = |frame: usize| &self.counts[frame * BINS..][..BINS];
        let share = |(before, after): (&u16, &u16)| f32::from(after.wrapping_sub(*before)) / length;
        let activation: Vec<f32> = row(first).iter().zip(row(past)).map(share).collect();
        let total = |kind: usize| (self.totals[past][kind] - self.totals[first][kind]) as f32;
        let held = total(1) / (total(0) + FAINT * length * BINS as f32);
        (tallest(&activation) / TALL).max(held / HELD)
    }
}

/// Writes `before`, plus one for each bin that is on, to `after`, and how long it has been on to `runs`.
fn mark(powers: &mut [f32; BINS + 2 * NEIGHBOURS], before: &[u16], after: &mut [u16], runs: &mut [u16; BINS]) {
    let floor = (powers.iter().copied().fold(f32::MIN, f32::max) - RANGE).max(FLOOR);
    powers.iter_mut().for_each(|power| *power = power.max(floor));
    let width = 2 * NEIGHBOURS + 1;
    let mut sum: f32 = powers[..width].iter().sum();
    for bin in 0..BINS {
        let power = powers[bin + NEIGHBOURS];
        let on = power > floor && power > sum / width as f32 + PROMINENT;
        after[bin] = before[bin].wrapping_add(u16::from(on));
        runs[bin] = if on { runs[bin].saturating_add(1) } else { 0 };
        if bin + width < powers.len() {
            sum += powers[bin + width] - powers[bin];
        }
    }
}

/// Logarithm to base 2 of a positive number, to within 0.09: the bits of a float hold its exponent,
/// and its mantissa is close to the rest. That is 0.3 dB, and ten times faster.
fn log2(value: f32) -> f32 {
    value.to_bits() as f32 / (1 << 23) as f32 - 127.0
}

/// Sum of the [`PEAKS`] largest heights of local maxima over the higher of their two valleys.
fn tallest(activation: &[f32]) -> f32 {
    let mut heights = [0f32; PEAKS];
    let (mut valley, mut peak, mut rising) = (activation[0], activation[0], false);
    let mut left = valley;
    let mut close = |left: f32, peak: f32, right: f32| {
        let height = peak - left.max(right);
        let (least, smallest) =
            heights.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).expect("PEAKS is not 0");
        if height > smallest {
            heights[least] = height;
        }
    };
    for &value in &activation[1..] {
        if rising && value < peak {
            (rising, valley) = (false, value);
        } else if rising {
            peak = value;
        } else if value > valley {
            if peak > left {
                close(left, peak, valley);
            }
            (rising, left, peak) = (true, valley, value);
        } else {
            valley = value;
        }
    }
    if !rising && peak > left {
        close(left, peak, valley);
    }
    heights.iter().sum()
}

#[cfg(test)]
mod tests;
