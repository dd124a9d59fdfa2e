//! Prints of episodes that never were, with the statistics of real ones.
//!
//! Measured on 30 real recordings: 2.1 landmarks a second, gaps from 5 to 45 units with a median of 13;
//! two unrelated keys are equal once in 2^22 pairs and differ in 8 signs of 32 or fewer in 1.2 %. A
//! generated key has 22 free signs, and ten that repeat some of these: as often equal, and rather more
//! often nearly equal.

use hark_operators::likeness::acoustic::{Landmark, Print, UNITS_PER_SECOND};
use hark_operators::units::Seconds;

/// A small generator of random numbers (xorshift64*), the same on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from `low` to `high`, that excluded.
    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    pub fn key(&mut self) -> u32 {
        let free = (self.next() >> 42) as u32;
        free | (free & 0x3ff) << 22
    }
}

/// An episode of `seconds`.
pub fn generated(random: &mut Random, seconds: f64) -> Print {
    let (end, mut at) = ((seconds * UNITS_PER_SECOND) as u32, 34);
    let mut landmarks = Vec::new();
    while at + 34 < end {
        landmarks.push(Landmark { key: random.key(), at });
        let tail = if random.within(0, 10) == 0 { random.within(0, 24) } else { 0 };
        at += (random.within(5, 23) + tail) as u32;
    }
    Print::new(Seconds(seconds), landmarks)
}

/// A copy as a codec leaves it: a third of the keys have a few signs turned, some landmarks are lost.
pub fn copied(random: &mut Random, print: &Print, cut: f64) -> Print {
    let cut_units = (cut * UNITS_PER_SECOND) as u32;
    let kept = print.landmarks().iter().filter(|landmark| landmark.at >= cut_units + 34);
    let turned = kept.map(|landmark| Landmark { at: landmark.at - cut_units, ..*landmark });
    let mut landmarks = Vec::new();
    for mut landmark in turned {
        match random.within(0, 100) {
            0..2 => continue,
            2..35 => landmark.key ^= 1 << random.within(0, 32) | 1 << random.within(0, 32),
            _ => {}
        }
        landmarks.push(landmark);
    }
    Print::new(Seconds(print.seconds().0 - cut), landmarks)
}
