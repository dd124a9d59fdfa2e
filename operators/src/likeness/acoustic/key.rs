//! Thirty-two signs that say how the two seconds around an anchor sound.
//!
//! The patch of rows around the anchor, faded out to both ends, is projected on four cosines in time
//! (a half, one, two and a half and three turns over two seconds: slow movements, which codecs keep)
//! for each of the eight shapes. The sign of each sum is one bit. The mean of each shape is taken off
//! first, so that an equaliser or another microphone path changes nothing.
//!
//! On real speech a 32 kbit/s copy turns 1 to 2.5 % of the signs, two thirds of all keys survive whole,
//! and two unrelated keys are equal once in some 4 to 16 million pairs.

use super::envelope::{Row, SHAPES};

/// Rows on each side of an anchor that its key looks at: one second. One more must be known behind it.
pub const KEY_REACH: usize = 32;
const ROWS: usize = 2 * KEY_REACH + 1;
/// Half turns over the patch. Neighbouring ones overlap under the fade and would repeat themselves.
const HALF_TURNS: [usize; 4] = [1, 2, 5, 6];

/// The projections.
pub struct Keys {
    fade: [f32; ROWS],
    cosines: [[f32; ROWS]; HALF_TURNS.len()],
}

impl Keys {
    /// The tables.
    pub fn new() -> Self {
        let x = |row: usize| (row as f64 + 0.5) / ROWS as f64;
        let fade = |row: usize| 0.5 - 0.5 * (std::f64::consts::TAU * x(row)).cos();
        let sum: f64 = (0..ROWS).map(fade).sum();
        let cosine = |turns: usize, row: usize| fade(row) * (std::f64::consts::PI * turns as f64 * x(row)).cos();
        Self {
            fade: std::array::from_fn(|row| (fade(row) / sum) as f32),
            cosines: HALF_TURNS.map(|turns| std::array::from_fn(|row| cosine(turns, row) as f32)),
        }
    }

    /// The key at `at`, in rows and parts of a row; rows from `at - KEY_REACH` to `at + KEY_REACH + 1`
    /// must exist.
    pub fn at(&self, rows: &[Row], at: f64) -> u32 {
        let (whole, part) = (at.floor() as usize, at.fract() as f32);
        let rows = &rows[whole - KEY_REACH..=whole + KEY_REACH + 1];
        let mut patch: [Row; ROWS] = std::array::from_fn(|row| {
            std::array::from_fn(|shape| rows[row][shape] * (1.0 - part) + rows[row + 1][shape] * part)
        });
        let mean = project(&patch, &self.fade);
        for row in &mut patch {
            row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
        }
        let signs = self.cosines.iter().flat_map(|cosine| project(&patch, cosine)).enumerate();
        signs.fold(0, |key, (bit, sum)| key | u32::from(sum > 0.0) << bit)
    }
}

fn project(patch: &[Row; ROWS], weights: &[f32; ROWS]) -> [f32; SHAPES] {
    let mut sums = [0.0; SHAPES];
    for (row, weight) in patch.iter().zip(weights) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    sums
}
