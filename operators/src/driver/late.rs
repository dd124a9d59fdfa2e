//! Episodes whose deadline is near: models are passed over, so that a light preview comes in time rather
//! than a full one late.
//!
//! ```text
//! taken in ├──────────── models may work ────────────┤── select, cut, publish ──┤ deadline
//!                              0.7 of the time       ▲ from here on: the light way
//! ```
//! What is left to do is not foretold, only bounded by a share: of the two ways to be wrong (a light
//! preview that could have been full, a late one) neither loses an episode.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::fault::Fault;
use crate::record::Record;
use crate::stage::Stage;

/// Tells the seconds since 1970 UTC.
pub type Clock = fn() -> f64;

/// This machine's.
pub fn wall_clock() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// From when on these stages pass a record over, if they may: each that takes it in has a light way, and
/// its episode has a deadline.
pub(super) fn light_from(stages: &[Stage], record: &Record) -> Option<f64> {
    let kind = record.kind();
    let may = stages.iter().filter(|stage| stage.consumes(kind)).all(|stage| stage.has_light_way());
    record.episode.light_from().filter(|_| may)
}

/// Why a stage passed a record over.
pub(super) fn fault(stage: Stage, record: &Record) -> Fault {
    Fault::retry(
        stage.name(),
        "late",
        format!(
            "most of the time until the deadline of episode {} was over before its turn came",
            record.episode.key().episode
        ),
        "announce it earlier or as urgent, give the stage more lanes, or replay it with a later deadline",
    )
}
