//! The acoustic fingerprint: finds the same recording again after another codec, another host's
//! adverts, a trimmed start, and finds what different episodes share.
//!
//! ```text
//! samples ─ envelope.rs ─ 8 curves, 31 values a second ─ anchor.rs ─ moments the content itself picks
//!                                                      └ key.rs ── 32 signs around each ─▶ Print
//! Print ─ bands ─▶ candidates over the catalogue (a join, elsewhere)
//! two Prints ─ align.rs ─ equal keys ─ walk.rs ─ from each to both edges ─▶ Alignment ─▶ same_episode
//! Alignments of one episode ─ repeated.rs ─▶ spans with the number of episodes that hold them
//! ```
//! Two ideas carry it. A landmark lies where the sound itself has a peak, to within milliseconds, so it
//! does not matter where a copy begins. And a key is made of signs of smooth sums over two seconds,
//! which a codec seldom turns. Measured on real speech: docs/dedupe.md; why not a library:
//! docs/decisions/0006-acoustic-fingerprint.md.
//!
//! Invariant: prints of different [`PRINT_VERSION`]s are never compared; whatever changes a key or a
//! position raises the version.

mod align;
mod anchor;
mod bytes;
mod envelope;
mod fingerprinter;
mod key;
mod print;
mod repeated;
mod walk;

pub use align::{Alignment, SAME_OF_LONGER, SAME_OF_SHORTER, SAME_SECONDS, Shared, align, same_episode};
pub use fingerprinter::Fingerprinter;
pub use print::{BANDS, CANDIDATE_BANDS, Landmark, PRINT_VERSION, Print, UNITS_PER_SECOND};
pub use repeated::{RepeatedPart, repeated};
