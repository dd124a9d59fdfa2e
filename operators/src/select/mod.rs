//! Which minute of an episode is its preview: pure, fast and deterministic.
//!
//! ```text
//! dossier ─▶ timeline (sentences, or stretches between pauses where there are no words)
//!              ├─▶ text ──▶ advert, boilerplate, contained, represent ─┐
//!              ├─▶ sound ─▶ speech, music, level ──────────────────────┤
//!              └─▶ candidates: 30 to 75 s, sentence edge to sentence edge
//!                                   └─▶ features 0..=1 ─▶ rank ─▶ gates ─▶ Verdict
//! ```
//!
//! Every feature of every candidate is a difference of prefix sums or a look into a short sorted
//! list, so that three hours of talk cost milliseconds. The phrases (`lexicon.toml`) and the
//! numbers (`weights.toml`) are data; a caller may load its own.
//!
//! Invariant: the same dossier gives the same verdict on every machine. Scores are compared in
//! steps of 1/10000, the earlier candidate wins a tie, and no map's iteration order is looked at.

mod advert;
mod boilerplate;
mod candidates;
mod contained;
mod delivery;
mod features;
mod gates;
mod lexicon;
mod picture;
mod rank;
mod reading;
mod represent;
mod sound;
mod text;
mod timeline;
mod weights;

pub use candidates::{Shortlist, shortlist};
pub use features::FEATURES;
pub use gates::{CutLimits, Verdict};
pub use reading::Reading;
pub use weights::Weights;
