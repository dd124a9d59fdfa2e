//! Samples to the loudness of a few bands, 31 times a second: all that a fingerprint looks at.
//!
//! ```text
//! 16 kHz ─ half-band filter ─ 8 kHz ─ 128 ms Hann windows, every 32 ms ─ power of 16 bands ─ ⁴√ ─ DCT
//! ```
//! The bands cover what every codec and every sample rate from 8 kHz keeps (250 to 3,300 Hz). The fourth
//! root is homogeneous: a change of gain scales every value alike, so signs of differences do not
//! change. The DCT over the bands turns sixteen correlated levels into [`SHAPES`] nearly uncorrelated
//! ones: overall level, tilt, curvature and so on.
//!
//! Invariant: row `n` depends on samples `512 n .. 512 n + 2048` and a few around them, never on the
//! size of the blocks.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Bands of one row.
const BANDS: usize = 16;
/// Values of one row: the first coefficients of a DCT over the bands, level first.
pub const SHAPES: usize = 8;
/// One row: the level and the shape of the spectrum around one moment.
pub type Row = [f32; SHAPES];

/// Samples at 8 kHz from one row to the next: 32 ms.
const HOP: usize = 256;
/// Samples at 8 kHz in one window: 128 ms, long against the hop, so that a copy whose grid lies
/// elsewhere reads nearly the same curve.
const WINDOW: usize = 1024;
/// Rows per second.
pub const ROWS_PER_SECOND: f64 = 8000.0 / HOP as f64;
/// The middle of row 0, in seconds.
pub const FIRST_ROW: f64 = WINDOW as f64 / 2.0 / 8000.0;
const LOWEST: f64 = 250.0;
const HIGHEST: f64 = 3300.0;
/// Half of a symmetric half-band low-pass (every other tap is zero, the middle one is one half).
const TAPS: [f32; 4] = [0.311_2, -0.089_1, 0.034_6, -0.008_7];
const REACH: usize = 7;

/// Turns samples into rows.
pub struct Envelope {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    edges: [usize; BANDS + 1],
    cosines: [[f32; BANDS]; SHAPES],
    wide: Vec<f32>,   // 16 kHz samples that the filter still needs
    narrow: Vec<f32>, // 8 kHz samples that windows still need
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Envelope {
    /// At the start of an episode.
    pub fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(WINDOW);
        let turn = std::f64::consts::TAU / WINDOW as f64;
        let window = (0..WINDOW).map(|n| (0.5 - 0.5 * (turn * (n as f64 + 0.5)).cos()) as f32).collect();
        let bin = |band: usize| {
            let hertz = LOWEST * (HIGHEST / LOWEST).powf(band as f64 / BANDS as f64);
            (hertz * WINDOW as f64 / 8000.0).round() as usize
        };
        let step = std::f64::consts::PI / BANDS as f64;
        let cosine = |shape: usize, band: usize| (step * shape as f64 * (band as f64 + 0.5)).cos() as f32;
        Self {
            window,
            edges: std::array::from_fn(bin),
            cosines: std::array::from_fn(|shape| std::array::from_fn(|band| cosine(shape, band))),
            wide: vec![0.0; REACH], // as if silence came before
            narrow: Vec::new(),
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    /// Takes samples, gives every row that they complete.
    pub fn take(&mut self, samples: &[i16], rows: &mut Vec<Row>) {
        for block in samples.chunks(1 << 15) {
            self.wide.extend(block.iter().map(|&sample| f32::from(sample)));
            self.halve();
            let mut at = 0;
            while at + WINDOW <= self.narrow.len() {
                rows.push(self.row(at));
                at += HOP;
            }
            self.narrow.drain(..at);
        }
    }

    /// Low-passes `wide` and moves every other sample to `narrow`.
    fn halve(&mut self) {
        let whole = 2 * REACH;
        if self.wide.len() <= whole {
            return;
        }
        let count = (self.wide.len() - whole).div_ceil(2);
        let wide = &self.wide;
        self.narrow.extend((0..count).map(|n| {
            let around = &wide[2 * n..2 * n + whole + 1];
            let sides = TAPS.iter().enumerate().map(|(tap, weight)| {
                let off = 2 * tap + 1;
                weight * (around[REACH - off] + around[REACH + off])
            });
            0.5 * around[REACH] + sides.sum::<f32>()
        }));
        self.wide.drain(..2 * count);
    }

    fn row(&mut self, at: usize) -> Row {
        let samples = &self.narrow[at..at + WINDOW];
        for ((out, sample), weight) in self.frame.iter_mut().zip(samples).zip(&self.window) {
            *out = sample * weight;
        }
        self.fft
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers are the plan's own");
        let bands: [f32; BANDS] = std::array::from_fn(|band| {
            let bins = &self.spectrum[self.edges[band]..self.edges[band + 1]];
            (bins.iter().map(Complex::norm_sqr).sum::<f32>() / bins.len() as f32).sqrt().sqrt()
        });
        std::array::from_fn(|shape| bands.iter().zip(&self.cosines[shape]).map(|(band, cosine)| band * cosine).sum())
    }
}
