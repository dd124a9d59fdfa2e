//! `Rendered | Failed | Duplicate -> Outcome`: makes the end of an episode durable.

use std::sync::Arc;

use super::Work;
use crate::fault::Fault;
use crate::record::outcome::Outcome;
use crate::record::{Body, Record};

/// Where outcomes are made durable: a folder with a table, or memory in tests.
pub trait Publisher: Send + Sync {
    /// Writes what belongs to these ends of episodes: objects first, then the rows, then one
    /// commit. Idempotent. `None` when it could not be made durable: the publisher has then told
    /// the run to stop, and no capability is given up for an outcome that is not there.
    fn publish(&self, ended: &[Record]) -> Option<Vec<Outcome>>;
}

pub(super) struct Publish(Arc<dyn Publisher>);

impl Publish {
    pub(super) fn new(publisher: Arc<dyn Publisher>) -> Self {
        Self(publisher)
    }
}

impl Work for Publish {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        match self.0.publish(batch) {
            Some(outcomes) => {
                for (i, outcome) in outcomes.into_iter().enumerate() {
                    emit(i, Body::Outcome(Arc::new(outcome)));
                }
            }
            // The run is stopping; nobody takes these in again.
            None => batch.iter().enumerate().for_each(|(i, record)| emit(i, record.body.clone())),
        }
        Ok(())
    }
}
