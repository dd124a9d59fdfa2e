//! The signature of a transcript: finds the same talk again in another file format, typed by somebody
//! else, with other adverts or a trimmed start.
//!
//! ```text
//! words ─ spoken.rs ─ tokens: case, accents, marks, fillers and stutters gone
//!       ─ shingle.rs ─ one hash for every four words in a row, distinct
//!       ─ minima.rs ─ the least of them under 128 hash functions ─▶ Signature (signature.rs)
//! Signature ─ bands ─▶ candidates over the catalogue (a join, elsewhere)
//! two Signatures ─ compare.rs ─▶ Similarity ─▶ same_episode
//! ```
//! Two transcripts agree in a minimum as often as their sets of shingles overlap (Broder, *On the
//! resemblance and containment of documents*, 1997). Measured on real transcripts: docs/dedupe.md.
//!
//! Own code, for the libraries that were looked at hash with the standard hasher or promise no stable
//! values, and signatures are kept for years.
//!
//! Invariant: signatures of different [`SIGNATURE_VERSION`]s are never compared; whatever changes a token,
//! a shingle or a hash raises the version. Equal words give equal signatures on every machine.

mod compare;
mod minima;
mod mix;
mod shingle;
mod signature;
mod spoken;

pub use compare::{
    FEWEST_SHINGLES, SAME_CONTAINMENT, SAME_JACCARD, Similarity, VersionMismatch, compare, same_episode,
};
pub use signature::{BANDS, SIGNATURE_VERSION, Signature};
