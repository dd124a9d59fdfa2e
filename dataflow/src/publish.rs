//! The end of an episode: objects first, then the row. Idempotent, so that a repeat changes nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;
use hark_operators::dedupe::verdict::Verdict;
use hark_operators::record::outcome::{Clip, Outcome, State};
use hark_operators::record::{About, Announcement, Body, EpisodeKey, Record};
use hark_operators::stage::Publisher;

use crate::dedupe::Judgements;
use crate::intake::unix_now;
use crate::latency::PreviewLatency;
use crate::sink::{ObjectKey, ObjectKind, Objects, OutcomeTable, SinkError, Which};

/// Changes whenever the same bytes would give another preview: part of every object's key.
pub const PIPELINE: &str = concat!("hark-", env!("CARGO_PKG_VERSION"));

/// Publishes into a folder: clips and captions as objects, outcomes as rows.
pub struct FolderPublisher {
    objects: Objects,
    table: OutcomeTable,
    layout: String,
    ledger: Mutex<Ledger>,
    judgements: Arc<Judgements>,
    /// Takes episodes that were settled and are fresh again, to be run.
    promote: Sender<Announcement>,
    latency: Mutex<PreviewLatency>,
    /// Tells the run to stop when something could not be made durable.
    halt: Sender<SinkError>,
}

/// How each episode of this run ended, and the objects of those that have any.
type Ledger = HashMap<EpisodeKey, (End, Option<ObjectKey>)>;

/// How an episode ended, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// With a preview.
    Published,
    /// As the same as another.
    Duplicate,
    /// Withdrawn by its source, or by a later revision.
    TakenDown,
    /// Without a preview.
    Failed,
}

impl FolderPublisher {
    /// A publisher into these stores. `promote` takes the announcements of episodes that were settled
    /// and are fresh again; `halt` the error that stops the run.
    pub fn new(
        objects: Objects,
        table: OutcomeTable,
        layout: &str,
        promote: Sender<Announcement>,
        halt: Sender<SinkError>,
    ) -> Self {
        let (ledger, latency) = (Mutex::default(), Mutex::default());
        Self { objects, table, layout: layout.to_owned(), ledger, judgements: Arc::default(), promote, latency, halt }
    }

    /// The verdicts that this publisher ends episodes by.
    pub fn judgements(&self) -> Arc<Judgements> {
        self.judgements.clone()
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
        for (end, _) in self.ledger.lock().unwrap_or_else(PoisonError::into_inner).values() {
            *ends.entry(*end).or_default() += 1;
        }
        ends
    }

    /// The verdict on an episode changed. What had ended otherwise is corrected: its preview is
    /// withdrawn, or it is run after all.
    pub fn correct(&self, key: &EpisodeKey) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((end, object)) = ledger.get_mut(key) else { return }; // its end will ask for the verdict
        let corrected = match self.judgements.on(key) {
            Some(verdict) => {
                *end = end_of(&settled(&verdict));
                self.withdraw(key, &verdict, object.take())
            }
            None if matches!(end, End::Duplicate | End::TakenDown) => {
                ledger.remove(key);
                self.run_again(key)
            }
            None => Ok(()),
        };
        if let Err(error) = corrected {
            self.stop(error);
        }
    }

    fn withdraw(&self, key: &EpisodeKey, verdict: &Verdict, object: Option<ObjectKey>) -> Result<(), SinkError> {
        if let Some(outcome) = self.table.one(&key.episode.0, key.revision)? {
            self.table.record(&Outcome { state: settled(verdict), ..without_about(outcome) })?;
            self.table.commit()?;
        }
        match object {
            Some(object) => self.objects.remove(&object).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Takes down what stands of an episode's earlier revisions, and with a withdrawal of this one, also
    /// where an earlier run published them. Returns whether this revision has a row.
    fn retract_earlier(&self, key: &EpisodeKey, withdrawn: bool) -> Result<bool, SinkError> {
        let mut known = false;
        for outcome in self.table.read(Which::Episode(&key.episode.0))? {
            let this = outcome.revision == key.revision;
            known |= this;
            let falls = outcome.revision < key.revision || this && withdrawn;
            if !falls || matches!(outcome.state, State::TakenDown { .. }) {
                continue;
            }
            if let State::Published { clips, .. } = &outcome.state {
                let object = match clips.first() {
                    Some(clip) => ObjectKey::of_uri(&clip.uri),
                    None => Some(ObjectKey::of(&outcome.episode, outcome.revision, "", PIPELINE)),
                };
                object.map(|object| self.objects.remove(&object)).transpose()?;
            }
            let state = State::TakenDown { revised_by: (!this).then_some(key.revision) };
            self.table.record(&Outcome { state, ..without_about(outcome) })?;
        }
        Ok(known)
    }

    fn run_again(&self, key: &EpisodeKey) -> Result<(), SinkError> {
        if let Some(outcome) = self.table.one(&key.episode.0, key.revision)? {
            // Nobody listens only when the run has been given up.
            let _given_up = self.promote.send(outcome.announcement).is_err();
        }
        Ok(())
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
        let verdict = self.judgements.on(key);
        let (state, about) = match (&verdict, &ended.body) {
            // What its own way found is not told: it would depend on how far it came.
            (Some(verdict), _) => (settled(verdict), About::default()),
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
            // Fresh again since it passed the gate: run once more, and settled until then.
            (None, Body::Settled(verdict)) => {
                let _given_up = self.promote.send((*ended.episode.announcement).clone()).is_err();
                (settled(verdict), About::default())
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
        // The first announcement of an episode, which nearly all are, has nothing before it.
        let known =
            (announcement.withdrawn || key.revision > 0) && self.retract_earlier(key, announcement.withdrawn)?;
        if !(announcement.withdrawn && known) {
            self.table.record(&outcome)?; // a withdrawal has no title: the episode's own row stays
        }
        let end = end_of(&outcome.state);
        ledger.insert(key.clone(), (end, object));
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

/// How an episode ends by a verdict.
fn settled(verdict: &Verdict) -> State {
    match verdict {
        Verdict::Duplicate { of, tie } => State::Duplicate {
            of: of.episode.0.clone(),
            level: tie.level.name().to_owned(),
            via: tie.to.episode.0.clone(),
            similarity: tie.similarity(),
        },
        Verdict::Revised { by } => State::TakenDown { revised_by: Some(*by) },
        Verdict::Withdrawn => State::TakenDown { revised_by: None },
    }
}

fn end_of(state: &State) -> End {
    match state {
        State::Published { .. } => End::Published,
        State::Duplicate { .. } => End::Duplicate,
        State::TakenDown { .. } => End::TakenDown,
        State::Failed { .. } => End::Failed,
    }
}

/// An outcome without what its own way through the graph found.
fn without_about(outcome: Outcome) -> Outcome {
    let About { variant, survived, language, timing, models, picture, audio: _ } = About::default();
    Outcome { variant, survived, language, timing, models, picture, timings: BTreeMap::new(), ..outcome }
}
