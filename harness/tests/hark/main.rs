//! End to end: the real binary on real input.

mod broker;
mod cluster;
mod command;
mod corrections;
mod drills;
mod examples;
mod kafka;
mod live;
mod material;
mod running;
mod usage;
