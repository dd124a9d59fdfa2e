//! End to end: the real binary on real input.

mod backfill;
mod broker;
mod cache;
mod cluster;
mod command;
mod corrections;
mod drills;
mod examples;
mod faults;
mod kafka;
mod laboratory;
mod live;
mod material;
mod oracle;
mod postgres;
mod running;
#[path = "../../../dataflow/src/sink/outcomes/postgres/server.rs"]
mod server;
mod usage;
