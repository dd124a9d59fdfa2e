//! The drivers: they run stages on the worker's thread or on lanes, and are the only place that
//! knows capabilities, batches, waiting, priority, deadlines, panics and time.
//!
//! ```text
//!                    ┌ on_worker: at once, on the worker's thread (cheap stages)
//! stream ─▶ operator ┤
//!                    └ on_lanes: pending ─batch▶ queue ─▶ lane (own thread, warm models) ─▶ replies
//! ```
//!
//! Invariant: every item in flight holds its own capability, so a batch may mix episodes and
//! epochs and results may return in any order; no operator ever blocks.

pub mod budget;
mod devices;
mod flight;
mod floor;
mod group;
mod health;
mod lanes;
mod late;
mod limits;
mod lines;
mod memory;
mod on_lanes;
mod on_worker;
mod pace;
mod queue;
mod resident;
#[cfg(test)]
pub(crate) mod sample;

pub use budget::{Budget, Permit};
pub use devices::Devices;
pub use group::{Filled, Group, GroupSpec};
pub use lanes::{Lanes, Worked};
pub use late::{Clock, wall_clock};
pub use limits::Limits;
pub use memory::{Room, Share};
pub use on_lanes::{Batching, on_lanes};
pub use on_worker::on_worker;

/// The source's time: a tick of its clock.
pub type Epoch = u64;
