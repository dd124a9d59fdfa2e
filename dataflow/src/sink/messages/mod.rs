//! What a job tells the brokers: previews, outcomes, dead letters.
//!
//! ```text
//! Outcome ─┬▶ previews   key: episode   the line of previews.jsonl without its times; null: none (any more)
//!          ├▶ outcomes   key: episode   how this revision ended
//!          └▶ TOPIC.dlq  as it came     and headers that say where and why it failed
//! ```
//! Keys and values of a repeat are those of the first: what differs between two runs of the same work
//! (times) stands in headers.
//!
//! Invariant: of an episode the previews topic holds at most what its newest revision ended with.

pub(crate) mod dead_letter;
mod headers;
mod outbox;
mod outcome;
mod transaction;

use hark_operators::record::Origin;
use hark_operators::record::outcome::{Outcome, State};

use self::headers::{named, time};
use super::{SinkError, previews};
use crate::broker::Limits;
use crate::source::spelled;

pub use headers::{Kind, event};
pub use outbox::{Message, Named, Outbox};

/// Which topics are told; those without a name are not.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    /// Previews, compacted.
    pub previews: Option<String>,
    /// Outcomes.
    pub outcomes: Option<String>,
    /// Where an episode's dead letter goes that came in no message of its own.
    pub dead_letters: Option<String>,
}

/// Tells brokers of outcomes.
pub struct Messages {
    outbox: Outbox,
    topics: Topics,
    limits: Limits,
    /// Who says so: `ce_source`.
    source: String,
}

impl Messages {
    /// Messages from `source` through this outbox into these topics, which take so much each.
    pub fn new(outbox: Outbox, topics: Topics, limits: Limits, source: &str) -> Self {
        Self { outbox, topics, limits, source: source.to_owned() }
    }

    /// Puts on their way all messages that tell of an outcome. `newest` says that no later revision of
    /// the episode has one.
    ///
    /// # Errors
    /// See [`Outbox::send`].
    pub fn tell(&self, outcome: &Outcome, newest: bool, origin: Option<&Origin>) -> Result<(), SinkError> {
        if let Some(topic) = &self.topics.previews {
            match &outcome.state {
                State::TakenDown { revised_by: Some(_) } => {}
                State::Published { .. } => self.preview(topic, outcome)?,
                _ if newest => self.event(topic, Kind::Withdrawn, outcome, None)?,
                _ => {}
            }
        }
        if let Some(topic) = &self.topics.outcomes {
            self.event(topic, Kind::Outcome, outcome, Some(&outcome::value(outcome)))?;
        }
        match &outcome.state {
            State::Failed { fault } => self.dead_letter(outcome, fault, origin),
            _ => Ok(()),
        }
    }

    /// Returns when all that was told is acknowledged.
    ///
    /// # Errors
    /// See [`Outbox::flush`].
    pub fn flush(&self) -> Result<(), SinkError> {
        self.outbox.flush()
    }

    /// The same, and readers may see all of it. Nobody may tell anything meanwhile.
    ///
    /// # Errors
    /// See [`Outbox::commit`].
    pub fn commit(&self) -> Result<(), SinkError> {
        self.outbox.commit()
    }

    fn preview(&self, topic: &str, outcome: &Outcome) -> Result<(), SinkError> {
        let value = previews::value(outcome).expect("it was published");
        self.event(topic, Kind::Preview, outcome, Some(value.as_bytes()))
    }

    fn event(&self, topic: &str, kind: Kind, outcome: &Outcome, value: Option<&[u8]>) -> Result<(), SinkError> {
        let key = (outcome.episode.as_str(), outcome.revision);
        let mut headers = event(kind, &self.source, key, value);
        headers.push(named("ce_time", &time(outcome.completed_at)));
        headers.push(named("hark_ingested_at", &time(outcome.ingested_at)));
        let latency = (outcome.completed_at - outcome.ingested_at).max(0.0);
        headers.push(named("hark_preview_latency_seconds", &format!("{latency:.3}")));
        self.outbox.send(Message { topic, key: Some(outcome.episode.as_bytes()), value, headers })
    }

    fn dead_letter(
        &self,
        outcome: &Outcome,
        fault: &hark_operators::Fault,
        origin: Option<&Origin>,
    ) -> Result<(), SinkError> {
        let own = origin.map(|origin| crate::broker::dead_letters_of(&origin.topic));
        let Some(topic) = own.as_ref().or(self.topics.dead_letters.as_ref()) else { return Ok(()) };
        let limit = self.limits.get(topic).copied().unwrap_or(usize::MAX);
        let mut headers = dead_letter::headers(outcome, fault, origin);
        // One that was taken in long ago is spelled anew; its message is gone.
        let spelled = origin.is_none().then(|| spelled(&outcome.announcement).to_string());
        let (key, value) = match (origin, &spelled) {
            (Some(origin), _) => (origin.key.as_deref(), origin.value.as_deref()),
            (None, Some(text)) => (Some(outcome.episode.as_bytes()), Some(text.as_bytes())),
            (None, None) => unreachable!("it is spelled where there is no message"),
        };
        let value = value.map(|value| dead_letter::fitting(value, &mut headers, limit));
        self.outbox.send(Message { topic, key, value, headers })
    }
}

#[cfg(test)]
mod tests;
