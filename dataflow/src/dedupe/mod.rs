//! Dedupe in the graph: gates that hold episodes until it is known whether they are fresh.
//!
//! ```text
//! graph      (time = source epoch)               knowledge (time = when a fact became known)
//! announced ─▶ gate ─ fetch ─▶ gate ─ decode …       facts ─▶ verdicts of all levels
//!                └─ facts ─────────────────────────────▲         │
//!                └◀──────────── judgements ◀─────────────────────┘──▶ corrections of what had ended
//! ```
//! The knowledge side has epochs of its own, so a slow fetch never holds up anybody's verdict. What
//! it says never depends on the order of arrival; what had been decided otherwise is corrected.

mod gate;
mod judgements;
mod knowledge;
#[cfg(test)]
mod tests;

pub use gate::Told;
pub(crate) use gate::{announced, fetched, gate, known};
pub use judgements::Judgements;
pub use knowledge::{Hub, Keep, Knowledge, STEP};

/// How much of an episode is looked at to find that it is another's copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Levels {
    /// Enclosure, bytes, sound and words.
    #[default]
    All,
    /// Enclosure and bytes.
    Exact,
}
