//! A look-ahead limiter that knows about true peaks.
//!
//! ```text
//! samples ─▶ 4x interpolated peak per block ─▶ needed gain ─▶ minimum over ±5 ms ─▶ slow release ─▶ smooth ─▶ ×
//! ```
//!
//! The peak between samples is what a player's converter produces (ITU-R BS.1770-4, annex 2), so it
//! is interpolated, not guessed from samples. The minimum over the look-ahead and a smoothing kernel
//! no longer than it make the gain reach its value before the peak, without a corner and without
//! ever exceeding what the peak allows. All channels share one gain, so the image does not move.
//! Gains are worked out for blocks of a third of a millisecond and drawn as lines between them.
//!
//! Invariant: at every frame the gain is at most ceiling / true peak of that frame's block.

use std::collections::VecDeque;

/// Look-ahead on either side, in seconds.
const LOOK_AHEAD: f64 = 0.005;
/// Time constant of the return to unity gain, in seconds.
const RELEASE: f64 = 0.080;
/// Interpolator taps per phase; an even number.
const TAPS: usize = 16;
/// Points between two samples: quarter, half, three quarters (factor 4).
const PHASES: usize = 3;
/// Frames that share one gain.
const BLOCK: usize = 16;

/// The true peaks of some audio, from which gain curves for any level follow.
#[derive(Clone, Debug)]
pub struct Peaks {
    /// Largest magnitude at and between the frames of each [`BLOCK`], over all channels.
    blocks: Vec<f32>,
}

impl Peaks {
    /// Finds the peaks of interleaved `samples`. Those above `threshold` are exact; below it the
    /// samples themselves are enough and interpolation is spared.
    pub fn of(samples: &[f32], channels: u16, threshold: f32) -> Self {
        let channels = usize::from(channels);
        let frames = samples.len() / channels;
        let kernel = kernel();
        let worst = kernel.iter().map(|phase| phase.iter().map(|tap| tap.abs()).sum::<f32>()).fold(1.0, f32::max);
        let mut blocks = vec![0f32; frames.div_ceil(BLOCK)];
        let mut padded = vec![0f32; frames + 2 * TAPS];
        for channel in 0..channels {
            for (to, frame) in padded[TAPS..].iter_mut().zip(samples.chunks_exact(channels)) {
                *to = frame[channel];
            }
            for (block, peak) in blocks.iter_mut().enumerate() {
                let first = block * BLOCK;
                let last = (first + BLOCK).min(frames);
                *peak = peak.max(loudest(&padded[TAPS + first..TAPS + last]));
                if loudest(&padded[first..last + 2 * TAPS]) * worst <= threshold {
                    continue;
                }
                // From before the first frame to after the last: points on a border belong to both.
                for frame in first..=last {
                    let taps: &[f32; TAPS] =
                        padded[frame + TAPS / 2..][..TAPS].try_into().expect("a slice of that length");
                    *peak = kernel.iter().fold(*peak, |most, phase| most.max(dot(phase, taps).abs()));
                }
            }
        }
        Self { blocks }
    }

    /// Writes `from` times `gain`, lowered where its true peak would exceed `ceiling` (a ratio to
    /// full scale), to `to`. Returns the deepest reduction as a ratio: 1 when nothing had to be done.
    ///
    /// `from` is the audio that these peaks were found in, at `rate` with `channels`.
    pub fn limit(&self, from: &[f32], to: &mut [f32], (channels, rate): (u16, u32), gain: f32, ceiling: f32) -> f32 {
        let needed: Vec<f32> = self.blocks.iter().map(|peak| (ceiling / (peak * gain)).min(1.0)).collect();
        let deepest = needed.iter().copied().fold(1.0, f32::min);
        if deepest == 1.0 {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from * gain);
            return 1.0;
        }
        let blocks_per_second = f64::from(rate) / BLOCK as f64;
        let reach = ((LOOK_AHEAD * blocks_per_second) as usize).max(3);
        let mut curve = minimum_within(&needed, reach);
        release(&mut curve, blocks_per_second);
        // One block less than the minimum reaches, for the lines between blocks.
        let curve = smooth(&smooth(&curve, (reach - 1) / 2), (reach - 1) / 2);
        let block = BLOCK * usize::from(channels);
        for (index, (to, from)) in to.chunks_mut(block).zip(from.chunks(block)).enumerate() {
            let here = curve[index];
            let next = curve.get(index + 1).copied().unwrap_or(here);
            let frames = to.chunks_exact_mut(usize::from(channels)).zip(from.chunks_exact(usize::from(channels)));
            for (position, (to, from)) in frames.enumerate() {
                let factor = gain * (here + (next - here) * (position as f32 / BLOCK as f32));
                to.iter_mut().zip(from).for_each(|(to, from)| *to = from * factor);
            }
        }
        deepest
    }
}

fn loudest(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |most, sample| most.max(sample.abs()))
}

/// Windowed-sinc interpolators for the points between samples.
fn kernel() -> [[f32; TAPS]; PHASES] {
    std::array::from_fn(|phase| {
        let shift = (phase + 1) as f64 / (PHASES + 1) as f64;
        let taps: [f64; TAPS] = std::array::from_fn(|tap| {
            let x = tap as f64 - (TAPS / 2 - 1) as f64 - shift;
            let angle = std::f64::consts::PI * x;
            let window = 0.5 + 0.5 * (angle / (TAPS / 2) as f64).cos();
            window * angle.sin() / angle
        });
        let sum: f64 = taps.iter().sum();
        taps.map(|tap| (tap / sum) as f32)
    })
}

fn dot(a: &[f32; TAPS], b: &[f32; TAPS]) -> f32 {
    // Four sums, so that the compiler may use vector registers without reordering additions.
    let mut sums = [0f32; 4];
    for (a, b) in a.chunks_exact(4).zip(b.chunks_exact(4)) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// The smallest value within `reach` places on either side (van Herk's deque form).
fn minimum_within(values: &[f32], reach: usize) -> Vec<f32> {
    let mut queue: VecDeque<usize> = VecDeque::new();
    let mut result = Vec::with_capacity(values.len());
    for here in 0..values.len() + reach {
        if here < values.len() {
            while queue.back().is_some_and(|&back| values[back] >= values[here]) {
                queue.pop_back();
            }
            queue.push_back(here);
        }
        if here >= reach {
            let centre = here - reach;
            while queue.front().is_some_and(|&front| front + reach < centre) {
                queue.pop_front();
            }
            result.push(values[*queue.front().expect("the centre itself is in the queue or beaten by one in it")]);
        }
    }
    result
}

/// Lets the gain return to 1 slowly; it never rises above what is asked.
fn release(gain: &mut [f32], steps_per_second: f64) {
    let step = (1.0 - (-1.0 / (RELEASE * steps_per_second)).exp()) as f32;
    let mut current = 1f32;
    for value in gain {
        current = (current + (1.0 - current) * step).min(*value);
        *value = current;
    }
}

/// Mean over `reach` places on either side; the ends are continued outwards.
fn smooth(values: &[f32], reach: usize) -> Vec<f32> {
    let last = values.len() - 1;
    let at = |index: isize| f64::from(values[index.clamp(0, last as isize) as usize]);
    let reach = reach as isize;
    let width = (2 * reach + 1) as f64;
    let mut sum: f64 = (-reach..=reach).map(at).sum();
    (0..values.len() as isize)
        .map(|here| {
            let mean = (sum / width) as f32;
            sum += at(here + reach + 1) - at(here - reach);
            mean
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{decibels, loudness};
    use super::*;

    fn limit(samples: &mut [f32], channels: u16, rate: u32, ceiling: f32) -> f32 {
        let from = samples.to_vec();
        Peaks::of(&from, channels, ceiling).limit(&from, samples, (channels, rate), 1.0, ceiling)
    }

    fn tone(rate: u32, hertz: f64, amplitude: f64, phase: f64, seconds: f64) -> Vec<f32> {
        (0..(seconds * f64::from(rate)) as usize)
            .map(|n| (std::f64::consts::TAU * hertz * n as f64 / f64::from(rate) + phase).sin() * amplitude)
            .map(|x| x as f32)
            .collect()
    }

    #[test]
    fn a_peak_that_lies_between_samples_is_seen() {
        // A quarter of the rate, sampled 45 degrees off its crests: samples say 0.707, the wave 1.
        let wave = tone(48_000, 12_000.0, 1.0, std::f64::consts::FRAC_PI_4, 0.5);
        let middle = Peaks::of(&wave, 1, 0.5).blocks[10_000 / BLOCK];
        assert!((middle - 1.0).abs() < 0.02, "{middle}");
    }

    #[test]
    fn material_below_the_ceiling_is_left_alone() {
        let mut wave = tone(44_100, 440.0, 0.5, 0.0, 1.0);
        let before = wave.clone();
        assert_eq!(limit(&mut wave, 1, 44_100, 0.9), 1.0);
        assert_eq!(wave, before);
    }

    #[test]
    fn quiet_parts_far_from_a_peak_keep_their_level() {
        let mut wave = tone(48_000, 440.0, 0.1, 0.0, 3.0);
        for sample in &mut wave[4_800..5_000] {
            *sample *= 20.0;
        }
        let before = wave.clone();
        limit(&mut wave, 1, 48_000, 0.8);
        for n in 100_000..140_000 {
            assert!((wave[n] - before[n]).abs() < 1e-3, "sample {n}");
        }
        assert!(wave.iter().all(|sample| sample.abs() <= 0.8));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_true_peak_stays_under_the_ceiling(
            bursts in prop::collection::vec((0usize..20_000, 100.0..15_000.0f64, 0.1..8.0f64, 10usize..4_000), 1..8),
            stereo in any::<bool>(),
        ) {
            let channels = if stereo { 2usize } else { 1 };
            let mut wave = vec![0f32; 24_000 * channels];
            for (n, (at, hertz, amplitude, length)) in bursts.into_iter().enumerate() {
                let channel = n % channels;
                for (k, sample) in tone(48_000, hertz, amplitude, 0.3, length as f64 / 48_000.0).into_iter().enumerate() {
                    if at + k < 24_000 { wave[(at + k) * channels + channel] += sample; }
                }
            }
            let ceiling = 0.8f32;
            limit(&mut wave, channels as u16, 48_000, ceiling);
            let peak = loudness::measure(48_000, channels as u16, &wave).unwrap().true_peak_dbtp;
            // Bursts that begin abruptly hold energy up there where interpolators do not agree.
            prop_assert!(peak <= decibels(f64::from(ceiling)) + 0.5, "{peak}");
        }
    }
}
