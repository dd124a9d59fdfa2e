//! How an episode ended. Exactly one per episode revision; nothing ends any other way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::Variant;
use super::part::{Part, Weighed};
use crate::fault::Fault;
use crate::units::Span;

/// The span that selection chose, with what speaks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The chosen span.
    pub span: Span,
    /// The words spoken in it.
    pub transcript: String,
    /// Sentences in it: indexes into the dossier's sentences, half-open; `(0, 0)` without words.
    pub sentences: (u32, u32),
    /// Each feature's score in 0..=1 and the `total`.
    pub scores: BTreeMap<String, f64>,
    /// Each hard gate: did the span pass it.
    pub gates: BTreeMap<String, Gate>,
    /// How many candidates were looked at.
    pub candidates: u32,
}

/// One hard gate's verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Whether the span passed.
    pub pass: bool,
    /// What was measured, in `unit`; `None` when it could not be measured (no audio, no model).
    pub measured: Option<f64>,
    /// What was asked for, as a person would write it: `>= 0.85`.
    pub limit: String,
}

/// One encoded rendering of the preview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// Path relative to the output folder.
    pub uri: String,
    /// `audio/mp4`, `audio/ogg`.
    pub media_type: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
    /// Integrated loudness measured after encoding, LUFS.
    pub loudness_lufs: f64,
    /// True peak measured after encoding, dBTP.
    pub true_peak_dbtp: f64,
    /// Decoded length in seconds, measured after encoding.
    pub seconds: f64,
}

/// Time one stage spent on an episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// Waiting for a batch or a lane, summed over the pieces, in seconds.
    pub queued: f64,
    /// Computing: the item's share of its batches, in seconds.
    pub computing: f64,
}

/// Name, version and SHA-256 of the weights of a model that took part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelUsed {
    /// `silero-vad`, `all-minilm-l6-v2`, ...
    pub name: String,
    /// The version of the weights.
    pub version: String,
    /// SHA-256 of the weights' file, in hex.
    pub sha256: String,
}

/// What became of an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// A preview was published.
    Published {
        /// The chosen span.
        selection: Selection,
        /// Its renderings, players' choice first; empty for an episode without audio.
        clips: Vec<Clip>,
    },
    /// The same episode is published under another name.
    Duplicate {
        /// The canonical episode.
        of: String,
        /// Which rule tied them: `enclosure`, `digest`, `acoustic`, `transcript`.
        level: String,
        /// The episode that the rule found it alike: the canonical, or a link of the chain to it.
        via: String,
        /// How alike the two are, 0 to 1.
        similarity: f64,
    },
    /// No preview: why not.
    Failed {
        /// Stage, stable code, message, remedy and causes.
        fault: Fault,
    },
    /// Withdrawn by its source.
    TakenDown {
        /// A later revision that stood when this one fell, if it fell to one.
        revised_by: Option<u64>,
    },
}

/// What the result page draws for an episode: at most [`PICTURE_BINS`] bins over its whole length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Length of the episode in seconds.
    pub seconds: f64,
    /// Loudest level per bin, 0 (silence) to 100 (full scale).
    pub level: Vec<u8>,
    /// Stretches of speech.
    pub speech: Vec<Span>,
    /// Stretches of music.
    pub music: Vec<Span>,
    /// Stretches whose words read like an advert.
    pub adverts: Vec<Span>,
    /// Parts that other episodes hold too.
    pub repeated: Vec<Part>,
}

/// Bins of a [`Picture`].
pub const PICTURE_BINS: usize = 600;

/// The end of one episode revision, with all that the outcomes table holds of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Episode id.
    pub episode: String,
    /// Revision.
    pub revision: u64,
    /// Show, as announced.
    pub show: String,
    /// Title, as announced.
    pub title: String,
    /// What became of it.
    #[serde(flatten)]
    pub state: State,
    /// Full or light.
    pub variant: Variant,
    /// Faults that were survived.
    pub survived: Vec<Fault>,
    /// Language of the words (ISO 639-3), if known.
    pub language: Option<String>,
    /// How the transcript's times came about, if there was one.
    pub timing: Option<super::piece::Timing>,
    /// Models that took part.
    pub models: Vec<ModelUsed>,
    /// Name of the layout.
    pub layout: String,
    /// Seconds since 1970 UTC at which the episode was taken in.
    pub ingested_at: f64,
    /// Seconds since 1970 UTC at which the outcome was known.
    pub completed_at: f64,
    /// Per stage: queued and computing.
    pub timings: BTreeMap<String, StageTime>,
    /// For the result page.
    pub picture: Picture,
    /// Length of the fetched audio in bytes; 0 where none was.
    pub audio_bytes: u64,
    /// What its choice rested on; `None` where none was made.
    pub weighed: Option<Weighed>,
    /// The announcement, so that a failed episode can be replayed from the table alone.
    pub announcement: super::Announcement,
}
