//! Moments that the content itself picks: the peaks of loudness, syllables and beats.
//!
//! A second derivative of the level, smoothed over a tenth of a second, has one clear peak per syllable.
//! A peak counts where it is the highest within an eighth of a second on both sides. Its place between
//! two rows comes from the parabola through three values, so that it does not depend on where the grid
//! of rows lies.
//!
//! Invariant: whether a row is an anchor depends on [`ANCHOR_REACH`] rows on both sides, on no gain and
//! on no clock.

use super::envelope::Row;

/// Rows on each side that the smoothed curve looks at.
const CURVE: usize = 9;
/// Width of the smoothing, in rows.
const SIGMA: f64 = 3.0;
/// Rows on each side among which an anchor is the highest.
const RIVALS: usize = 4;
/// Rows that must be known on both sides of an anchor.
pub const ANCHOR_REACH: usize = CURVE + RIVALS;
/// The level below which there is nothing to hear: about -78 dBFS of noise. Dither and the faint rests
/// of a codec lie below and must not become keys that thousands of files share.
const FLOOR: f32 = 140.0;
/// How far a peak must stand out, as a share of the level around: hum and steady tones do not.
const PROMINENCE: f32 = 0.05;

/// Finds anchors in rows.
pub struct Anchors {
    kernel: [f32; 2 * CURVE + 1],
}

impl Anchors {
    /// The finder: it keeps nothing of what it saw.
    pub fn new() -> Self {
        let weights: [f64; 2 * CURVE + 1] = std::array::from_fn(|row| {
            let x = (row as f64 - CURVE as f64) / SIGMA;
            (1.0 - x * x) * (-x * x / 2.0).exp()
        });
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let sum: f64 = weights.iter().map(|weight| (weight - mean).max(0.0)).sum();
        Self { kernel: weights.map(|weight| ((weight - mean) / sum) as f32) }
    }

    /// How much row `at` stands out, in units of the level. `rows[at - CURVE ..= at + CURVE]` must exist.
    pub fn curve(&self, rows: &[Row], at: usize) -> f32 {
        rows[at - CURVE..=at + CURVE].iter().zip(&self.kernel).map(|(row, weight)| row[0] * weight).sum()
    }

    /// The place of the anchor at row `at`, in rows and parts of a row, if there is one. `curve` runs
    /// beside `rows` and is known within [`RIVALS`].
    pub fn place(&self, rows: &[Row], curve: &[f32], at: usize) -> Option<f64> {
        let here = curve[at];
        let around = &rows[at - CURVE..=at + CURVE];
        let level = around.iter().map(|row| row[0]).sum::<f32>() / around.len() as f32;
        let stands_out = level > FLOOR && here > PROMINENCE * level;
        let highest = stands_out
            && curve[at - RIVALS..at].iter().all(|&rival| rival < here)
            && curve[at + 1..=at + RIVALS].iter().all(|&rival| rival <= here);
        highest.then(|| {
            let (before, after) = (f64::from(curve[at - 1]), f64::from(curve[at + 1]));
            let bend = before - 2.0 * f64::from(here) + after;
            at as f64 + if bend < 0.0 { 0.5 * (before - after) / bend } else { 0.0 }
        })
    }
}
