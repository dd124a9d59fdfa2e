//! What is known of episodes now, for all workers of the process: verdicts and repeated parts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hark_operators::dedupe::verdict::Verdict;
use hark_operators::record::part::Parts;
use hark_operators::record::{EpisodeId, EpisodeKey};
use serde::{Deserialize, Serialize};

/// One verdict per latest revision that is not fresh, the parts of those that have any, and one number
/// for all earlier revisions of an episode: as many as it ever had, they are judged by no more.
#[derive(Default)]
pub struct Judgements {
    held: Mutex<Held>,
    popular: AtomicIsize,
}

#[derive(Default)]
struct Held {
    verdicts: HashMap<EpisodeKey, Verdict>,
    revised: HashMap<EpisodeId, u64>,
    parts: HashMap<EpisodeKey, Parts>,
}

/// What comes to hold or ceases to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Said {
    /// A verdict on one revision.
    On(EpisodeKey, Verdict),
    /// All revisions before this one have fallen.
    RevisedBy(EpisodeKey),
    /// What others hold too of one revision.
    Repeated(EpisodeKey, Parts),
}

impl Said {
    /// The revision that it is said of, or that stands after those that it is said of.
    pub(super) fn key(&self) -> &EpisodeKey {
        match self {
            Said::On(key, _) | Said::RevisedBy(key) | Said::Repeated(key, _) => key,
        }
    }
}

impl Judgements {
    /// The verdict on a revision; `None` while it is fresh.
    pub fn on(&self, key: &EpisodeKey) -> Option<Verdict> {
        let held = self.held();
        match held.revised.get(&key.episode) {
            Some(&by) if by > key.revision => Some(Verdict::Revised { by }),
            _ => held.verdicts.get(key).cloned(),
        }
    }

    /// The parts of a revision that other episodes hold too.
    pub fn parts_of(&self, key: &EpisodeKey) -> Parts {
        self.held().parts.get(key).cloned().unwrap_or_default()
    }

    /// Bands that too many episodes have to tie any of them.
    pub fn popular_bands(&self) -> usize {
        self.popular.load(Ordering::Relaxed).try_into().unwrap_or_default()
    }

    /// So many bands more, or fewer, are popular.
    pub(super) fn change_popular(&self, by: isize) {
        self.popular.fetch_add(by, Ordering::Relaxed);
    }

    /// All that ceases to hold at a time and all that takes its place: nobody sees one without the other.
    pub(super) fn change(&self, ceases: Vec<Said>, holds: Vec<Said>) {
        let mut held = self.held();
        for said in ceases {
            match said {
                Said::On(key, _) => drop(held.verdicts.remove(&key)),
                Said::RevisedBy(key) => drop(held.revised.remove(&key.episode)),
                Said::Repeated(key, _) => drop(held.parts.remove(&key)),
            }
        }
        for said in holds {
            match said {
                Said::On(key, verdict) => drop(held.verdicts.insert(key, verdict)),
                Said::RevisedBy(key) => drop(held.revised.insert(key.episode, key.revision)),
                Said::Repeated(key, parts) => drop(held.parts.insert(key, parts)),
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
