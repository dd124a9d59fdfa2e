//! The durable end of an episode.
//!
//! ```text
//!            ┌▶ objects    previews/ab/abcd….m4a  .ogg  .vtt  .soundbite.xml
//! Outcome ───┼▶ outcomes   one row per (episode, revision)         ─▶ commit ─▶ capability dropped
//!            └▶ previews   previews.jsonl, written from the table
//! ```
//! Objects lie in the output folder, in another, or in a bucket. Where there is a broker, messages stand between objects and the commit of the rows.
//!
//! Invariant: object, then row, then commit; whoever holds the episode's capability drops it only
//! after the commit. A crash in between repeats work and never loses or doubles a preview, because
//! the key of an object derives from content and the row is keyed by episode and revision.

mod error;
mod file;
pub mod messages;
pub mod objects;
pub mod outcomes;
mod place;
pub mod previews;

#[cfg(test)]
pub(crate) mod sample;

pub use error::SinkError;
pub use messages::Messages;
pub use objects::{ObjectKey, ObjectKind, Objects, Written};
pub use outcomes::{Database, OutcomeTable, Recorded, Spared, Which};
pub use place::Place;
