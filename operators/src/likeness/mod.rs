//! How alike two episodes are, judged by what they say and not by their bytes.
//!
//! ```text
//! acoustic/   mono 16 kHz samples ─ a print of 60 KB an hour ─ spans that two prints share
//! text/   the words of a transcript ─ a signature of 518 bytes ─ bands to find it by, an estimate of what two share
//! ```
//!
//! Invariant: everything here is a pure function of its input; joins over many episodes are built
//! elsewhere, on the keys that are made here.

pub mod acoustic;
pub mod text;
