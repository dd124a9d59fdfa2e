//! What a run remembers of the episodes that have ended, beside their rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hark_operators::record::EpisodeKey;
use hark_operators::record::outcome::State;

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

/// Rows tell how episodes ended; here is only what is under way.
#[derive(Default)]
pub(super) struct Ledger {
    /// How each episode of this run ended, where the run has an end and is to be summed up.
    pub ends: Option<HashMap<EpisodeKey, End>>,
    /// On their way once more.
    pub again: BTreeSet<EpisodeKey>,
    /// Their rows do not tell of all repeated parts yet.
    pub stale: BTreeSet<EpisodeKey>,
    /// Objects that a later choice has replaced, to be removed when that is committed.
    pub replaced: Vec<ObjectKey>,
    /// Choices that were made again.
    pub chosen_again: usize,
}

impl Ledger {
    /// Notes an end, in place of an earlier one.
    pub fn ended(&mut self, key: &EpisodeKey, end: End) {
        if let Some(ends) = &mut self.ends {
            ends.insert(key.clone(), end);
        }
    }

    /// How many ended in which way.
    pub fn ends(&self) -> BTreeMap<End, usize> {
        let mut ends = BTreeMap::new();
        for end in self.ends.iter().flat_map(HashMap::values) {
            *ends.entry(*end).or_default() += 1;
        }
        ends
    }
}
