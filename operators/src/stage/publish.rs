//! `Rendered | Failed | Duplicate -> Outcome`: makes the end of an episode durable.

use std::sync::Arc;

use super::Work;
use crate::record::outcome::Outcome;
use crate::record::{Body, Record};

/// Where outcomes are made durable: a folder with a table, or memory in tests.
pub trait Publisher: Send + Sync {
    /// Writes what belongs to this end of an episode: objects first, then the row. Idempotent.
    /// `None` when it could not be made durable: the publisher has then told the run to stop, and
    /// the episode's capability is never given up for an outcome that is not there.
    fn publish(&self, ended: &Record) -> Option<Outcome>;
}

pub(super) struct Publish(Arc<dyn Publisher>);

impl Publish {
    pub(super) fn new(publisher: Arc<dyn Publisher>) -> Self {
        Self(publisher)
    }
}

impl Work for Publish {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) {
        for (i, record) in batch.iter().enumerate() {
            match self.0.publish(record) {
                Some(outcome) => emit(i, Body::Outcome(Box::new(outcome))),
                None => emit(i, record.body.clone()),
            }
        }
    }
}
