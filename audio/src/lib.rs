//! From foreign bytes to samples: decoders in processes of their own with limits, so that a file that
//! crashes its decoder or asks for all memory costs one episode and nothing else.
//!
//! ```text
//! decoder (parent) ── wire ──▶ child ─▶ source (demux, decode, trim) ─▶ mix ─▶ resample ─┐
//!    │      ◀──────── 16 kHz i16 blocks, or a span as f32 ───────────────────────────────┘
//!    └─ foreign: ffmpeg, for what the child does not know
//! fault, units, media: what both ends speak of
//! ```
//!
//! A crate apart from the models, for the child's sake: a program that is linked with libtorch takes a third
//! of a second and 60 MB to start, whether it asks a model or not.

pub mod child;
pub mod decoder;
pub mod fault;
pub mod limits;
pub mod media;
mod mix;
mod resample;
mod source;
pub mod units;
mod wire;
