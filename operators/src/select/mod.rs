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
mod represent;
mod sound;
mod text;
mod timeline;
mod weights;

pub use candidates::{Shortlist, shortlist};
pub use features::FEATURES;
pub use gates::{CutLimits, Verdict};
pub use picture::picture;
pub use rank::{judge, select};
pub use weights::Weights;

use crate::record::finding::Dossier;
use crate::units::Span;

/// The stretches of an episode whose words read like an advert, in order, not overlapping: the
/// whole sponsor read, from its opening to its closing cue. Empty without words.
pub fn advert_spans(dossier: &Dossier) -> Vec<Span> {
    let timeline = timeline::Timeline::of(dossier);
    let text = text::Text::of(&timeline, dossier);
    let weights = Weights::default();
    let cues = lexicon::Lexicon::embedded().find(&text);
    advert::spans(&timeline, &text, &cues, dossier, &weights.advert)
}
