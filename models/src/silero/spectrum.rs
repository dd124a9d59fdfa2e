//! From samples to magnitudes, in plain Rust.
//!
//! ```text
//! 64 before | 512 of the chunk | 64 mirrored  ─▶  4 frames of 256, 128 apart  ─▶  4 x 129 magnitudes
//! ```
//!
//! The shipped module convolves with a table of windowed sines and cosines. That table is the
//! discrete Fourier transform under a periodic Hann window (largest difference 2.1e-7), so a fast
//! transform gives the same magnitudes for a fifth of the time. It stays outside libtorch, whose
//! complex magnitude alone costs more than all of this.
//!
//! Invariant: a chunk's magnitudes depend on its own 576 samples only.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use super::{CHUNK, CONTEXT, Sample};

/// Samples per frame.
const FRAME: usize = 256;

/// Samples from one frame to the next.
const HOP: usize = 128;

/// Magnitudes per frame.
const BINS: usize = FRAME / 2 + 1;

/// Frames per chunk.
const FRAMES: usize = 4;

/// Magnitudes per chunk, frame after frame: one row for the encoder.
pub(super) const ROW: usize = FRAMES * BINS;

/// The transform and its window, shared by all lanes.
pub(super) struct Spectrum {
    transform: Arc<dyn RealToComplex<f32>>,
    window: [f32; FRAME],
}

/// What one call needs beside the result.
pub(super) struct Scratch {
    padded: [f32; CONTEXT + CHUNK + CONTEXT],
    frame: [f32; FRAME],
    bins: [Complex32; BINS],
    work: Vec<Complex32>,
}

impl Spectrum {
    pub(super) fn new() -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(FRAME);
        let turn = |n: usize| 2.0 * std::f64::consts::PI * n as f64 / FRAME as f64;
        Self { transform, window: std::array::from_fn(|n| (0.5 - 0.5 * turn(n).cos()) as f32) }
    }

    pub(super) fn scratch(&self) -> Scratch {
        Scratch {
            padded: [0.0; _],
            frame: [0.0; _],
            bins: [Complex32::default(); _],
            work: self.transform.make_scratch_vec(),
        }
    }

    /// `before`: the [`CONTEXT`] samples before the chunk; `chunk`: at most [`CHUNK`] samples,
    /// silence after them -> `row`: [`ROW`] magnitudes.
    pub(super) fn magnitudes<S: Sample>(
        &self,
        before: &[f32; CONTEXT],
        chunk: &[S],
        row: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let Scratch { padded, frame, bins, work } = scratch;
        let (head, rest) = padded.split_at_mut(CONTEXT);
        let (body, tail) = rest.split_at_mut(CHUNK);
        head.copy_from_slice(before);
        let (sounding, silent) = body.split_at_mut(chunk.len());
        for (place, sample) in sounding.iter_mut().zip(chunk) {
            *place = sample.amplitude();
        }
        silent.fill(0.0);
        // Mirrored about the last sample, which is not repeated.
        for (place, sample) in tail.iter_mut().zip(body[..CHUNK - 1].iter().rev()) {
            *place = *sample;
        }
        for (index, magnitudes) in row.chunks_exact_mut(BINS).enumerate() {
            let samples = &padded[index * HOP..index * HOP + FRAME];
            for ((place, sample), weight) in frame.iter_mut().zip(samples).zip(&self.window) {
                *place = sample * weight;
            }
            self.transform.process_with_scratch(frame, bins, work).expect("all lengths come from the same plan");
            for (magnitude, bin) in magnitudes.iter_mut().zip(bins.iter()) {
                *magnitude = (bin.re * bin.re + bin.im * bin.im).sqrt();
            }
        }
    }
}
