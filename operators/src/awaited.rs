//! Episodes of which some records have come and others are awaited.
//!
//! Completeness is by count, never by the frontier. The frontier only tells when the memory of
//! closed episodes may go: a record that arrives after its episode was given up (a stage timed
//! out) must not open it again.

use std::collections::{BTreeMap, HashMap, HashSet};

use timely::dataflow::operators::Capability;

use crate::driver::Epoch;
use crate::record::EpisodeKey;

/// What has come so far of each open episode, with the capability to send what comes of it.
pub(crate) struct Awaited<P> {
    open: HashMap<EpisodeKey, (Capability<Epoch>, P)>,
    closed: BTreeMap<Epoch, HashSet<EpisodeKey>>,
}

impl<P: Default> Awaited<P> {
    pub(crate) fn new() -> Self {
        Self { open: HashMap::new(), closed: BTreeMap::new() }
    }

    /// What has come so far of an episode; `None` once it is closed.
    pub(crate) fn of(&mut self, key: &EpisodeKey, cap: &Capability<Epoch>) -> Option<&mut P> {
        if self.closed.get(cap.time()).is_some_and(|keys| keys.contains(key)) {
            return None;
        }
        let (_, parts) = self.open.entry(key.clone()).or_insert_with(|| (cap.clone(), P::default()));
        Some(parts)
    }

    /// Takes out an open episode; later records of it count no more.
    pub(crate) fn close(&mut self, key: &EpisodeKey) -> (Capability<Epoch>, P) {
        let (cap, parts) = self.open.remove(key).expect("only an open episode is closed");
        self.closed.entry(*cap.time()).or_default().insert(key.clone());
        (cap, parts)
    }

    /// Forgets the closed episodes of epochs of which nothing can come any more.
    pub(crate) fn forget(&mut self, may_come: impl Fn(&Epoch) -> bool) {
        self.closed.retain(|epoch, _| may_come(epoch));
    }
}
