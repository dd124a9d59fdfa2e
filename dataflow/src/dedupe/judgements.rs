//! The verdicts that hold now, for all workers of the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hark_operators::dedupe::verdict::Verdict;
use hark_operators::record::EpisodeKey;

/// One verdict per episode revision that is not fresh.
#[derive(Default)]
pub struct Judgements(Mutex<HashMap<EpisodeKey, Verdict>>);

impl Judgements {
    /// The verdict on a revision; `None` while it is fresh.
    pub fn on(&self, key: &EpisodeKey) -> Option<Verdict> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// A verdict came to hold or ceased to.
    pub(super) fn change(&self, key: EpisodeKey, verdict: Verdict, holds: bool) {
        let mut verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if holds {
            verdicts.insert(key, verdict);
        } else if verdicts.get(&key) == Some(&verdict) {
            verdicts.remove(&key); // else the verdict that replaces it came before
        }
    }
}
