//! What a file says, before anything is believed: the one thing that every format is read into.

use std::sync::Arc;

use super::limits::{MAX_SEGMENTS, MAX_TEXT, MAX_WORDS, too_large};
use super::repairs::Repairs;
use super::tokens;
use crate::fault::Fault;

/// A time that the file does not give. Times are kept as plain numbers because a draft is dear:
/// there may be 120,000 of them.
pub(super) const UNKNOWN: f64 = f64::NAN;

/// Who speaks, as far as the format tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Voice {
    /// Nothing said.
    #[default]
    None,
    /// A field of the format: certain.
    Named(Arc<str>),
    /// A certain label in the text, which holds until the next one.
    Label(Arc<str>),
    /// `Name: ` before the text, which may be text after all.
    Maybe(Arc<str>),
}

/// A word with the times that the file gives it, [`UNKNOWN`] where it gives none.
#[derive(Debug)]
pub(super) struct TimedWord {
    pub start: f64,
    pub end: f64,
    pub text: String,
}

/// A segment as it stands in the file: clean text, times unchecked.
#[derive(Debug)]
pub(super) struct Draft {
    pub start: f64,
    pub end: f64,
    pub voice: Voice,
    /// Cleaned, not empty.
    pub text: String,
    /// Empty, or words that spell the text.
    pub words: Vec<TimedWord>,
    /// Line or segment number in the file, from 1.
    pub place: u32,
}

/// The drafts of a file in its own order, held to the limits.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub list: Vec<Draft>,
    pub repairs: Repairs,
    text_bytes: usize,
    words: usize,
}

impl Drafts {
    /// Adds one; a draft without text is dropped.
    pub fn push(&mut self, mut draft: Draft) -> Result<(), Fault> {
        if draft.text.is_empty() {
            return Ok(());
        }
        draft.text.shrink_to_fit();
        draft.words.shrink_to_fit();
        self.text_bytes += draft.text.len();
        let (noun, place) = (self.repairs.noun(), draft.place);
        if self.text_bytes > MAX_TEXT {
            return Err(too_large(&format!("up to {noun} {place} there is too much text"), MAX_TEXT, "bytes"));
        }
        // Counted only after the check above, so that counting is bounded too.
        self.words += if draft.words.is_empty() { tokens::count(&draft.text) } else { draft.words.len() };
        if self.words > MAX_WORDS {
            return Err(too_large(&format!("up to {noun} {place} there are too many words"), MAX_WORDS, "words"));
        }
        if self.list.len() == MAX_SEGMENTS {
            return Err(too_large(&format!("{noun} {place} is one segment too many"), MAX_SEGMENTS, "segments"));
        }
        self.list.push(draft);
        Ok(())
    }
}
