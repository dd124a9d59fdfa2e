//! Foreign transcript bytes to sentences with times, and passages for language models.
//!
//! Transcripts come from people, from recognisers and from converters of converters, so none of
//! them is trusted to be in order.
//!
//! ```text
//! bytes ─ encoding ─▶ text ─ sniff ─▶ captions | json | html | prose | rev ─▶ drafts
//!                                                                               │ mend
//!          passages ◀─ sentences ◀─ segments: sorted, finite, within the audio ◀┘
//! ```
//!
//! A draft is what a file says; a segment is what we believe. Every difference between the two is
//! counted in [`Transcript::repairs`] with the places where it was met.
//!
//! Invariant: segments are sorted by start; `0 <= start <= end`, finite; the words of a segment
//! are in order, inside its span, and spell its text. Memory is bounded by `limits` whatever
//! the bytes hold: formats are read as streams into drafts, never into a document tree.

mod captions;
mod clean;
mod clock;
mod cue;
mod draft;
mod encoding;
mod html;
mod json;
mod label;
mod limits;
mod markdown;
mod markup;
mod mend;
mod merge;
mod overlap;
mod pace;
mod passages;
mod prose;
mod repairs;
mod rev;
mod rolling;
mod sentences;
mod sniff;
mod stops;
mod timing;
mod tokens;

#[cfg(test)]
mod tests;

pub use passages::passages;
pub use sentences::sentences;
pub use sniff::Format;

use crate::fault::Fault;
use crate::record::piece::{Timing, Word};
use crate::units::{Seconds, Span};

/// Name of this stage in faults.
pub(crate) const STAGE: &str = "transcript";

/// A transcript in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// Sorted by start. Segments of different speakers may overlap.
    pub segments: Vec<Segment>,
    /// How the times of words came about.
    pub timing: Timing,
    /// What the bytes turned out to be.
    pub format: Format,
    /// What was mended, one line for each kind of repair with its count and the first places.
    pub repairs: Vec<String>,
}

/// A stretch of speech as the file divides it: a cue, a turn, a paragraph.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// When it is spoken.
    pub span: Span,
    /// Who speaks, if the file says so.
    pub speaker: Option<String>,
    /// The text, without markup, whitespace collapsed.
    pub text: String,
    /// Its words; joined they are the text but for spaces.
    pub words: Vec<Word>,
}

/// Reads a transcript in any supported format.
///
/// `hint` is a media type or a file name; the content is asked first, the hint where content
/// leaves a choice. `duration` is the length of the audio: times are held to it, and a text
/// without times is spread over it.
///
/// Errors: Poison with `transcript.empty`, `transcript.not_text`, `transcript.too_large`,
/// `transcript.line_too_long`, `transcript.json` or `transcript.nothing_usable`; each names the
/// place and what to do.
pub fn parse(bytes: &[u8], hint: Option<&str>, duration: Option<Seconds>) -> Result<Transcript, Fault> {
    let duration = duration.map(|seconds| seconds.0).filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    limits::check_size(bytes)?;
    let mut drafts = draft::Drafts::default();
    let text = encoding::decode(bytes, hint, &mut drafts.repairs)?;
    let format = sniff::sniff(&text, hint)?;
    drafts.repairs.count_by(format.noun());
    match format {
        Format::WebVtt | Format::Srt => captions::read(&text, format, &mut drafts)?,
        Format::PodcastJson | Format::WhisperJson => json::read(&text, &mut drafts)?,
        Format::Html => html::read(&text, &mut drafts)?,
        Format::Markdown => markdown::read(&text, &mut drafts)?,
        Format::Plain => prose::read(&text, &mut drafts)?,
        Format::RevNlp => rev::read(&text, &mut drafts)?,
    }
    drop(text);
    mend::mend(drafts, format, duration)
}
