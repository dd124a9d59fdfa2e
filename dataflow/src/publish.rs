//! The end of an episode: objects first, then the row. Idempotent, so that a repeat changes nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::Sender;
use hark_operators::record::outcome::{Clip, Outcome, State};
use hark_operators::record::{About, Body, EpisodeKey, Record};
use hark_operators::stage::Publisher;

use crate::intake::unix_now;
use crate::latency::PreviewLatency;
use crate::sink::{ObjectKey, ObjectKind, Objects, OutcomeTable, SinkError};

/// Changes whenever the same bytes would give another preview: part of every object's key.
pub const PIPELINE: &str = concat!("hark-", env!("CARGO_PKG_VERSION"));

/// Publishes into a folder: clips and captions as objects, outcomes as rows.
pub struct FolderPublisher {
    objects: Objects,
    table: OutcomeTable,
    layout: String,
    ledger: Mutex<Ledger>,
    latency: Mutex<PreviewLatency>,
    /// Tells the run to stop when something could not be made durable.
    halt: Sender<SinkError>,
}

/// What this run has published and withdrawn.
#[derive(Default)]
struct Ledger {
    /// Episodes that turned out duplicates, and their canonical: it stands whatever their own way
    /// through the graph still brings.
    superseded: HashMap<EpisodeKey, EpisodeKey>,
    /// How each episode ended, and the objects of those that have any.
    ended: HashMap<EpisodeKey, (End, Option<ObjectKey>)>,
}

/// How an episode ended, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// With a preview.
    Published,
    /// As the same as another.
    Duplicate,
    /// Without a preview.
    Failed,
}

impl FolderPublisher {
    /// A publisher into these stores.
    pub fn new(objects: Objects, table: OutcomeTable, layout: &str, halt: Sender<SinkError>) -> Self {
        Self { objects, table, layout: layout.to_owned(), ledger: Mutex::default(), latency: Mutex::default(), halt }
    }

    /// The outcomes table.
    pub fn table(&self) -> &OutcomeTable {
        &self.table
    }

    /// Preview latencies so far, leaving none.
    pub fn take_latency(&self) -> PreviewLatency {
        std::mem::take(&mut self.latency.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many episodes ended in which way.
    pub fn ends(&self) -> BTreeMap<End, usize> {
        let mut ends = BTreeMap::new();
        for (end, _) in self.ledger.lock().unwrap_or_else(PoisonError::into_inner).ended.values() {
            *ends.entry(*end).or_default() += 1;
        }
        ends
    }

    /// An episode that had been let through is a duplicate after all: its preview is withdrawn.
    pub fn supersede(&self, key: EpisodeKey, of: EpisodeKey) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.superseded.insert(key.clone(), of.clone());
        if let Some((end, object)) = ledger.ended.get_mut(&key) {
            *end = End::Duplicate;
            if let Err(error) = self.withdraw(&key, &of, object.take()) {
                self.stop(error);
            }
        }
    }

    fn withdraw(&self, key: &EpisodeKey, of: &EpisodeKey, object: Option<ObjectKey>) -> Result<(), SinkError> {
        if let Some(outcome) = self.table.one(&key.episode.0, key.revision)? {
            self.table.record(&Outcome { state: duplicate(of), ..without_about(outcome) })?;
            self.table.commit()?;
        }
        match object {
            Some(object) => self.objects.remove(&object).map(|_| ()),
            None => Ok(()),
        }
    }

    fn stop(&self, error: SinkError) {
        tracing::error!(%error, "an outcome could not be made durable");
        // The first error stops the run; when nobody listens any more it has stopped already.
        let _stopped = self.halt.send(error).is_err();
    }

    fn write(&self, ended: &Record) -> Result<Outcome, SinkError> {
        let key = ended.episode.key();
        // Held until the row is written, so that a correction comes wholly before or after.
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut object = None;
        let (state, about) = match (ledger.superseded.get(key), &ended.body) {
            // What its own way found is not told: it would depend on how far it came.
            (Some(of), _) => (duplicate(of), About::default()),
            (None, Body::Rendered(rendered)) => {
                let digest = rendered.about.audio.as_ref().map_or("", |audio| &audio.digest);
                let object = object.insert(ObjectKey::of(&key.episode.0, key.revision, digest, PIPELINE));
                let mut clips = Vec::new();
                for clip in &rendered.clips {
                    let kind = if clip.media_type == "audio/mp4" { ObjectKind::M4a } else { ObjectKind::Ogg };
                    let written = self.objects.write(object, kind, &clip.bytes)?;
                    clips.push(Clip {
                        uri: written.uri,
                        media_type: clip.media_type.to_string(),
                        bytes: clip.bytes.len() as u64,
                        sha256: clip.sha256.clone(),
                        loudness_lufs: clip.loudness_lufs,
                        true_peak_dbtp: clip.true_peak_dbtp,
                        seconds: clip.seconds,
                    });
                }
                if !rendered.captions.is_empty() {
                    self.objects.write(object, ObjectKind::Captions, rendered.captions.as_bytes())?;
                }
                self.objects.write(object, ObjectKind::Soundbite, rendered.soundbite.as_bytes())?;
                (State::Published { selection: rendered.selection.clone(), clips }, rendered.about.clone())
            }
            (None, Body::Failed(failure)) => (State::Failed { fault: failure.fault.clone() }, failure.about.clone()),
            (None, Body::Duplicate { of, level }) => {
                (State::Duplicate { of: of.episode.0.clone(), level: level.clone() }, About::default())
            }
            (None, other) => unreachable!("only ends of episodes are published, not {other:?}"),
        };
        let announcement = &ended.episode.announcement;
        let completed_at = unix_now();
        if matches!(state, State::Published { .. }) {
            let seconds = completed_at - ended.episode.ingested_at;
            self.latency.lock().unwrap_or_else(PoisonError::into_inner).published(seconds, &ended.spent);
        }
        let outcome = Outcome {
            episode: key.episode.0.clone(),
            revision: key.revision,
            show: announcement.show.clone(),
            title: announcement.title.clone(),
            state,
            variant: about.variant,
            survived: about.survived,
            language: about.language,
            timing: about.timing,
            models: about.models,
            layout: self.layout.clone(),
            ingested_at: ended.episode.ingested_at,
            completed_at,
            timings: ended.spent.iter().map(|(stage, time)| (stage.to_string(), *time)).collect::<BTreeMap<_, _>>(),
            picture: about.picture,
            announcement: (**announcement).clone(),
        };
        self.table.record(&outcome)?;
        let end = match outcome.state {
            State::Published { .. } => End::Published,
            State::Duplicate { .. } | State::TakenDown => End::Duplicate,
            State::Failed { .. } => End::Failed,
        };
        ledger.ended.insert(key.clone(), (end, object));
        Ok(outcome)
    }
}

impl Publisher for FolderPublisher {
    fn publish(&self, ended: &[Record]) -> Option<Vec<Outcome>> {
        let written = ended.iter().map(|record| self.write(record)).collect::<Result<Vec<_>, _>>();
        match written.and_then(|outcomes| self.table.commit().map(|_| outcomes)) {
            Ok(outcomes) => Some(outcomes),
            Err(error) => {
                self.stop(error);
                None
            }
        }
    }
}

fn duplicate(of: &EpisodeKey) -> State {
    State::Duplicate { of: of.episode.0.clone(), level: "digest".to_owned() }
}

/// An outcome without what its own way through the graph found.
fn without_about(outcome: Outcome) -> Outcome {
    let About { variant, survived, language, timing, models, picture, audio: _ } = About::default();
    Outcome { variant, survived, language, timing, models, picture, timings: BTreeMap::new(), ..outcome }
}
