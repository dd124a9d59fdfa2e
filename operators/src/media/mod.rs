//! Foreign audio bytes: decoded, cut and encoded in child processes with limits, so that a file
//! that crashes its decoder or asks for all memory costs one episode and nothing else.
//!
//! ```text
//! decoder (parent) ── wire ──▶ child ─▶ source (demux, decode, trim) ─▶ mix ─▶ resample ─┐
//!    │      ◀──────── 16 kHz i16 blocks, or a span as f32 ───────────────────────────────┘
//!    └─ foreign: ffmpeg, for what the child does not know
//! pcm: the blocks of an episode on disk, until the models have seen them
//! ```

pub mod child;
pub mod clip;
pub mod decoder;
pub mod events;
pub mod limits;
mod mix;
pub mod pcm;
mod resample;
mod source;
mod wire;
