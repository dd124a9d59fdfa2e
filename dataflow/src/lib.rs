//! The graph: sources, layout, sinks, progress and latency, commit and recovery.
//!
//! ```text
//! source/   readers of announcements: feeds, JSON Lines, Parquet, folders of partitions
//! ```

pub mod source;
