//! What is known of an episode before any candidate is looked at, and the features of each.
//!
//! | feature | source | 1 means |
//! |---|---|---|
//! | `speech` | speech model | all of it is speech |
//! | `music_free` | music score | no music; 0 from a quarter of music |
//! | `advert_free` | words | the next advert is 30 s away or more; 0 touches one |
//! | `boilerplate_free` | words | no greeting, goodbye or credit in it |
//! | `representative` | embeddings, else words | closer to the whole than all spans of its length |
//! | `topical` | title, description, words | full of the title's words |
//! | `coherence` | words | every sentence is tied to one shortly before |
//! | `self_contained` | words, speakers, pauses | opens and closes like a matter of its own |
//! | `pace`, `fluency` | words | lively; no fillers |
//! | `flow` | speech model, else word times | no long silence |
//! | `hook` | words | the first ten seconds make one listen |
//! | `steady` | level | even level; 0 from 10 dB deviation |
//! | `position` | times | in the body of the episode |
//! | `length` | times | 50 to 70 s |
//!
//! Invariant: a feature is `None` for all candidates of an episode that lacks its source, so that
//! totals stay comparable; it is finite and within 0..=1 otherwise.

use super::candidates::{self, Candidate};
use super::contained::Contained;
use super::delivery::Delivery;
use super::lexicon::Lexicon;
use super::represent::{Likeness, Percentiles, Topic};
use super::sound::{Sound, covered, distance};
use super::text::Text;
use super::timeline::Timeline;
use super::weights::Weights;
use super::{advert, boilerplate};
use crate::record::finding::Dossier;
use crate::record::part::Parts;
use crate::units::Span;

/// Names of the features, in the order of [`Scores`].
pub const FEATURES: [&str; 15] = [
    "speech",
    "music_free",
    "advert_free",
    "boilerplate_free",
    "representative",
    "topical",
    "coherence",
    "self_contained",
    "pace",
    "fluency",
    "flow",
    "hook",
    "steady",
    "position",
    "length",
];

/// A candidate's features in the order of [`FEATURES`]; `None` where the source is missing.
pub(super) type Scores = [Option<f64>; FEATURES.len()];

/// Share of music at which `music_free` is nil.
const ALL_MUSIC: f64 = 0.25;
/// An advert this far away, in seconds, does not matter.
const CLEAR_OF_ADVERTS: f64 = 30.0;
/// Deviation of the level at which `steady` is nil, and up to which it is perfect, in dB.
const UNSTEADY: f64 = 10.0;
const STEADY: f64 = 3.0;

/// One episode, read once.
pub(super) struct Episode {
    pub timeline: Timeline,
    pub sound: Sound,
    pub adverts: Vec<Span>,
    pub boilerplate: Vec<Span>,
    pub repeated: Parts,
    /// Whether there is audio.
    pub sounding: bool,
    pub candidates: Vec<Candidate>,
    contained: Contained,
    delivery: Delivery,
    likeness: Option<Likeness>,
    percentiles: Percentiles,
    topic: Option<Topic>,
}

impl Episode {
    /// Reads all that the dossier holds.
    pub fn of(dossier: &Dossier, weights: &Weights) -> Self {
        Self::read(dossier, Timeline::of(dossier), weights)
    }

    /// Reads speech, level and music only.
    pub fn without_words(dossier: &Dossier, weights: &Weights) -> Self {
        Self::read(dossier, Timeline::without_words(dossier), weights)
    }

    fn read(dossier: &Dossier, timeline: Timeline, weights: &Weights) -> Self {
        let text = Text::of(&timeline, dossier);
        let found = Lexicon::embedded().find(&text);
        let sound = Sound::of(dossier);
        let adverts = advert::spans(&timeline, &text, &found, dossier, &weights.advert);
        let candidates = candidates::enumerate(&timeline, sound.speech_in_all(), weights);
        let likeness = Likeness::of(&timeline, &text, dossier, &adverts);
        let near = |candidate: &Candidate| Some((candidate.span().length(), likeness.as_ref()?.within(candidate)));
        Self {
            percentiles: Percentiles::of(candidates.iter().filter_map(near)),
            boilerplate: boilerplate::spans(&timeline, &found),
            repeated: dossier.repeated.clone(),
            sounding: dossier.media.is_some(),
            contained: Contained::of(&timeline, &text, &found),
            delivery: Delivery::of(&timeline, &found),
            topic: timeline.worded.then(|| Topic::of(&timeline, &text, dossier)).flatten(),
            timeline,
            sound,
            adverts,
            candidates,
            likeness,
        }
    }

    /// The features of one candidate.
    pub fn scores(&self, candidate: &Candidate, weights: &Weights) -> Scores {
        let span = candidate.span();
        let worded = |score: f64| self.timeline.worded.then_some(score);
        [
            self.sound.speech_share(span),
            self.sound.music_share(span).map(|share| (1.0 - share / ALL_MUSIC).max(0.0)),
            worded((distance(&self.adverts, span) / CLEAR_OF_ADVERTS).min(1.0)),
            worded(1.0 - (covered(&self.boilerplate, span) / span.length()).min(1.0)),
            self.likeness.as_ref().map(|l| self.percentiles.rank(span.length(), l.within(candidate))),
            self.topic.as_ref().map(|topic| topic.within(candidate)),
            self.contained.coherence(candidate),
            Some(self.contained.within(candidate)),
            self.delivery.pace(candidate),
            self.delivery.fluency(candidate),
            Some(self.delivery.flow(candidate, &self.sound)),
            self.delivery.hook(candidate),
            self.sound.level_deviation(span).map(|d| ((UNSTEADY - d) / (UNSTEADY - STEADY)).clamp(0.0, 1.0)),
            Some(position(span, self.timeline.seconds)),
            Some(length(span.length(), weights)),
        ]
    }
}

/// 1 in the body of the episode; less in the first tenth, where shows introduce themselves, and
/// towards the end, which a preview should not give away.
fn position(span: Span, seconds: f64) -> f64 {
    let place = (span.start.0 + span.end.0) / 2.0 / seconds;
    (place / 0.1).min(1.0 - (place - 0.7) / 0.3 * 0.8).clamp(0.0, 1.0)
}

/// 1 within the ideal lengths, 0.3 at the shortest and the longest candidate, 0 at the gate.
fn length(seconds: f64, weights: &Weights) -> f64 {
    let l = &weights.length;
    let points = [
        (l.gate_from, 0.0),
        (l.shortest_candidate, 0.3),
        (l.ideal_from, 1.0),
        (l.ideal_to, 1.0),
        (l.longest_candidate, 0.7),
        (l.gate_to, 0.0),
    ];
    let Some(after) = points.iter().position(|(at, _)| seconds <= *at).filter(|after| *after > 0) else { return 0.0 };
    let ((x0, y0), (x1, y1)) = (points[after - 1], points[after]);
    if x1 > x0 { y0 + (y1 - y0) * (seconds - x0) / (x1 - x0) } else { y1 }
}
