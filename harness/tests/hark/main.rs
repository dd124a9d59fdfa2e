//! End to end: the real binary on real input.

mod backfill;
mod broker;
mod cache;
mod chromium;
mod cluster;
mod command;
mod corrections;
mod drills;
mod examples;
mod faults;
mod flaky;
mod hour;
mod idle;
mod java;
mod job;
mod kafka;
mod laboratory;
mod live;
mod material;
mod member;
mod objects;
mod oracle;
mod partition;
mod postgres;
mod rescale;
mod running;
mod s3;
#[path = "../../../dataflow/src/sink/outcomes/postgres/server.rs"]
mod server;
mod through;
mod usage;
