//! What flows through the graph.
//!
//! ```text
//! Announced ─▶ Fetched ─┬▶ Heard ─┬▶ Known ─┬▶ Window ──▶ Finding ─┐
//!                       └▶ Read ──┘         ├▶ Passage ─▶ Finding ─┼▶ Dossier ─▶ Transcribed ─▶ Chosen ─▶ Rendered ─▶ Outcome
//!                                           └▶ Whole ──────────────┘
//! ```
//! A piece that a model could not do comes back as `Unfound`; an episode that cannot go on comes
//! to its end as `Failed` or `Settled`. So every record that goes in is accounted for.

pub mod announcement;
pub mod episode;
pub mod finding;
pub mod numbers;
pub mod origin;
pub mod outcome;
pub mod part;
pub mod piece;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use announcement::{Announcement, Deadline, EpisodeId, EpisodeKey, Priority, TranscriptSource};
pub use episode::{About, Chosen, Episode, Failure, Fetched, Heard, Known, Read, Rendered, Whole};
pub use origin::Origin;

use serde::{Deserialize, Serialize};

use crate::dedupe::verdict::Verdict;
use crate::fault::Fault;
use crate::stage::Stage;
use finding::{Dossier, Finding};
use outcome::{Outcome, StageTime};
use piece::{Passage, Window};

/// One record: whose it is, what it is, and the time that stages have spent on it so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The episode it belongs to.
    pub episode: Arc<Episode>,
    /// What it is.
    pub body: Body,
    /// Time spent so far, by stage; summed per episode where records meet.
    pub spent: Spent,
}

/// Time by stage, in the order of the stages.
pub type Spent = BTreeMap<Stage, StageTime>;

/// What a record is. Shared, for drivers keep each record until something has come of it: an hour of findings,
/// or a clip, would be copied at every operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Body {
    /// Its source announced it.
    Announced,
    /// Its bytes are on this machine.
    Fetched(Arc<Fetched>),
    /// Its audio is decoded.
    Heard(Arc<Heard>),
    /// Its transcript is read.
    Read(Arc<Read>),
    /// Both are, and it goes on to the models.
    Known(Arc<Known>),
    /// Up to 30 s of its audio.
    Window(Window),
    /// A few of its sentences.
    Passage(Passage),
    /// Its last window and passage have been sent.
    Whole(Arc<Whole>),
    /// A model's result on one piece.
    Finding(Finding),
    /// A model's failure on one piece.
    Unfound(Stage, Fault),
    /// Everything known of it.
    Dossier(Arc<Dossier>),
    /// The same, with words recognised where there was no transcript.
    Transcribed(Arc<Dossier>),
    /// Its span is chosen.
    Chosen(Arc<Chosen>),
    /// Its clip is encoded.
    Rendered(Arc<Rendered>),
    /// It cannot go on.
    Failed(Arc<Failure>),
    /// It is not to have a preview of its own.
    Settled(Verdict),
    /// It has ended.
    Outcome(Arc<Outcome>),
}

/// The kinds of records, by which the graph wires operators together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the same names as in `Body`
pub enum Kind {
    Announced,
    Fetched,
    Heard,
    Read,
    Known,
    Window,
    Passage,
    Whole,
    Finding,
    Unfound,
    Dossier,
    Transcribed,
    Chosen,
    Rendered,
    Failed,
    Settled,
    Outcome,
}

impl Record {
    /// A record of an episode at its beginning.
    pub fn announced(episode: Arc<Episode>) -> Self {
        Self { episode, body: Body::Announced, spent: Spent::new() }
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Announced => Kind::Announced,
            Body::Fetched(_) => Kind::Fetched,
            Body::Heard(_) => Kind::Heard,
            Body::Read(_) => Kind::Read,
            Body::Known(_) => Kind::Known,
            Body::Window(_) => Kind::Window,
            Body::Passage(_) => Kind::Passage,
            Body::Whole(_) => Kind::Whole,
            Body::Finding(_) => Kind::Finding,
            Body::Unfound(..) => Kind::Unfound,
            Body::Dossier(_) => Kind::Dossier,
            Body::Transcribed(_) => Kind::Transcribed,
            Body::Chosen(_) => Kind::Chosen,
            Body::Rendered(_) => Kind::Rendered,
            Body::Failed(_) => Kind::Failed,
            Body::Settled(_) => Kind::Settled,
            Body::Outcome(_) => Kind::Outcome,
        }
    }

    /// Bytes of samples, text or numbers in it, which are nearly all that it has; 0 of small records.
    pub fn payload(&self) -> usize {
        match &self.body {
            Body::Window(window) => size_of_val(window.samples.as_slice()),
            Body::Passage(passage) => passage.text.len(),
            Body::Finding(Finding::Speech { frames, .. }) => frames.len(),
            Body::Finding(Finding::Events { level, music, .. }) => level.len() + music.len(),
            Body::Finding(Finding::Embedding { vector, .. }) => size_of_val(vector.as_slice()),
            Body::Fetched(fetched) => fetched.transcript.as_ref().map_or(0, |(bytes, _)| bytes.len()),
            _ => 0,
        }
    }

    /// Its size for batching by length: samples of a window, bytes of a passage, else 0.
    pub fn length(&self) -> usize {
        match &self.body {
            Body::Window(window) => window.samples.len(),
            Body::Passage(passage) => passage.text.len(),
            _ => 0,
        }
    }
}
