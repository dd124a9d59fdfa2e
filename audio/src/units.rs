//! Newtypes for times and rates, so that a sample count is never taken for seconds.

use serde::{Deserialize, Serialize};

/// Rate of everything that models hear: mono samples per second.
pub const MODEL_RATE: u32 = 16_000;

/// A time or a duration in seconds from the start of the episode's audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

/// A count of samples at [`MODEL_RATE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Samples(pub u64);

impl Samples {
    /// The time at which this sample sounds.
    pub fn seconds(self) -> Seconds {
        Seconds(self.0 as f64 / f64::from(MODEL_RATE))
    }
}

impl Seconds {
    /// The sample that sounds at this time; times before the start are the first sample.
    pub fn samples(self) -> Samples {
        Samples((self.0.max(0.0) * f64::from(MODEL_RATE)).round() as u64)
    }
}

impl std::ops::Add for Seconds {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::Sub for Seconds {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

/// A half-open stretch of an episode, `start <= end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends.
    pub end: Seconds,
}

impl Span {
    /// A span from plain seconds.
    pub fn new(start: f64, end: f64) -> Self {
        Self { start: Seconds(start), end: Seconds(end) }
    }

    /// How long it lasts, in seconds.
    pub fn length(self) -> f64 {
        self.end.0 - self.start.0
    }

    /// Seconds shared with `other`; 0 when they do not touch.
    pub fn overlap(self, other: Span) -> f64 {
        (self.end.0.min(other.end.0) - self.start.0.max(other.start.0)).max(0.0)
    }
}
