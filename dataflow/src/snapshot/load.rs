//! Reading a state back, by any number of readers.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bodies;
use super::chain::Chain;
use super::episodes::Episode;
use super::error::{SnapshotError, Warning};
use super::fact::{BUCKETS, Fact, Header};
use super::store::Store;

/// One reader's share of a state.
pub struct Restored {
    /// Of the state; the same for all readers. `None` where nothing was ever committed.
    pub header: Option<Header>,
    /// Facts of this reader's buckets, read as they are asked for.
    pub facts: Facts,
}

/// Loads what reader `part` of `parts` takes: the buckets that leave `part` when divided by `parts`.
/// All readers together get every fact once.
///
/// The writer makes no full snapshot while others load: it removes what two before it needed.
///
/// Errors: `Store`, `Format`, `Damaged` where no earlier snapshot stands in.
///
/// # Panics
/// Where `part` is not below `parts`.
pub fn load(store: Arc<dyn Store>, part: usize, parts: usize) -> Result<Restored, SnapshotError> {
    Ok(of_chain(Chain::walk(store, u64::MAX - 1)?, part, parts))
}

/// A reader's share of what `chain` found.
pub(super) fn of_chain(chain: Chain, part: usize, parts: usize) -> Restored {
    assert!(part < parts, "reader {part} of {parts}");
    let header = chain.header().cloned();
    let buckets: VecDeque<usize> = (part..BUCKETS).step_by(parts).collect();
    Restored { header, facts: Facts { chain, buckets, ready: VecDeque::new() } }
}

/// Facts bucket by bucket and episode by episode, announcements first. An error ends them.
pub struct Facts {
    chain: Chain,
    buckets: VecDeque<usize>,
    ready: VecDeque<Fact>,
}

impl Facts {
    /// Damage found so far, with the names of files. All of it once the iterator has ended.
    pub fn warnings(&self) -> Vec<Warning> {
        self.chain.warnings()
    }

    fn read(&mut self, bucket: usize) -> Result<(), SnapshotError> {
        let episodes = self.chain.bucket(bucket)?;
        let mut found = bodies::fetch(&*self.chain.store, episodes.iter().flat_map(Episode::bodies).collect())?;
        let likenesses = found.likenesses();
        self.chain.warn_of_lost(&found);
        for episode in episodes {
            episode.tell(|body| likenesses.get(body).cloned(), &mut self.ready);
        }
        Ok(())
    }
}

impl Iterator for Facts {
    type Item = Result<Fact, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(fact) = self.ready.pop_front() {
                return Some(Ok(fact));
            }
            let bucket = self.buckets.pop_front()?;
            if let Err(error) = self.read(bucket) {
                self.buckets.clear();
                return Some(Err(error));
            }
        }
    }
}
