//! The preview clip: from a stretch of the original audio to files that players take.
//!
//! ```text
//! Pcm ─▶ mix ─▶ edges ─▶ fades ─▶ loudness + limiter ─▶ encode (ffmpeg) ─▶ measure (ffmpeg) ─┬▶ EncodedClip
//!      ≤ 2 channels  in a pause              ▲                                               │
//!                                            └────── aim lower, a bounded number of times ───┘
//! ```
//!
//! Loudness and true peak are asserted on what was *encoded and decoded again*, since a lossy codec
//! moves both. The same input gives the same bytes: one thread, no dates, no version strings.
//!
//! Invariant: [`render`] returns clips that keep loudness, true peak and length, or a [`Fault`] of
//! stage `cut`; never a clip that is merely close.
//!
//! [`Fault`]: crate::fault::Fault

pub mod captions;
mod child;
pub mod edges;
pub mod encode;
pub mod limiter;
pub mod loudness;
pub mod measure;
pub mod mix;
pub mod render;
pub mod soundbite;

pub use edges::{Cut, Edge};
pub use encode::{Format, Tags};
pub use render::{ClipSettings, EncodedClip, Rendered, render};

use crate::units::Seconds;

/// Stage name of every fault in here.
pub(crate) const STAGE: &str = "cut";

/// Audio as it was decoded, at its own rate.
#[derive(Clone, Copy, Debug)]
pub struct Pcm<'a> {
    /// Frames per second.
    pub rate: u32,
    /// Samples per frame, in WAV order (left, right, centre, low, surrounds).
    pub channels: u16,
    /// Interleaved, full scale at ±1; more than that is allowed.
    pub samples: &'a [f32],
    /// Where in the episode the first frame sounds.
    pub start: Seconds,
}

/// Decibels of an amplitude ratio; minus infinity for 0.
pub(crate) fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// The amplitude ratio of so many decibels.
pub(crate) fn ratio(decibels: f64) -> f64 {
    10f64.powf(decibels / 20.0)
}

#[cfg(test)]
mod tests;
