//! What is known of episodes, durably: the facts behind dedupe and the catalogue, and how far the
//! sources had been read when they held.
//!
//! ```text
//! append ─▶ told-N      the facts of one commit and its header, by hash bucket      ─┐
//!        └▶ bodies-N-k  prints and signatures, written once and referred to          ├─▶ load(part, parts)
//! full   ─▶ part-N-k    all facts up to commit N, 256 buckets, sorted by episode     │
//!        └▶ manifest-N  header, where each bucket lies, which bodies are alive      ─┘
//! ```
//! A state is the newest full snapshot and every commit after it. Two full ones are kept, and all
//! commits since the older: where a bucket of the newest is damaged, the older one and the commits
//! make the same bucket. Each file is written whole, under a new name, and is durable before the
//! next is begun; a manifest comes last. Every frame has a length and a checksum, every file says
//! its version.
//!
//! Facts are idempotent: telling one twice changes nothing, so sources may be read again from a
//! header's positions. Nothing here hashes with a library's in-memory hash.
//!
//! Invariant: what is loaded is the state of some commit, and never of an earlier one than the last
//! append that returned `Ok`, unless files were damaged since; then a warning names them.

mod bodies;
mod chain;
mod check;
mod episodes;
mod error;
mod fact;
mod frame;
mod full;
mod load;
mod manifest;
mod name;
mod standing;
mod store;
#[cfg(test)]
mod tests;
mod told;
mod writer;

pub use check::check;
pub use error::{SnapshotError, Warning};
pub use fact::{BUCKETS, DRAINED, Fact, Header, Positions, bucket};
pub use full::Full;
pub use load::{Facts, Restored, load};
pub use standing::standing;
pub use store::{Claim, Folder, Remote, Store};
pub use writer::{Limits, Size, Snapshots};
