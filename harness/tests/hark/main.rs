//! End to end: the real binary on real input.

mod command;
mod examples;
mod material;
mod usage;
