//! What a run remembers of the episodes that have ended, for corrections.

use std::collections::BTreeMap;

use hark_operators::record::EpisodeKey;
use hark_operators::record::outcome::State;
use hark_operators::record::part::{Parts, Weighed};

use crate::sink::ObjectKey;

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

impl End {
    /// The end that a state is.
    pub(super) fn of(state: &State) -> Self {
        match state {
            State::Published { .. } => Self::Published,
            State::Duplicate { .. } => Self::Duplicate,
            State::TakenDown { .. } => Self::TakenDown,
            State::Failed { .. } => Self::Failed,
        }
    }

    /// Whether a verdict ended it.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, Self::Duplicate | Self::TakenDown)
    }
}

/// An episode that has ended.
pub(super) struct Ended {
    pub end: End,
    /// What is published of it.
    pub object: Option<ObjectKey>,
    /// What its choice rested on.
    pub weighed: Option<Weighed>,
    /// The repeated parts that its row tells of.
    pub parts: Parts,
    /// Seconds since 1970 UTC.
    pub completed_at: f64,
    /// It is on its way once more, because its choice no longer stands.
    pub again: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Ledger {
    pub ended: BTreeMap<EpisodeKey, Ended>,
    /// Objects that a later choice has replaced, to be removed when that is committed.
    pub replaced: Vec<ObjectKey>,
    /// Choices that were made again.
    pub chosen_again: usize,
}

impl Ledger {
    /// How many ended in which way.
    pub fn ends(&self) -> BTreeMap<End, usize> {
        let mut ends = BTreeMap::new();
        for ended in self.ended.values() {
            *ends.entry(ended.end).or_default() += 1;
        }
        ends
    }
}
