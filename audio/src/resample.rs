//! One channel of audio from one rate to another, mostly to 16 kHz.
//!
//! The filter is rubato's overlap-add FFT: band-limited (nothing above 8 kHz folds back) and, for a
//! fixed ratio, cheaper than any windowed sinc. Its delay is known exactly and removed.
//!
//! Invariant: `n` samples in give `round(n * to / from)` samples out, sample `k` of the output
//! sounding at `k / to` seconds of the input.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

/// About how many input samples one transform takes: 2 * 2 * 3 * 3 * 7 * 7, a multiple of what every
/// common rate needs, without large prime factors. CPU seconds per hour of mono audio to 16 kHz, on
/// one busy Zen 5 core: 44.1 kHz 0.60, 48 kHz 0.64. Blocks of 2048, rounded up to the next that
/// fits, take 0.87 and 3.25 (2049 = 3 * 683); a polyphase filter of 128 taps takes 1.0 (AVX2).
const BLOCK: usize = 1764;

/// A stream of samples on its way to another rate.
pub(crate) struct Resample {
    from: u32,
    to: u32,
    /// `None` where the rates are equal: samples pass through untouched.
    filter: Option<Fft<f32>>,
    /// Input that does not fill a block yet.
    waiting: Vec<f32>,
    output: Vec<f32>,
    /// Leading output samples to drop: the filter's delay.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resample {
    /// From one rate in Hz to another, both 1 and up.
    pub(crate) fn new(from: u32, to: u32) -> Self {
        let (waiting, output) = (Vec::new(), Vec::new());
        let mut this = Self { from, to, filter: None, waiting, output, delay: 0, taken: 0, given: 0 };
        if from != to {
            // An even number of input samples, so that the filter's middle falls on a sample and
            // its delay is a whole number.
            let step = 2 * (from / greatest_common_divisor(from, to)) as usize;
            let filter = Fft::new_custom(
                from as usize,
                to as usize,
                BLOCK.div_ceil(step) * step,
                1,
                1,
                rubato::WindowFunction::BlackmanHarris2,
                FixedSync::Both,
            )
            .expect("both rates are above zero and the block is not empty");
            this.delay = filter.output_delay();
            this.output = vec![0.0; filter.output_frames_max()];
            this.waiting.reserve(filter.input_frames_max());
            this.filter = Some(filter);
        }
        this
    }

    /// The input's rate in Hz.
    pub(crate) fn from(&self) -> u32 {
        self.from
    }

    /// Takes samples and hands on what is ready.
    pub(crate) fn push(&mut self, mut samples: &[f32], sink: &mut dyn FnMut(&[f32])) {
        self.taken += samples.len() as u64;
        let Some(filter) = &self.filter else {
            self.given += samples.len() as u64;
            return sink(samples);
        };
        let block = filter.input_frames_next();
        if !self.waiting.is_empty() {
            let missing = (block - self.waiting.len()).min(samples.len());
            self.waiting.extend_from_slice(&samples[..missing]);
            samples = &samples[missing..];
            if self.waiting.len() < block {
                return;
            }
            let waiting = std::mem::take(&mut self.waiting);
            self.block(&waiting, sink);
            self.waiting = waiting;
            self.waiting.clear();
        }
        let mut blocks = samples.chunks_exact(block);
        for block in &mut blocks {
            self.block(block, sink);
        }
        self.waiting.extend_from_slice(blocks.remainder());
    }

    /// Hands on the rest; the length is then exact.
    pub(crate) fn finish(mut self, sink: &mut dyn FnMut(&[f32])) {
        let Some(filter) = &self.filter else { return };
        let block = filter.input_frames_next();
        while self.given < self.expected() {
            let mut rest = std::mem::take(&mut self.waiting);
            rest.resize(block, 0.0);
            self.block(&rest, sink);
        }
    }

    /// Output samples that belong to the input taken so far.
    fn expected(&self) -> u64 {
        let (from, to) = (u128::from(self.from), u128::from(self.to));
        ((u128::from(self.taken) * to + from / 2) / from) as u64
    }

    fn block(&mut self, block: &[f32], sink: &mut dyn FnMut(&[f32])) {
        // A float file may hold anything; one NaN would spoil a whole transform.
        if block.iter().any(|sample| !sample.is_finite()) {
            let mended: Vec<f32> = block.iter().map(|&sample| if sample.is_finite() { sample } else { 0.0 }).collect();
            return self.block(&mended, sink);
        }
        let filter = self.filter.as_mut().expect("blocks are cut for the filter only");
        let room = self.output.len();
        let input = InterleavedSlice::new(block, 1, block.len()).expect("one channel of this length");
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, room).expect("one channel of this length");
        let (_, made) = filter
            .process_into_buffer(&input, &mut output, None)
            .expect("the block has the length that the filter asked for");
        let skipped = self.delay.min(made);
        self.delay -= skipped;
        // At the end the padding's output is cut off; before it, output never overtakes input.
        let left = (self.expected() - self.given) as usize;
        let ready = &self.output[skipped..made.min(skipped + left)];
        self.given += ready.len() as u64;
        sink(ready);
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Full scale f32 to i16, rounded to nearest, saturating: what ffmpeg does, so that 16-bit input at
/// 16 kHz comes out bit by bit.
pub(crate) fn quantise(samples: &[f32], into: &mut Vec<i16>) {
    // Rounding by the float grid: adding 1.5 * 2^23 leaves the nearest integer (ties to even) in
    // the low mantissa bits, which vectorises where `round` does not.
    const GRID: f32 = 12_582_912.0;
    into.extend(samples.iter().map(|&sample| {
        let scaled = (sample * 32768.0).clamp(-32768.0, 32767.0);
        ((scaled + GRID) - GRID) as i16
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resample(rate: u32, input: &[f32]) -> Vec<f32> {
        let mut filter = Resample::new(rate, 16_000);
        let mut output = Vec::new();
        for piece in input.chunks(1152) {
            filter.push(piece, &mut |ready| output.extend_from_slice(ready));
        }
        filter.finish(&mut |ready| output.extend_from_slice(ready));
        output
    }

    fn tone(rate: u32, hertz: f64, seconds: f64) -> Vec<f32> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        (0..(f64::from(rate) * seconds) as usize).map(|n| (step * n as f64).sin() as f32 * 0.5).collect()
    }

    #[test]
    fn the_length_is_exact_at_every_rate() {
        for rate in [1, 7_350, 8_000, 11_025, 16_000, 22_050, 32_000, 44_056, 44_100, 48_000, 96_000, 192_000] {
            for length in [0usize, 1, 2, 1000, 12_345] {
                let expected = ((length as f64) * 16_000.0 / f64::from(rate)).round() as usize;
                if expected < 1_000_000 {
                    assert_eq!(resample(rate, &vec![0.1; length]).len(), expected, "{length} at {rate} Hz");
                }
            }
        }
    }

    #[test]
    fn a_tone_keeps_its_place_to_a_hundredth_of_a_sample() {
        for rate in [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
            let output = resample(rate, &tone(rate, 1000.0, 1.0));
            let expected = tone(16_000, 1000.0, 1.0);
            let worst = output[1000..15_000]
                .iter()
                .zip(&expected[1000..15_000])
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            // A shift by 0.01 sample would be an error of 0.5 * 2 pi * 1000 / 16000 * 0.01.
            assert!(worst < 0.002, "{rate} Hz: {worst}");
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_removed_and_does_not_fold_back() {
        for rate in [22_050, 44_100, 48_000] {
            let output = resample(rate, &tone(rate, 9_000.0, 1.0));
            let loudest = output[1000..15_000].iter().fold(0.0f32, |a, b| a.max(b.abs()));
            assert!(loudest < 0.5 * 1e-4, "{rate} Hz: {loudest} is above -80 dB");
            let kept = resample(rate, &tone(rate, 7_000.0, 1.0));
            let loudest = kept[1000..15_000].iter().fold(0.0f32, |a, b| a.max(b.abs()));
            assert!(loudest > 0.49, "{rate} Hz: 7 kHz came out at {loudest}");
        }
    }

    #[test]
    fn sixteen_bit_samples_survive_quantisation() {
        let all: Vec<f32> = (-32768..=32767).map(|n| n as f32 / 32768.0).collect();
        let mut back = Vec::new();
        quantise(&all, &mut back);
        assert!(back.iter().enumerate().all(|(n, &sample)| i32::from(sample) == n as i32 - 32768));
        back.clear();
        quantise(&[2.0, -2.0, f32::NAN], &mut back);
        assert_eq!(back, [32767, -32768, 0]);
    }
}
