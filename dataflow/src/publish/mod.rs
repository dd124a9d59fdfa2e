//! The end of an episode: objects first, then messages, then the row. Idempotent, so that a repeat changes nothing.
//!
//! ```text
//! ended ─▶ verdict? ─ no ─▶ objects ─▶ row ─▶ commit ─▶ what it replaced is removed
//!             └ yes ─▶ row
//! verdict or parts changed ─▶ corrector ─▶ withdrawn, or run again ─▶ …
//! ```

mod compare;
mod corrector;
mod ends;
mod laid;
mod ledger;
mod policy;
mod remembered;
mod rows;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crossbeam_channel::Sender;
use hark_operators::record::origin::Again;
use hark_operators::record::outcome::{Outcome, Picture, State};
use hark_operators::record::part::{Parts, Weighed};
use hark_operators::record::{About, Announcement, Body, EpisodeKey, Record, Rendered};
use hark_operators::stage::Publisher;

pub(crate) use self::corrector::Corrector;
use self::ends::{key_of, object_in, says, settled, without_about};
use self::laid::Laid;
pub use self::ledger::End;
use self::ledger::Ledger;
pub use self::policy::Correct;
pub use self::remembered::Remembered;
use self::rows::Rows;

use crate::corrections::Corrections;
use crate::dedupe::Judgements;
use crate::intake::unix_now;
use crate::latency::PreviewLatency;
use crate::sink::{Messages, ObjectKey, Objects, OutcomeTable, SinkError, Which};

/// Changes whenever the same bytes would give another preview: part of every object's key.
pub const PIPELINE: &str = concat!("hark-", env!("CARGO_PKG_VERSION"));

/// Publishes into a folder: clips and captions as objects, outcomes as rows.
pub struct FolderPublisher {
    objects: Objects,
    rows: Rows,
    layout: String,
    ledger: Mutex<Ledger>,
    /// Shared by batches whose objects are laid and not told yet. A withdrawal takes effect when there are
    /// none: what it withdraws must not come to lie there after it was told.
    laying: RwLock<()>,
    judgements: Arc<Judgements>,
    /// With those that are to be run again: fresh after all, or with a choice that no longer stands.
    corrections: Arc<Corrections>,
    correct: Correct,
    latency: Mutex<PreviewLatency>,
    /// Tells the run to stop when something could not be made durable.
    halt: Sender<SinkError>,
}

impl FolderPublisher {
    /// A publisher into these stores. Choices are made again as far as `correct` allows; `halt` takes the
    /// error that stops the run.
    pub fn new(objects: Objects, table: OutcomeTable, layout: &str, correct: Correct, halt: Sender<SinkError>) -> Self {
        let ledger = Mutex::new(Ledger { ends: Some(HashMap::new()), ..Ledger::default() });
        let (latency, laying, rows) = (Mutex::default(), RwLock::default(), Rows::new(table));
        let (layout, judgements, corrections) = (layout.to_owned(), Arc::default(), Arc::default());
        Self { objects, rows, layout, ledger, laying, judgements, corrections, correct, latency, halt }
    }

    /// The same, that also tells brokers of what ended.
    pub fn telling(mut self, messages: Messages) -> Self {
        self.rows.tell(messages);
        self
    }

    /// For a run without an end: the ends of single episodes are not remembered, only their rows.
    pub fn keep_no_sum(&self) {
        self.ledger().ends = None;
    }

    /// Whether a revision has an outcome, or its withdrawal has taken effect, and what it made known is
    /// `remembered`. What is asked for `again` has not; a verdict stands whoever asks, for it rests on nothing
    /// that a job is told.
    pub fn has_ended(&self, key: &EpisodeKey, withdrawn: bool, again: Again, remembered: &Remembered) -> bool {
        let rows = self.rows.recorded(Which::One(key.episode.as_str(), key.revision)).unwrap_or_else(|error| {
            self.stop(error);
            Vec::new()
        });
        rows.first().filter(|row| remembered.covers(row)).is_some_and(|row| match row.state {
            State::TakenDown { revised_by: None } => true,
            State::Failed { .. } => !withdrawn && !again.asks_for(true, row.completed_at),
            State::Published { .. } => !withdrawn && !again.asks_for(false, row.completed_at),
            _ => !withdrawn,
        })
    }

    /// The verdicts that this publisher ends episodes by.
    pub fn judgements(&self) -> Arc<Judgements> {
        self.judgements.clone()
    }

    /// What its rows do not say yet, and what sets out once more.
    pub fn corrections(&self) -> &Arc<Corrections> {
        &self.corrections
    }

    /// The outcomes table.
    pub fn table(&self) -> &OutcomeTable {
        self.rows.table()
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

    /// Brings the rows of these revisions, and of all before each, up to what is known of them now: what had
    /// ended otherwise is withdrawn, or run after all, or once more.
    fn correct(&self, revisions: &[EpisodeKey]) -> Result<(), SinkError> {
        let (mut recorded, mut replaced) = (false, Vec::new());
        for key in revisions {
            // Held for one at a time: between two of them others end. What has not ended yet will ask for all
            // of this when it does.
            let mut ledger = self.ledger();
            for outcome in self.rows.recorded(Which::Standing(key.episode.as_str(), key.revision))? {
                recorded |= self.correct_one(&mut ledger, outcome, &mut replaced)?;
            }
        }
        if recorded {
            self.rows.commit()?;
        }
        replaced.iter().try_for_each(|object| self.objects.remove(object))
    }

    /// Whether a row was recorded; objects that it replaced may be removed once it is durable.
    fn correct_one(
        &self,
        ledger: &mut Ledger,
        outcome: Outcome,
        replaced: &mut Vec<ObjectKey>,
    ) -> Result<bool, SinkError> {
        let key = key_of(&outcome);
        match self.judgements.on(&key) {
            Some(verdict) => {
                let state = settled(&verdict);
                ledger.ended(&key, End::of(&state));
                if !says(&outcome.state, &verdict) {
                    replaced.extend(self.withdraw(outcome, state)?);
                    return Ok(true);
                }
            }
            None if End::of(&outcome.state).is_settled() => {
                self.run_again(ledger, &outcome.announcement);
            }
            None if self.is_outdated(&key, outcome.weighed.as_ref(), outcome.completed_at) => {
                ledger.chosen_again += usize::from(self.run_again(ledger, &outcome.announcement));
            }
            None => {
                if *outcome.picture.repeated != *self.judgements.parts_of(&key) {
                    ledger.stale.insert(key);
                }
            }
        }
        Ok(false)
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
    pub fn refresh(&self) -> Result<(), SinkError> {
        let stale = std::mem::take(&mut self.ledger().stale);
        for key in stale {
            // One at a time, and none during the commit: ends go on in between.
            let _ledger = self.ledger();
            for mut outcome in self.rows.recorded(Which::One(key.episode.as_str(), key.revision))? {
                if !End::of(&outcome.state).is_settled() {
                    let parts = self.judgements.parts_of(&key);
                    outcome.picture.repeated = parts.to_vec();
                    outcome.weighed = outcome.weighed.map(|weighed| weighed.with(&parts));
                    self.rows.note(&outcome)?;
                }
            }
        }
        self.rows.commit()
    }

    /// Records that a verdict ends what ended otherwise. Returns the object to be removed when that is durable.
    fn withdraw(&self, outcome: Outcome, state: State) -> Result<Option<ObjectKey>, SinkError> {
        let mut object = self.object_to_remove(&outcome);
        // What is taken down never comes back: it goes first, so that whatever fails in between it is not left
        // where no row tells of it.
        if matches!(state, State::TakenDown { .. }) {
            object.take().map(|object| self.objects.remove(&object)).transpose()?;
        }
        self.rows.record(&Outcome { state, completed_at: unix_now(), ..without_about(outcome) }, None)?;
        Ok(object)
    }

    /// The object that a row tells of. Says so where it lies in a place of which this job was not told, for
    /// there it stays.
    fn object_to_remove(&self, outcome: &Outcome) -> Option<ObjectKey> {
        if let State::Published { clips, .. } = &outcome.state
            && let Some(clip) = clips.iter().find(|clip| !self.objects.holds(&clip.uri))
        {
            let Outcome { episode, revision, .. } = outcome;
            tracing::warn!(
                ?episode,
                revision,
                uri = clip.uri,
                "a preview that is withdrawn lies elsewhere than --objects says and stays there; remove it by hand"
            );
        }
        object_in(outcome)
    }

    /// Takes down what stands of an episode's earlier revisions, and with a withdrawal of this one, also
    /// where an earlier run published them. Returns whether this revision has a row.
    fn retract_earlier(&self, ledger: &mut Ledger, key: &EpisodeKey, withdrawn: bool) -> Result<bool, SinkError> {
        let mut known = false;
        for outcome in self.rows.recorded(Which::Standing(key.episode.as_str(), key.revision))? {
            let this = outcome.revision == key.revision;
            known |= this;
            let falls = outcome.revision < key.revision || this && withdrawn;
            if !falls || matches!(outcome.state, State::TakenDown { .. }) {
                continue;
            }
            self.object_to_remove(&outcome).map(|object| self.objects.remove(&object)).transpose()?;
            let state = State::TakenDown { revised_by: (!this).then_some(key.revision) };
            ledger.ended(&key_of(&outcome), End::of(&state));
            self.rows.record(&Outcome { state, completed_at: unix_now(), ..without_about(outcome) }, None)?;
        }
        Ok(known)
    }

    /// Sets an episode out once more, unless it is on its way. Returns whether it was not.
    fn run_again(&self, ledger: &mut Ledger, announcement: &Announcement) -> bool {
        let sets_out = ledger.again.insert(announcement.key.clone());
        if sets_out {
            self.corrections.set_out_again(announcement.clone());
        }
        sets_out
    }

    pub(crate) fn stop(&self, error: SinkError) {
        tracing::error!(%error, "an outcome could not be made durable");
        // The first error stops the run; when nobody listens any more it has stopped already.
        let _stopped = self.halt.send(error).is_err();
    }

    /// What of these ends has a preview, as far as is known now.
    fn previews<'a>(&self, ended: &'a [Record]) -> Vec<Option<(&'a EpisodeKey, &'a Rendered)>> {
        let preview = |record: &'a Record| match &record.body {
            Body::Rendered(rendered) => Some((record.episode.key(), &**rendered)),
            _ => None,
        };
        ended.iter().map(|record| preview(record).filter(|(key, _)| self.judgements.on(key).is_none())).collect()
    }

    fn write(&self, ended: &Record, laid: Option<Laid>) -> Result<Outcome, SinkError> {
        let key = ended.episode.key();
        // Held until the row is written, so that a correction comes wholly before or after.
        let mut ledger = self.ledger();
        ledger.again.remove(key);
        let mut object = None;
        let verdict = self.judgements.on(key);
        // Settled since its objects were laid.
        ledger.replaced.extend(verdict.as_ref().and(laid.as_ref()).map(|laid| laid.object.clone()));
        let (state, about) = match (&verdict, &ended.body) {
            // What its own way found is not told: it would depend on how far it came.
            (Some(verdict), _) => (settled(verdict), About::default()),
            (None, Body::Rendered(rendered)) => {
                // A verdict that stood when objects were laid has fallen since.
                let Laid { object: at, clips } = laid.map_or_else(|| laid::lay(&self.objects, key, rendered), Ok)?;
                object = Some(at);
                (State::Published { selection: rendered.selection.clone(), clips }, rendered.about.clone())
            }
            (None, Body::Failed(failure)) => (State::Failed { fault: failure.fault.clone() }, failure.about.clone()),
            // Fresh again since it passed the gate: run once more, and settled until then.
            (None, Body::Settled(verdict)) => {
                self.run_again(&mut ledger, &ended.episode.announcement);
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
        if self.is_outdated(key, about.weighed.as_ref(), completed_at) {
            ledger.chosen_again += usize::from(self.run_again(&mut ledger, announcement));
        }
        let outcome = Outcome {
            episode: key.episode.to_string(),
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
            weighed: about.weighed.map(|weighed| weighed.with(&parts)),
            announcement: (**announcement).clone(),
        };
        let before = self.rows.recorded(Which::One(key.episode.as_str(), key.revision))?.first().and_then(object_in);
        ledger.replaced.extend(before.filter(|before| Some(before) != object.as_ref()));
        // The first announcement of an episode, which nearly all are, has nothing before it.
        let known = (announcement.withdrawn || key.revision > 0)
            && self.retract_earlier(&mut ledger, key, announcement.withdrawn)?;
        if !(announcement.withdrawn && known) {
            self.rows.record(&outcome, ended.episode.origin.as_deref())?; // a withdrawal has no title: the episode's own row stays
        }
        ledger.ended(key, End::of(&outcome.state));
        Ok(outcome)
    }
}

impl Publisher for FolderPublisher {
    fn publish(&self, ended: &[Record]) -> Option<Vec<Outcome>> {
        let withdraws = ended.iter().any(|record| record.episode.announcement.withdrawn);
        let _alone = withdraws.then(|| self.laying.write().unwrap_or_else(PoisonError::into_inner));
        let _beside = (!withdraws).then(|| self.laying.read().unwrap_or_else(PoisonError::into_inner));
        let laid = laid::lay_all(&self.objects, &self.previews(ended));
        let written = laid.and_then(|laid| {
            ended.iter().zip(laid).map(|(record, laid)| self.write(record, laid)).collect::<Result<Vec<_>, _>>()
        });
        let durable = written.and_then(|outcomes| {
            self.rows.commit()?;
            let replaced = std::mem::take(&mut self.ledger().replaced);
            replaced.iter().try_for_each(|object| self.objects.remove(object))?;
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
