//! One episode on its way, and what each stage adds to it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::finding::{Dossier, LocalAudio, Media, Variant};
use super::outcome::{ModelUsed, Picture, Selection};
use super::part::{Parts, Weighed};
use super::piece::{Sentence, Timing};
use super::{Announcement, Deadline, EpisodeKey, Origin};
use crate::fault::Fault;
use crate::likeness::acoustic::Print;
use crate::likeness::text::Signature;
use crate::media::clip::{Cut, EncodedClip};
use crate::media::pcm::Pcm;

/// An episode that hark has taken in.
#[derive(Debug, Serialize, Deserialize)]
pub struct Episode {
    /// As announced.
    pub announcement: Arc<Announcement>,
    /// Seconds since 1970 UTC at which it was taken in.
    pub ingested_at: f64,
    /// The worker that its pieces gather at, chosen at the intake.
    pub home: u64,
    /// The worker that took it in, and hears of its end.
    pub taken_in_by: u64,
    /// The message that it came in, if it came in one.
    pub origin: Option<Arc<Origin>>,
}

/// Share of the time until a deadline that models may use; the rest is for choosing, cutting, publishing.
const MODELS_SHARE: f64 = 0.7;

impl Episode {
    /// Seconds since 1970 UTC from which models are passed over, so that a preview is there by the
    /// deadline. `None` without one, and with one that was past when the episode was taken in: a light
    /// preview would miss it as well.
    pub fn light_from(&self) -> Option<f64> {
        let seconds = match self.announcement.deadline? {
            Deadline::At(at) => at as f64 - self.ingested_at,
            Deadline::Within(seconds) => seconds,
        };
        (seconds > 0.0).then_some(self.ingested_at + MODELS_SHARE * seconds)
    }

    /// Episode and revision.
    pub fn key(&self) -> &EpisodeKey {
        &self.announcement.key
    }
}

/// The bytes that stages work on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Fetched {
    /// The audio, if the episode has any.
    pub audio: Option<LocalAudio>,
    /// The transcript's bytes and its media type or file name, if it has one.
    pub transcript: Option<(Vec<u8>, Option<String>)>,
    /// What was survived on the way (a transcript that could not be fetched).
    pub faults: Vec<Fault>,
}

/// What came of an episode's audio.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Heard {
    /// What was fetched.
    pub fetched: Arc<Fetched>,
    /// The decoded samples; `None` without audio or after a fault. Only on the machine that decoded
    /// them, which is the episode's home.
    #[serde(skip)]
    pub pcm: Option<Arc<Pcm>>,
    /// What the decoder learnt; `None` without audio or after a fault.
    pub media: Option<Media>,
    /// How it sounds; `None` without audio or after a fault.
    pub print: Option<Print>,
    /// Why it could not be decoded to its end.
    pub fault: Option<Fault>,
}

/// What came of an episode's transcript.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Read {
    /// Its sentences; empty without a transcript.
    pub sentences: Vec<Sentence>,
    /// How the times came about.
    pub timing: Option<Timing>,
    /// Language of the words.
    pub language: Option<String>,
    /// What is said, for finding the same words again; `None` without a transcript.
    pub signature: Option<Signature>,
    /// Why there are no sentences although there was a transcript.
    pub fault: Option<Fault>,
}

/// An episode whose audio and transcript are known and worth the models' time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    /// Its audio, without a fault.
    pub heard: Heard,
    /// Its transcript; may bear a fault where there is audio.
    pub read: Arc<Read>,
    /// Its parts that other episodes hold too, as far as they are known.
    pub repeated: Parts,
}

/// The last that is sent of an episode's pieces: how many there are, and what is known besides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Whole {
    /// What was fetched.
    pub fetched: Arc<Fetched>,
    /// What the decoder learnt; `None` without audio.
    pub media: Option<Media>,
    /// Its transcript.
    pub read: Arc<Read>,
    /// Windows sent before this record.
    pub windows: u32,
    /// Which sentences each passage covers that was sent before this record, half-open.
    pub passages: Vec<(u32, u32)>,
    /// Its parts that other episodes hold too.
    pub repeated: Parts,
    /// Why not all pieces were sent.
    pub fault: Option<Fault>,
}

/// The chosen span and all that its outcome will say of the episode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chosen {
    /// Scores, gates, words.
    pub selection: Selection,
    /// Where to cut, and how far each edge may move to find silence.
    pub cut: Cut,
    /// Sentences of the span and its neighbours, for the captions.
    pub sentences: Vec<Sentence>,
    /// What is known besides.
    pub about: About,
}

/// What an outcome says of an episode whichever way it ends.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// The audio on disk, if any.
    pub audio: Option<LocalAudio>,
    /// Full or light.
    pub variant: Variant,
    /// Faults that were survived.
    pub survived: Vec<Fault>,
    /// Language of the words.
    pub language: Option<String>,
    /// How the transcript's times came about.
    pub timing: Option<Timing>,
    /// Models that took part.
    pub models: Vec<ModelUsed>,
    /// For the result page.
    pub picture: Picture,
    /// What its choice rested on; `None` where none was made.
    pub weighed: Option<Weighed>,
}

impl About {
    /// What a dossier says of its episode.
    pub fn new(dossier: &Dossier, models: Vec<ModelUsed>, picture: Picture) -> Self {
        Self {
            audio: dossier.audio.clone(),
            variant: dossier.variant,
            survived: dossier.faults.clone(),
            language: dossier.language.clone(),
            timing: dossier.timing,
            models,
            picture,
            weighed: None,
        }
    }
}

/// Why an episode cannot go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// Stage, code, message, remedy, causes.
    pub fault: Fault,
    /// What was known when it failed.
    pub about: About,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, about: About::default() }
    }
}

/// The encoded clip, ready to be published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rendered {
    /// Scores, gates (those of the cut included), words; the span as it was really cut.
    pub selection: Selection,
    /// Renderings, players' choice first; empty without audio.
    pub clips: Vec<EncodedClip>,
    /// WebVTT of the clip; empty without words.
    pub captions: String,
    /// The Podcasting 2.0 soundbite line.
    pub soundbite: String,
    /// What is known besides.
    pub about: About,
}
