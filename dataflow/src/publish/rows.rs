//! Rows, and the messages that tell of them.
//!
//! ```text
//! record ─▶ message on its way ─▶ row, not durable yet
//! commit ─▶ all messages acknowledged ─▶ rows durable
//! ```
//!
//! Invariant: no row becomes durable before its messages are acknowledged, whoever commits. A crash in
//! between repeats a message with the same key and bytes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hark_operators::record::Origin;
use hark_operators::record::outcome::{Outcome, State};

use crate::death::{self, Step};
use crate::sink::{Messages, OutcomeTable, SinkError, Which};

/// The outcomes table behind its messages.
pub(super) struct Rows {
    /// There until it is dropped.
    table: Option<OutcomeTable>,
    messages: Option<Messages>,
    /// Held while a row and its messages are recorded, and from the last acknowledgement to the commit.
    gate: Mutex<()>,
}

impl Rows {
    pub fn new(table: OutcomeTable) -> Self {
        Self { table: Some(table), messages: None, gate: Mutex::default() }
    }

    /// From now on outcomes are told.
    pub fn tell(&mut self, messages: Messages) {
        self.messages = Some(messages);
    }

    /// For reading only: what is recorded goes through here.
    pub fn table(&self) -> &OutcomeTable {
        self.table.as_ref().expect("it is there until it is dropped")
    }

    /// Records an outcome, and tells of it.
    pub fn record(&self, outcome: &Outcome, origin: Option<&Origin>) -> Result<(), SinkError> {
        let _gate = self.gate();
        if let Some(messages) = &self.messages {
            messages.tell(outcome, self.is_newest(outcome)?, origin)?;
            death::after(Step::Messages);
        }
        self.table().record(outcome).map(drop)
    }

    /// Records what is new in an outcome that was told.
    pub fn note(&self, outcome: &Outcome) -> Result<(), SinkError> {
        self.table().record(outcome).map(drop)
    }

    /// Makes all that was recorded durable.
    pub fn commit(&self) -> Result<(), SinkError> {
        // Most of the waiting is done here, where nobody else waits for us.
        self.acknowledged()?;
        let _gate = self.gate();
        self.told()?;
        death::after(Step::Acknowledged);
        self.table().commit()?;
        death::after(Step::Rows);
        Ok(())
    }

    /// Reads rows as they are recorded.
    pub fn recorded(&self, which: Which<'_>) -> Result<Vec<Outcome>, SinkError> {
        self.table().recorded(which)
    }

    /// Calls `each` with every outcome asked for. The table commits before it reads.
    pub fn visit(
        &self,
        which: Which<'_>,
        mut each: impl FnMut(Outcome) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.commit()?;
        let mut gate = Some(self.gate());
        self.told()?;
        self.table().visit(which, |outcome| {
            drop(gate.take());
            each(outcome)
        })
    }

    fn acknowledged(&self) -> Result<(), SinkError> {
        self.messages.as_ref().map_or(Ok(()), Messages::flush)
    }

    /// For the holder of the gate.
    fn told(&self) -> Result<(), SinkError> {
        self.messages.as_ref().map_or(Ok(()), Messages::commit)
    }

    /// Whether no later revision of the episode has an outcome.
    fn is_newest(&self, outcome: &Outcome) -> Result<bool, SinkError> {
        // A preview is told whatever there is: one that a later revision stands for is not published.
        if matches!(outcome.state, State::Published { .. }) {
            return Ok(true);
        }
        Ok(self.table().recorded(Which::After(&outcome.episode, outcome.revision))?.is_empty())
    }

    fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Rows {
    /// A table commits what is pending when it is dropped. Where that was not told in full it must not.
    fn drop(&mut self) {
        if let (Err(error), Some(table)) = (self.told(), self.table.take()) {
            tracing::error!(%error, "outcomes since the last commit were not told and are repeated");
            std::mem::forget(table);
        }
    }
}
