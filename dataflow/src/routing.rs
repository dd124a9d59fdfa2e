//! Where a record goes that crosses an exchange, and what crossed it.
//!
//! ```text
//! home            the worker that its episode gathers at
//! spread          pieces of an episode to all workers in turn
//! by length       pieces of like length to the same worker: little of a batch is padding
//! least backlog   as spread, but within this process to the worker with the fewest that wait
//! ```
//! Invariant: only pieces ever leave their home, and a piece's result does not depend on where it is made;
//! so every routing gives the same outcomes.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hark_operators::record::piece::WINDOW;
use hark_operators::record::{Body, Record};
use hark_operators::units::MODEL_RATE;

use crate::layout::Routing;

/// Bytes of text that passages may differ in and still count as alike: about 15 word pieces.
const ALIKE: usize = 64;

/// What crossed one operator's exchange in this process, and what waits behind it.
#[derive(Clone, Debug)]
pub(crate) struct Traffic(Arc<Counts>);

/// What crossed each exchange of records.
#[derive(Clone, Debug)]
pub(crate) struct Exchanges {
    /// By operator of the layout.
    pub operators: Vec<Traffic>,
    /// Into the meeting of an episode's audio and transcript.
    pub meet: Traffic,
    /// To where its pieces gather.
    pub gather: Traffic,
}

impl Exchanges {
    /// Of so many operators; nothing has crossed yet.
    pub(crate) fn new(operators: usize, own: &Range<usize>) -> Self {
        let traffic = || Traffic::new(own.clone());
        Self { operators: (0..operators).map(|_| traffic()).collect(), meet: traffic(), gather: traffic() }
    }
}

#[derive(Debug)]
struct Counts {
    records: AtomicU64,
    bytes: AtomicU64,
    away: AtomicU64,
    /// Workers of this process, by their indices in the cluster.
    own: Range<usize>,
    /// Records that wait at each of them or are on a lane.
    backlog: Vec<Arc<AtomicUsize>>,
}

impl Traffic {
    /// Of an operator on these workers, which are those of this process.
    pub(crate) fn new(own: Range<usize>) -> Self {
        let backlog = own.clone().map(|_| Arc::default()).collect();
        let zero = || AtomicU64::new(0);
        Self(Arc::new(Counts { records: zero(), bytes: zero(), away: zero(), own, backlog }))
    }

    /// Records, bytes of samples, text and numbers in them, and how many of these left their worker.
    pub(crate) fn counted(&self) -> (u64, u64, u64) {
        let Counts { records, bytes, away, .. } = &*self.0;
        (records.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed), away.load(Ordering::Relaxed))
    }

    /// Where a worker of this process tells how many records wait at it.
    pub(crate) fn backlog(&self, worker: usize) -> Arc<AtomicUsize> {
        self.0.backlog[worker - self.0.own.start].clone()
    }

    /// The worker of the target's process at which the fewest records wait, if that is this process:
    /// of others nobody here knows how many wait there. It counts the record that is on its way.
    fn least(&self, target: usize) -> usize {
        let Counts { own, backlog, .. } = &*self.0;
        if !own.contains(&target) {
            return target;
        }
        // Of equals the next after the target, so that none is favoured.
        let turn = (0..own.len()).map(|after| (target - own.start + after) % own.len());
        let least = turn.min_by_key(|&at| backlog[at].load(Ordering::Relaxed)).unwrap_or(0);
        backlog[least].fetch_add(1, Ordering::Relaxed);
        own.start + least
    }

    /// Counts a record on its way home from the worker that is `here`.
    pub(crate) fn count_home(&self, record: &Record, here: usize) {
        self.count(record, record.episode.home as usize != here);
    }

    fn count(&self, record: &Record, leaves: bool) {
        let payload = record.payload() as u64;
        self.0.records.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(payload, Ordering::Relaxed);
        if leaves {
            self.0.away.fetch_add(payload, Ordering::Relaxed);
        }
    }
}

/// The route from a worker to the operator that has this traffic, which it counts.
pub(crate) fn route(
    routing: Routing,
    traffic: &Traffic,
    (here, workers): (usize, usize),
) -> impl Fn(&Record) -> u64 + 'static {
    let traffic = traffic.clone();
    move |record| {
        let to = worker(routing, record, &traffic, workers);
        traffic.count(record, to != here);
        to as u64
    }
}

fn worker(routing: Routing, record: &Record, traffic: &Traffic, workers: usize) -> usize {
    let home = record.episode.home;
    let within = |at: u64| (at % workers as u64) as usize;
    // The index among its episode's pieces, and where those of its length go; full windows are all alike.
    let (index, alike) = match &record.body {
        Body::Window(window) => {
            let length = window.samples.len();
            (window.index, (length < WINDOW).then_some(length / MODEL_RATE as usize))
        }
        Body::Passage(passage) => (passage.index, Some(passage.text.len() / ALIKE)),
        _ => return within(home),
    };
    let spread = within(home.wrapping_add(u64::from(index)));
    match routing {
        Routing::Home => within(home),
        Routing::Spread => spread,
        Routing::LeastBacklog => traffic.least(spread),
        Routing::ByLength => alike.map_or(spread, |alike| within(alike as u64)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hark_operators::record::piece::{Passage, Window};
    use hark_operators::record::{Announcement, Episode, EpisodeId, EpisodeKey, Spent};
    use hark_operators::units::Samples;

    use super::*;

    fn record(home: u64, body: impl Fn(Arc<EpisodeKey>) -> Body) -> Record {
        let key = EpisodeKey { episode: EpisodeId::from(format!("episode {home}")), revision: 1 };
        let announcement = Arc::new(Announcement::bare(key.clone(), String::new()));
        let episode = Episode { announcement, ingested_at: 0.0, home, taken_in_by: 0, origin: None };
        Record { episode: Arc::new(episode), body: body(Arc::new(key)), spent: Spent::new() }
    }

    fn passage(home: u64, index: u32, letters: usize) -> Record {
        let text = "x".repeat(letters);
        record(home, |key| Body::Passage(Passage { key, index, sentences: (0, 1), text: text.clone() }))
    }

    fn window(index: u32, samples: usize) -> Record {
        let samples = Arc::new(vec![0; samples]);
        record(0, |_| {
            Body::Window(Window { index, start: Samples(0), context: 0, samples: samples.clone(), permit: None })
        })
    }

    #[test]
    fn a_piece_goes_to_the_worker_at_which_the_fewest_wait() {
        let traffic = Traffic::new(0..3);
        traffic.backlog(0).store(5, Ordering::Relaxed);
        traffic.backlog(1).store(2, Ordering::Relaxed);
        let route = route(Routing::LeastBacklog, &traffic, (0, 3));
        let went: Vec<u64> = (0..5).map(|index| route(&passage(0, index, 9))).collect();
        assert_eq!(went[..2], [2, 2], "until as many are on their way there");
        assert!(went[2..].iter().all(|to| [1, 2].contains(to)), "{went:?}");
        assert_eq!(route(&record(0, |_| Body::Announced)), 0, "whatever is no piece stays at home");
    }

    #[test]
    fn of_another_process_nothing_is_known_so_its_pieces_are_spread() {
        let traffic = Traffic::new(2..4);
        traffic.backlog(2).store(9, Ordering::Relaxed);
        let route = route(Routing::LeastBacklog, &traffic, (2, 4));
        let spread: Vec<u64> = (0..4).map(|index| route(&passage(0, index, 9))).collect();
        assert_eq!(spread, [0, 1, 3, 3], "workers 2 and 3 are ours, and 3 has less to do");
    }

    #[test]
    fn pieces_of_like_length_meet_at_one_worker_whatever_their_episode() {
        let route = route(Routing::ByLength, &Traffic::new(0..4), (0, 4));
        let at = |home, index, letters| route(&passage(home, index, letters));
        assert_eq!(at(0, 0, 200), at(3, 17, 210));
        let all: BTreeSet<u64> = (0..10).map(|longer| at(1, 1, 100 + longer * ALIKE)).collect();
        assert_eq!(all.len(), 4, "every worker has lengths of its own");
        let full: BTreeSet<u64> = (0..4).map(|index| route(&window(index, WINDOW))).collect();
        assert_eq!(full.len(), 4, "full windows are alike anywhere");
        assert_eq!(route(&window(7, 50_000)), route(&window(2, 50_100)), "ends of episodes are not");
    }

    #[test]
    fn what_crosses_is_counted_and_what_leaves_its_worker_too() {
        let traffic = Traffic::new(0..2);
        let route = route(Routing::Spread, &traffic, (0, 2));
        assert_eq!((route(&passage(0, 0, 10)), route(&passage(0, 1, 5))), (0, 1));
        assert_eq!(traffic.counted(), (2, 15, 5));
    }
}
