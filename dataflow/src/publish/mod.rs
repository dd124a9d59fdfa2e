//! The end of an episode: objects first, then the row. Idempotent, so that a repeat changes nothing.
//!
//! ```text
//! ended ─▶ verdict? ─ no ─▶ objects ─▶ row ─▶ commit ─▶ what it replaced is removed
//!             └ yes ─▶ row
//! verdict or parts changed ─▶ withdrawn, or run again ─▶ …
//! ```

mod ledger;
mod policy;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;
use hark_operators::dedupe::verdict::Verdict;
use hark_operators::record::outcome::{Clip, Outcome, Picture, State};
use hark_operators::record::part::{Parts, Weighed};
use hark_operators::record::{About, Announcement, Body, EpisodeId, EpisodeKey, Record};
use hark_operators::stage::Publisher;
use hark_operators::units::Span;

pub use self::ledger::End;
use self::ledger::{Ended, Ledger};
pub use self::policy::Correct;

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
    /// Takes episodes that are to be run again: fresh after all, or with a choice that no longer stands.
    promote: Sender<Announcement>,
    correct: Correct,
    latency: Mutex<PreviewLatency>,
    /// Tells the run to stop when something could not be made durable.
    halt: Sender<SinkError>,
}

impl FolderPublisher {
    /// A publisher into these stores. `promote` takes the announcements of episodes that are to be run
    /// again, choices as far as `correct` allows; `halt` the error that stops the run.
    pub fn new(
        objects: Objects,
        table: OutcomeTable,
        layout: &str,
        correct: Correct,
        promote: Sender<Announcement>,
        halt: Sender<SinkError>,
    ) -> Self {
        let (ledger, latency) = (Mutex::default(), Mutex::default());
        let (layout, judgements) = (layout.to_owned(), Arc::default());
        Self { objects, table, layout, ledger, judgements, promote, correct, latency, halt }
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
        self.ledger().ends()
    }

    /// How many choices were made again because a part turned out to be repeated elsewhere.
    pub fn chosen_again(&self) -> usize {
        self.ledger().chosen_again
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The verdict on a revision or its repeated parts changed, or the verdict on all before it. What had
    /// ended otherwise is corrected: its preview is withdrawn, or it is run after all, or once more.
    pub fn correct(&self, key: &EpisodeKey) {
        let mut ledger = self.ledger();
        let first = EpisodeKey { revision: 0, ..key.clone() };
        // What has not ended yet will ask for both when it does.
        let ended: Vec<EpisodeKey> = ledger.ended.range(&first..=key).map(|(key, _)| key.clone()).collect();
        for key in ended {
            if let Err(error) = self.correct_one(&mut ledger, &key) {
                self.stop(error);
            }
        }
    }

    fn correct_one(&self, ledger: &mut Ledger, key: &EpisodeKey) -> Result<(), SinkError> {
        let Some(ended) = ledger.ended.get_mut(key) else { return Ok(()) };
        match self.judgements.on(key) {
            Some(verdict) => {
                ended.end = End::of(&settled(&verdict));
                self.withdraw(key, &verdict, ended.object.take())
            }
            None if ended.end.is_settled() => {
                ledger.ended.remove(key);
                self.run_again(key)
            }
            None if !ended.again && self.is_outdated(key, ended.weighed.as_ref(), ended.completed_at) => {
                ended.again = true;
                ledger.chosen_again += 1;
                self.run_again(key)
            }
            None => Ok(()),
        }
    }

    /// Whether a choice would turn out otherwise with the parts of now, and may still be corrected.
    fn is_outdated(&self, key: &EpisodeKey, weighed: Option<&Weighed>, completed_at: f64) -> bool {
        weighed.is_some_and(|weighed| !weighed.stands_with(&self.judgements.parts_of(key)))
            && self.correct.allows(unix_now() - completed_at)
    }

    /// Brings the rows up to date with the repeated parts that came to be known since.
    ///
    /// # Errors
    /// A row that cannot be read or written.
    pub fn finish(&self) -> Result<(), SinkError> {
        let ledger = self.ledger();
        for (key, ended) in ledger.ended.iter().filter(|(_, ended)| !ended.end.is_settled()) {
            let parts = self.judgements.parts_of(key);
            if parts != ended.parts
                && let Some(mut outcome) = self.table.one(&key.episode.0, key.revision)?
            {
                outcome.picture.repeated = parts.to_vec();
                self.table.record(&outcome)?;
            }
        }
        self.table.commit().map(|_| ())
    }

    fn withdraw(&self, key: &EpisodeKey, verdict: &Verdict, object: Option<ObjectKey>) -> Result<(), SinkError> {
        if let Some(outcome) = self.table.one(&key.episode.0, key.revision)? {
            let state = settled(verdict);
            if state != outcome.state {
                self.table.record(&Outcome { state, ..without_about(outcome) })?;
                self.table.commit()?;
            }
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
            if let State::Published { selection, clips } = &outcome.state {
                let object = match clips.first() {
                    Some(clip) => ObjectKey::of_uri(&clip.uri),
                    None => Some(object_of(&key_of(&outcome), "", selection.span)),
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
            self.promote(&outcome.announcement);
        }
        Ok(())
    }

    fn promote(&self, announcement: &Announcement) {
        // Nobody listens only when the run has been given up.
        let _given_up = self.promote.send(announcement.clone()).is_err();
    }

    fn stop(&self, error: SinkError) {
        tracing::error!(%error, "an outcome could not be made durable");
        // The first error stops the run; when nobody listens any more it has stopped already.
        let _stopped = self.halt.send(error).is_err();
    }

    fn write(&self, ended: &Record) -> Result<Outcome, SinkError> {
        let key = ended.episode.key();
        // Held until the row is written, so that a correction comes wholly before or after.
        let mut ledger = self.ledger();
        let mut object = None;
        let verdict = self.judgements.on(key);
        let (state, about) = match (&verdict, &ended.body) {
            // What its own way found is not told: it would depend on how far it came.
            (Some(verdict), _) => (settled(verdict), About::default()),
            (None, Body::Rendered(rendered)) => {
                let digest = rendered.about.audio.as_ref().map_or("", |audio| &audio.digest);
                let object = object.insert(object_of(key, digest, rendered.selection.span));
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
                self.promote(&ended.episode.announcement);
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
        let parts = if End::of(&state).is_settled() { Parts::default() } else { self.judgements.parts_of(key) };
        // Parts became known on the way that the choice did not see.
        let again = self.is_outdated(key, about.weighed.as_ref(), completed_at);
        if again {
            ledger.chosen_again += 1;
            self.promote(announcement);
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
            picture: Picture { repeated: parts.to_vec(), ..about.picture },
            audio_bytes: about.audio.map_or(0, |audio| audio.bytes),
            announcement: (**announcement).clone(),
        };
        // The first announcement of an episode, which nearly all are, has nothing before it.
        let known =
            (announcement.withdrawn || key.revision > 0) && self.retract_earlier(key, announcement.withdrawn)?;
        if !(announcement.withdrawn && known) {
            self.table.record(&outcome)?; // a withdrawal has no title: the episode's own row stays
        }
        let now = Ended {
            end: End::of(&outcome.state),
            object: object.clone(),
            weighed: about.weighed,
            parts,
            completed_at,
            again,
        };
        let before = ledger.ended.insert(key.clone(), now).and_then(|ended| ended.object);
        ledger.replaced.extend(before.filter(|before| Some(before) != object.as_ref()));
        Ok(outcome)
    }
}

impl Publisher for FolderPublisher {
    fn publish(&self, ended: &[Record]) -> Option<Vec<Outcome>> {
        let written = ended.iter().map(|record| self.write(record)).collect::<Result<Vec<_>, _>>();
        let durable = written.and_then(|outcomes| {
            self.table.commit()?;
            let replaced = std::mem::take(&mut self.ledger().replaced);
            replaced.iter().try_for_each(|object| self.objects.remove(object).map(|_| ()))?;
            Ok(outcomes)
        });
        match durable {
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

/// The object of a preview: another span of the same audio is another object.
fn object_of(key: &EpisodeKey, digest: &str, span: Span) -> ObjectKey {
    let content = format!("{digest} {:.3} {:.3}", span.start.0, span.end.0);
    ObjectKey::of(&key.episode.0, key.revision, &content, PIPELINE)
}

fn key_of(outcome: &Outcome) -> EpisodeKey {
    EpisodeKey { episode: EpisodeId(outcome.episode.clone()), revision: outcome.revision }
}

/// An outcome without what its own way through the graph found.
fn without_about(outcome: Outcome) -> Outcome {
    let About { variant, survived, language, timing, models, picture, audio: _, weighed: _ } = About::default();
    let (timings, audio_bytes) = (BTreeMap::new(), 0);
    Outcome { variant, survived, language, timing, models, picture, timings, audio_bytes, ..outcome }
}
