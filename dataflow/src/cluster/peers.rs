//! Where a process stands among those of its cluster.

use std::ops::Range;
use std::time::Instant;

use hark_operators::record::EpisodeId;

/// A process among those of a cluster, each with the same number of workers.
#[derive(Clone, Copy, Debug)]
pub struct Peers {
    /// This process, counted from 0.
    pub process: usize,
    /// How many there are.
    pub processes: usize,
    /// Workers of each.
    pub threads: usize,
    /// When all of them began: the clocks of all count from here.
    pub started: Instant,
}

impl Peers {
    /// A process that is its whole cluster, and begins now.
    pub fn alone(threads: usize) -> Self {
        Self::of(0, 1, threads)
    }

    /// One process of several, all of which begin now.
    pub(super) fn of(process: usize, processes: usize, threads: usize) -> Self {
        Self { process, processes, threads, started: Instant::now() }
    }

    /// Workers of the whole cluster.
    pub fn workers(&self) -> usize {
        self.processes * self.threads
    }

    /// The workers of this process, by their indices in the cluster.
    pub fn own(&self) -> Range<usize> {
        self.of_process(self.process)
    }

    /// The first worker of each process.
    pub fn firsts(&self) -> impl Iterator<Item = u64> + use<> {
        let threads = self.threads;
        (0..self.processes).map(move |process| (process * threads) as u64)
    }

    /// Whether this process owns an episode.
    pub fn own_it(&self, id: &EpisodeId) -> bool {
        self.owner(hash(id)) == self.process
    }

    /// The workers of the process that owns an episode.
    pub fn homes(&self, id: &EpisodeId) -> Range<usize> {
        self.of_process(self.owner(hash(id)))
    }

    /// The worker that keeps what is known of an episode: one of its owner's.
    pub fn keeper(&self, id: &EpisodeId) -> u64 {
        let hash = hash(id);
        let within = (hash / self.processes as u64) % self.threads as u64;
        (self.owner(hash) * self.threads) as u64 + within
    }

    fn owner(&self, hash: u64) -> usize {
        (hash % self.processes as u64) as usize
    }

    fn of_process(&self, process: usize) -> Range<usize> {
        process * self.threads..(process + 1) * self.threads
    }
}

fn hash(id: &EpisodeId) -> u64 {
    let hash = blake3::hash(id.as_str().as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_has_one_owner_and_is_kept_and_at_home_there_alone() {
        for (processes, threads) in [(1, 1), (1, 4), (2, 1), (3, 2)] {
            let peers = |process| Peers::of(process, processes, threads);
            for id in (0..200).map(|id| EpisodeId::from(format!("ep-{id}"))) {
                let owners: Vec<usize> = (0..processes).filter(|&process| peers(process).own_it(&id)).collect();
                let homes = peers(0).homes(&id);
                assert_eq!((owners.len(), homes.len()), (1, threads));
                assert_eq!(homes, peers(owners[0]).own());
                assert!(homes.contains(&(peers(0).keeper(&id) as usize)));
            }
        }
    }
}
