//! hark's graph on timely dataflow: one graph for batch and stream, shaped by a layout.
//!
//! ```text
//! cluster/        several processes that are one: sockets, owners, one clock
//! source/         readers of announcements: RSS, JSON Lines, Parquet, partitions, a folder, topics
//! intake/         from a source into the dataflow: epochs, a bound on what is in flight
//! layout/         which stages share an operator, where they run (a TOML file)
//! dedupe/         the same bytes once: an incremental join beside the graph
//! graph.rs        operators, exchanges, gather, outcomes
//! latency/        histograms: epochs by progress, previews by the clock
//! run.rs          workers, lanes, the loop, the summary
//! sink/           outcomes table, objects, previews.jsonl, messages
//! broker/         reaching Kafka
//! bucket/         reaching an S3-compatible store
//! snapshot/       what is known of episodes, durably: facts in hash buckets
//! durable.rs      when it is made so, and how far the source is read for good
//! death.rs        rehearsed: between one durable step and the next
//! publish/        the end of an episode: objects, messages, then the row
//! corrections.rs  what came to be known after it, on its way to rows, off the workers
//! ```
//!
//! Invariant: every announcement that is taken in ends in exactly one outcome, whichever layout and
//! however many workers, and the outcomes do not depend on the order of arrival.

pub mod broker;
pub mod bucket;
pub mod cluster;
pub mod corrections;
pub mod death;
pub mod durable;
pub mod intake;
pub mod latency;
pub mod layout;
pub mod metrics;
pub mod publish;
pub mod run;
pub mod sink;
pub mod snapshot;
pub mod source;

pub mod dedupe;
mod graph;
mod routing;

pub use layout::Layout;
pub use run::{Job, OperatorUse, RunError, Seen, Summary, run};
