//! What a person reads after a run: the result page and the listing.
//!
//! ```text
//! outcomes ─┬▶ page ─▶ index.html     one file: markup, style, script; media beside it
//!           │   ├ card      one episode: what was chosen, or why nothing was
//!           │   ├ wave      the whole episode as a picture
//!           │   ├ judgement scores and gates
//!           │   └ making    time per stage, models, faults that were survived
//!           └▶ listing      hark outcomes: a table, or a JSON line each
//! ```
//!
//! Invariant: text from outside is data. It is escaped by construction in the page, which can load
//! nothing but its own media and run nothing but its own script, and stripped of control characters
//! on the terminal.

mod card;
mod judgement;
pub mod listing;
mod making;
mod page;
mod policy;
mod wave;
mod wording;

pub use page::write;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
