//! What flows through the graph.
//!
//! ```text
//! Announcement ─▶ Fetched ─▶ Window ─▶ Finding ─┐
//!                         └▶ Passage ▶ Finding ─┴▶ Dossier ─▶ Preview ─▶ Outcome
//! ```

pub mod announcement;
pub mod finding;
pub mod outcome;
pub mod piece;

pub use announcement::{Announcement, EpisodeId, EpisodeKey, Priority, TranscriptSource};
