//! Models: plain values in, plain values out.
//!
//! ```text
//! samples, sentences ──▶ [model: tensors on one device] ──▶ probabilities, vectors
//! ```
//!
//! A model is loaded once and shared: [`silero::SpeechDetector::share`] and
//! [`minilm::Embedder::share`] give each lane thread a handle of its own to the same weights. A
//! lane calls [`device::lane_thread_setup`] before its first call.
//!
//! Invariant: what comes out for one item is the same whatever other items share its batch, so that any
//! layout gives the same previews: bit for bit on the processor, to 1e-4 on a GPU.
//!
//! This crate knows nothing of timely, of episodes or of batching policy.

pub mod ballast;
pub mod device;
pub mod error;
pub mod gauge;
pub mod language;
pub mod manifest;
pub mod minilm;
pub mod silero;
pub mod sphinx;

/// The libtorch that this was built for.
pub const TORCH: &str = env!("HARK_TORCH");

pub use device::{Device, Placement, Precision};
pub use error::ModelError;
