//! End to end: the real binary on real input.

mod cluster;
mod command;
mod corrections;
mod drills;
mod examples;
mod live;
mod material;
mod postgres;
#[path = "../../../dataflow/src/sink/outcomes/postgres/server.rs"]
mod server;
mod usage;
