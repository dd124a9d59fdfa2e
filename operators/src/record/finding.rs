//! What models found in one piece, and everything that is known of one episode.

use std::path::PathBuf;
use std::sync::Arc;

pub use hark_audio::media::Media;
use serde::{Deserialize, Serialize};
use tempfile::TempPath;

use super::part::Parts;
use super::piece::{Sentence, Timing};
use super::{Announcement, EpisodeKey, numbers};
use crate::fault::Fault;
use crate::units::Span;

/// Samples per frame of [`Speech`]: Silero VAD's chunk, 32 ms.
pub const SPEECH_FRAME: usize = 512;
/// Samples per frame of [`Events::level`]: 10 ms.
pub const LEVEL_FRAME: usize = 160;
/// Samples per frame of [`Events::music`]: 0.5 s.
pub const MUSIC_FRAME: usize = 8_000;

/// What a model found in one piece of an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Finding {
    /// Of a window: probability of speech per 32 ms frame, in 1/255.
    Speech {
        /// The window.
        index: u32,
        /// One per [`SPEECH_FRAME`] samples, rounded up.
        frames: Vec<u8>,
    },
    /// Of a window: how loud and how musical it is.
    Events {
        /// The window.
        index: u32,
        /// RMS level per 10 ms in dBFS, rounded, -127 for digital silence.
        level: Vec<i8>,
        /// Music score per 0.5 s, in 1/255.
        music: Vec<u8>,
    },
    /// Of a passage: its sentence embedding.
    Embedding {
        /// The passage.
        index: u32,
        /// Unit-length MiniLM embedding, 384 values.
        #[serde(serialize_with = "numbers::serialize", deserialize_with = "numbers::deserialize")]
        vector: Vec<f32>,
    },
}

/// Audio of an episode on this machine's disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalAudio {
    /// Where it lies.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// BLAKE3 of the bytes, in hex.
    pub digest: String,
    /// Of a download, which goes away with the last record that tells of it; `None` of a file that is
    /// somebody else's. Only on the machine that fetched it, which is the episode's home.
    #[serde(skip)]
    pub staged: Option<Staged>,
}

/// A file that goes away with its last owner.
#[derive(Clone, Debug)]
pub struct Staged(#[allow(dead_code, reason = "it is there to be dropped")] Arc<TempPath>);

impl Staged {
    /// Takes the file over.
    pub fn new(path: PathBuf) -> std::io::Result<Self> {
        Ok(Self(Arc::new(TempPath::try_from_path(path)?)))
    }
}

impl PartialEq for Staged {
    /// What becomes of a file is no part of what it holds.
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// Which way an episode went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// All models.
    #[default]
    Full,
    /// Transcript, level and position only, because a model failed or timed out.
    Light,
}

/// Everything known of one episode when its last piece has come back: what selection works on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dossier {
    /// Episode and revision.
    pub key: Arc<EpisodeKey>,
    /// As announced.
    pub announcement: Arc<Announcement>,
    /// The audio on disk, if the episode has any.
    pub audio: Option<LocalAudio>,
    /// What the decoder learnt; `None` without audio.
    pub media: Option<Media>,
    /// Probability of speech per 32 ms frame, in 1/255; empty without audio or without the model.
    pub speech: Vec<u8>,
    /// Level per 10 ms in dBFS; empty without audio.
    pub level: Vec<i8>,
    /// Music score per 0.5 s, in 1/255; empty without audio.
    pub music: Vec<u8>,
    /// The transcript's sentences in order; empty without a transcript until words were recognised.
    pub sentences: Vec<Sentence>,
    /// How the sentences' times came about; `None` without a transcript.
    pub timing: Option<Timing>,
    /// Which sentences each embedding covers (half-open) and the unit-length embedding.
    pub embeddings: Vec<((u32, u32), Vec<f32>)>,
    /// Language of the words (ISO 639-3), identified from the text; `None` when unsure.
    pub language: Option<String>,
    /// Its parts that other episodes hold too.
    pub repeated: Parts,
    /// Spans that were looked at before those whose words were recognised.
    pub passed_over: Vec<Span>,
    /// Which way it went.
    pub variant: Variant,
    /// Why it went the light way, and what else was survived.
    pub faults: Vec<Fault>,
}
