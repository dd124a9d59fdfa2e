//! Which episodes are the same, level by level, as collections over ids and keys.
//!
//! ```text
//! standing   which revision stands (level 1 by guid and revision), with its facts; others' are handed back
//! exact/     the same key: enclosure address (level 1) and digest of the bytes (level 2)
//! bands      which episodes meet in a band
//! alone      what is heard and read of those that are no exact copies
//! near       alike: sound (level 3) and words (level 4), by bands and a comparison
//! repeated   what different episodes share: adverts, jingles, intros
//! component  chains of these to one canonical each
//! catalogue  all of it together ─▶ verdicts
//! ```
//! Times are "known at" times in milliseconds: a slow fetch never holds up anybody's verdict.
//!
//! Invariant: a verdict depends on which facts hold, never on the order they arrived in.

mod alone;
pub mod bands;
pub mod catalogue;
mod component;
pub mod exact;
pub mod in_time;
pub mod likeness;
pub mod near;
pub mod repeated;
pub mod standing;
pub mod verdict;

use std::sync::Arc;

use differential_dataflow::trace::ExertionLogic;
use timely::WorkerConfig;

/// Rows per open merge and scheduling that an idle arrangement moves: about 0.1 ms, so that an
/// update that arrives meanwhile hardly waits.
const IDLE_ROWS: usize = 2_000;

/// Has idle workers finish the merges that updates began, and begin none of their own.
///
/// Without it an arrangement that nobody updates keeps both sides and the result of an open merge,
/// twice its size, for as long as it idles. The library's own idle effort goes on until one batch
/// is left: one update of ten million rows would copy them all.
pub fn configure(worker: &mut WorkerConfig) {
    let finish: ExertionLogic =
        Arc::new(|levels| levels.iter().any(|&(_level, batches, _rows)| batches > 1).then_some(IDLE_ROWS));
    worker.set("differential/default_exert_logic".to_owned(), finish);
}
