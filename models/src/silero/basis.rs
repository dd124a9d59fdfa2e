//! From samples to magnitudes on a GPU: the transform of [`spectrum`](super::spectrum) as one matrix
//! product, as the shipped module has it.
//!
//! ```text
//! [streams, 64] | [streams, 512 steps] ─▶ [steps, streams, 640] ─▶ frames [.., 4, 256] x [256, 258] ─▶ [rows, 4 x 129]
//! ```

use std::f64::consts::PI;

use tch::{Kind, Tensor};

use super::spectrum::ROW;
use super::{CHUNK, CONTEXT, Sample};
use crate::device::Placement;
use crate::error::ModelError;

const FRAME: i64 = 256;
const HOP: i64 = 128;
const BINS: i64 = FRAME / 2 + 1;

/// Windowed cosines and sines on a device.
pub(super) struct Basis {
    /// [256, 2 x 129], always in 32 bits: quiet frames vanish in fewer.
    waves: Tensor,
    /// Where the mirrored samples of a chunk come from, counted from its context on: [64].
    mirror: Tensor,
    kind: Kind,
}

impl Basis {
    pub(super) fn new(at: Placement) -> Result<Self, ModelError> {
        let turn = |bin: i64, n: i64| 2.0 * PI * (bin * n % FRAME) as f64 / FRAME as f64;
        let hann = |n: i64| 0.5 - 0.5 * turn(1, n).cos();
        let row = |n: i64| {
            let cosines = (0..BINS).map(move |bin| (hann(n) * turn(bin, n).cos()) as f32);
            cosines.chain((0..BINS).map(move |bin| (hann(n) * turn(bin, n).sin()) as f32))
        };
        let waves: Vec<f32> = (0..FRAME).flat_map(row).collect();
        let last = (CONTEXT + CHUNK) as i64 - 1;
        let mirror: Vec<i64> = (1..=CONTEXT as i64).map(|back| last - back).collect();
        let device = at.device.torch();
        Ok(Self {
            waves: Tensor::f_from_slice(&waves)?.f_view([FRAME, 2 * BINS])?.f_to_device(device)?,
            mirror: Tensor::f_from_slice(&mirror)?.f_to_device(device)?,
            kind: at.precision.kind(),
        })
    }

    pub(super) fn share(&self) -> Self {
        Self { waves: self.waves.shallow_clone(), mirror: self.mirror.shallow_clone(), kind: self.kind }
    }

    /// `before`: per stream the [`CONTEXT`] samples before its chunks, in -1..=1; `samples`: per stream
    /// its whole chunks -> [steps x streams, [`ROW`]], the streams of a step side by side.
    pub(super) fn magnitudes<S: Sample>(&self, before: &[f32], samples: &[S]) -> Result<Tensor, ModelError> {
        let device = self.waves.device();
        let streams = (before.len() / CONTEXT) as i64;
        let before = Tensor::f_from_slice(before)?.f_to_device(device)?.f_view([streams, -1])?;
        // Scaled there, so that samples travel in the bits that they have.
        let samples = Tensor::f_from_slice(samples)?.f_to_device(device)?.f_view([streams, -1])?;
        let samples = samples.f_to_kind(Kind::Float)?.f_mul_scalar(f64::from(S::SCALE))?;
        let chunks = Tensor::f_cat(&[before, samples], 1)?
            .f_unfold(1, (CONTEXT + CHUNK) as i64, CHUNK as i64)?
            .f_transpose(0, 1)?;
        let padded = Tensor::f_cat(&[&chunks, &chunks.f_index_select(2, &self.mirror)?], 2)?;
        let waves = padded.f_unfold(2, FRAME, HOP)?.f_matmul(&self.waves)?;
        let part = |first: i64| waves.f_narrow(3, first, BINS)?.f_square();
        let magnitudes = part(0)?.f_add(&part(BINS)?)?.f_sqrt()?;
        Ok(magnitudes.f_reshape([-1, ROW as i64])?.f_to_kind(self.kind)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silero::spectrum::Spectrum;

    #[test]
    fn the_product_gives_the_magnitudes_of_the_fast_transform() {
        let (streams, steps) = (3, 2);
        let length = CONTEXT + steps * CHUNK;
        let samples: Vec<f32> = (0..streams * length).map(|n| ((n * n) as f32 * 0.001).sin() * 0.5).collect();
        let (before, after): (Vec<_>, Vec<_>) = samples.chunks_exact(length).map(|row| row.split_at(CONTEXT)).unzip();
        let found = Basis::new(Placement::CPU).unwrap().magnitudes(&before.concat(), &after.concat()).unwrap();
        let spectrum = Spectrum::new();
        let mut scratch = spectrum.scratch();
        for step in 0..steps {
            for stream in 0..streams {
                let chunk = &samples[stream * length + step * CHUNK..][..CONTEXT + CHUNK];
                let before: [f32; CONTEXT] = chunk[..CONTEXT].try_into().unwrap();
                let mut wanted = vec![0.0; ROW];
                spectrum.magnitudes(&before, &chunk[CONTEXT..], &mut wanted, &mut scratch);
                let mut row = vec![0.0_f32; ROW];
                found.get((step * streams + stream) as i64).copy_data(&mut row, ROW);
                for (found, wanted) in row.iter().zip(&wanted) {
                    assert!((found - wanted).abs() < 1e-4, "step {step}, stream {stream}: {found} for {wanted}");
                }
            }
        }
    }
}
