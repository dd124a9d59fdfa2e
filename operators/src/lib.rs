//! The records on hark's streams, one stage per file, and the drivers that run stages.
//!
//! ```text
//! record/      what flows: announcements, windows, passages, findings, dossiers, outcomes
//! stage/       one file per stage: records in, records out, or a typed fault
//! meet.rs      audio and transcript of an episode to what is known of it
//! gather.rs    pieces of an episode to its dossier
//! dedupe/      which episodes are the same, incrementally
//! cache/       what models have said before, so that a replay asks none
//! driver/      runs stages on the worker or on lanes; holds capabilities, batches, times, retries
//! fetch/       bytes to this machine's disk, safely
//! media/       audio: how loud and musical it is, its blocks on disk, cutting, loudness
//! transcript/  foreign transcript bytes: formats, sentences, passages
//! likeness/    how alike two episodes are, judged by what they say
//! select/      which minute of an episode is its preview
//! ```
//!
//! Invariant: every stage is total. A record that goes in comes out as a result or as a [`Fault`];
//! nothing is dropped silently.

mod awaited;
pub mod cache;
pub mod dedupe;
pub mod driver;
pub mod fetch;
pub mod gather;
pub mod likeness;
pub mod media;
pub mod meet;
pub mod record;
pub mod select;
pub mod stage;
pub mod transcript;

pub use hark_audio::fault::{self, Fault};
pub use hark_audio::units;
pub use hark_models::Precision;
