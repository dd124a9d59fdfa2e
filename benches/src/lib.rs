//! What the benchmarks share: material, tools, one job.
//!
//! A benchmark states a ratio against a named baseline that ran in the same process a moment
//! before: absolute times differ from machine to machine.

/// As `hark` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod apart;
pub mod bare;
pub mod job;
pub mod material;
pub mod memory;

use std::time::Instant;

/// Seconds that `work` takes.
pub fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// The median of some figures.
///
/// # Panics
/// Where there are none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    assert!(!figures.is_empty(), "a median needs a figure");
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
