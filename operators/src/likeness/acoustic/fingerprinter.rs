//! A stream of samples to a print, in bounded memory.
//!
//! Invariant: rows are judged in order, each once, as soon as enough is known on both sides. So the
//! print does not depend on the size of the blocks, and what lies more than a second and a half away
//! from a landmark does not change it.

use super::anchor::{ANCHOR_REACH, Anchors};
use super::envelope::{Envelope, FIRST_ROW, ROWS_PER_SECOND, Row};
use super::key::{KEY_REACH, Keys};
use super::print::{Landmark, Print, UNITS_PER_SECOND};
use crate::units::Samples;

/// Rows that must be known on both sides of a row that is judged, and one more for its key.
const REACH: usize = if ANCHOR_REACH > KEY_REACH { ANCHOR_REACH + 1 } else { KEY_REACH + 1 };
/// Rows that are kept at most before the judged ones are dropped.
const KEPT: usize = 4096;

/// Takes the mono 16 kHz samples of one episode in blocks of any size.
pub struct Fingerprinter {
    envelope: Envelope,
    anchors: Anchors,
    keys: Keys,
    samples: u64,
    first: usize, // how many rows were dropped in front
    rows: Vec<Row>,
    curve: Vec<f32>, // beside `rows`, behind by what it looks ahead
    next: usize,     // index in `rows` of the next row to judge
    landmarks: Vec<Landmark>,
}

impl Fingerprinter {
    /// At the start of an episode.
    #[expect(clippy::new_without_default, reason = "plans transforms: not the cheap nothing that a default promises")]
    pub fn new() -> Self {
        Self {
            envelope: Envelope::new(),
            anchors: Anchors::new(),
            keys: Keys::new(),
            samples: 0,
            first: 0,
            rows: Vec::new(),
            curve: Vec::new(),
            next: REACH,
            landmarks: Vec::new(),
        }
    }

    /// Takes the next samples.
    pub fn take(&mut self, samples: &[i16]) {
        self.samples += samples.len() as u64;
        for block in samples.chunks(1 << 18) {
            self.envelope.take(block, &mut self.rows);
            self.judge();
        }
    }

    /// The print of what was taken. The last and the first second have no landmarks of their own.
    pub fn finish(self) -> Print {
        Print::new(Samples(self.samples).seconds(), self.landmarks)
    }

    fn judge(&mut self) {
        for at in self.curve.len()..self.rows.len().saturating_sub(ANCHOR_REACH) {
            // The first rows lack what comes before them; they are never judged.
            self.curve.push(if at < ANCHOR_REACH { 0.0 } else { self.anchors.curve(&self.rows, at) });
        }
        while self.next + REACH < self.rows.len() {
            if let Some(place) = self.anchors.place(&self.rows, &self.curve, self.next) {
                let key = self.keys.at(&self.rows, place);
                let seconds = (self.first as f64 + place) / ROWS_PER_SECOND + FIRST_ROW;
                self.landmarks.push(Landmark { key, at: (seconds * UNITS_PER_SECOND).round() as u32 });
            }
            self.next += 1;
        }
        let done = self.next.saturating_sub(REACH);
        if done > KEPT {
            self.rows.drain(..done);
            self.curve.drain(..done);
            self.first += done;
            self.next -= done;
        }
    }
}
