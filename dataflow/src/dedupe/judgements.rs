//! What is known of episodes now, for all workers of the process: verdicts and repeated parts.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hark_operators::dedupe::verdict::Verdict;
use hark_operators::record::EpisodeKey;
use hark_operators::record::part::Parts;

/// One verdict per episode revision that is not fresh, and the parts of those that have any.
#[derive(Default)]
pub struct Judgements {
    verdicts: Mutex<HashMap<EpisodeKey, Verdict>>,
    parts: Mutex<HashMap<EpisodeKey, Parts>>,
    popular: AtomicIsize,
}

impl Judgements {
    /// The verdict on a revision; `None` while it is fresh.
    pub fn on(&self, key: &EpisodeKey) -> Option<Verdict> {
        locked(&self.verdicts).get(key).cloned()
    }

    /// The parts of a revision that other episodes hold too.
    pub fn parts_of(&self, key: &EpisodeKey) -> Parts {
        locked(&self.parts).get(key).cloned().unwrap_or_default()
    }

    /// Bands that too many episodes have to tie any of them.
    pub fn popular_bands(&self) -> usize {
        self.popular.load(Ordering::Relaxed).try_into().unwrap_or_default()
    }

    /// So many bands more, or fewer, are popular.
    pub(super) fn change_popular(&self, by: isize) {
        self.popular.fetch_add(by, Ordering::Relaxed);
    }

    /// A verdict came to hold or ceased to.
    pub(super) fn change(&self, key: EpisodeKey, verdict: Verdict, holds: bool) {
        change(&self.verdicts, key, verdict, holds);
    }

    /// Parts came to hold or ceased to.
    pub(super) fn change_parts(&self, key: EpisodeKey, parts: Parts, holds: bool) {
        change(&self.parts, key, parts, holds);
    }
}

fn change<K: Eq + Hash, V: PartialEq>(held: &Mutex<HashMap<K, V>>, key: K, value: V, holds: bool) {
    let mut held = locked(held);
    if holds {
        held.insert(key, value);
    } else if held.get(&key) == Some(&value) {
        held.remove(&key); // else the one that replaces it came before
    }
}

fn locked<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
