//! From a source of announcements into the dataflow.
//!
//! The workers of a process take turns at one feed. It hands out an announcement only while fewer
//! than `max_in_flight` episodes are on their way: timely's channels have no back-pressure, so
//! everything is bounded here. Time is the feed's clock in ticks of [`TICK`], and the feed remembers how
//! far its source had been read in each: once every outcome of a tick is durable, so is that.
//!
//! The feed also chooses each episode's home: the worker with the least audio on its way. A hash of
//! the id would need no choice, but eight episodes seldom divide evenly by a hash.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Receiver;
use hark_operators::driver::Epoch;
use hark_operators::record::{Announcement, Body, Episode, EpisodeId, EpisodeKey, Failure, Origin, Priority, Record};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, StreamVec};

use crate::latency::EpochLatency;
use crate::source::{BadEntry, Entry, Offer, Positions, Source};

/// Length of an epoch.
pub const TICK: Duration = Duration::from_millis(100);

/// Announcements and entries that could not be read, in the source's order.
pub type Announcements = Box<dyn Iterator<Item = Entry> + Send>;

/// Whether an episode revision, or its withdrawal, has its outcome; for one that is asked for again, one
/// that is no failure.
type Done = Box<dyn Fn(&EpisodeKey, bool, bool) -> bool + Send>;

/// How an announcement is known for a repeat.
pub enum Repeats {
    /// An episode revision is run once by this feed.
    OfThisRun(HashSet<(EpisodeKey, bool)>),
    /// An episode revision is run while it is neither on its way nor `done`, by its key and whether it is
    /// withdrawn.
    UntilDone {
        /// Those on their way.
        on_the_way: HashSet<(EpisodeKey, bool)>,
        /// Whether it has an outcome.
        done: Done,
    },
}

impl Repeats {
    /// For a feed that ends.
    pub fn of_this_run() -> Self {
        Self::OfThisRun(HashSet::new())
    }

    /// For a feed that goes on: what has an outcome is forgotten here.
    pub fn until_done(done: impl Fn(&EpisodeKey, bool, bool) -> bool + Send + 'static) -> Self {
        Self::UntilDone { on_the_way: HashSet::new(), done: Box::new(done) }
    }

    /// Whether an episode is to be run, that may be asked for again.
    fn admit(&mut self, announcement: &Announcement, again: bool) -> bool {
        let key = (announcement.key.clone(), announcement.withdrawn);
        match self {
            Self::OfThisRun(seen) => seen.insert(key),
            Self::UntilDone { on_the_way, done } => !done(&key.0, key.1, again) && on_the_way.insert(key),
        }
    }

    fn ended(&mut self, announcement: &Announcement) {
        if let Self::UntilDone { on_the_way, .. } = self {
            on_the_way.remove(&(announcement.key.clone(), announcement.withdrawn));
        }
    }
}

/// A source of announcements shared by the workers of a process.
pub struct Feed {
    entries: Mutex<Entries>,
    in_flight: AtomicUsize,
    max_in_flight: usize,
    /// Seconds of audio on their way per worker, by what the source declared.
    loads: Mutex<Vec<f64>>,
    start: Instant,
    /// Announcements handed out.
    offered: AtomicUsize,
    /// Announcements of an episode revision that had been handed out before.
    repeated: AtomicUsize,
}

struct Entries {
    source: Box<dyn Source>,
    repeats: Repeats,
    exhausted: bool,
    /// How far the source had been read at the end of each tick that is not durable yet.
    read: VecDeque<(Epoch, Positions)>,
    /// Episodes to be run after all.
    promoted: Receiver<Announcement>,
}

/// What the feed has at this moment.
enum Next {
    Record(Box<Record>),
    /// As much as may be is in flight, or the source has nothing at present.
    Wait,
    End,
}

impl Feed {
    /// A feed for so many workers that has at most `max_in_flight` episodes on their way at once.
    /// `promoted` brings those that were settled and are fresh again.
    pub fn new(
        source: Box<dyn Source>,
        repeats: Repeats,
        promoted: Receiver<Announcement>,
        workers: usize,
        max_in_flight: usize,
    ) -> Self {
        let read = VecDeque::new();
        Self {
            entries: Mutex::new(Entries { source, repeats, exhausted: false, read, promoted }),
            in_flight: AtomicUsize::new(0),
            max_in_flight,
            loads: Mutex::new(vec![0.0; workers.max(1)]),
            start: Instant::now(),
            offered: AtomicUsize::new(0),
            repeated: AtomicUsize::new(0),
        }
    }

    /// Episodes handed out so far.
    pub fn offered(&self) -> usize {
        self.offered.load(Ordering::Relaxed)
    }

    /// Announcements that repeated an episode revision and were passed over.
    pub fn repeated(&self) -> usize {
        self.repeated.load(Ordering::Relaxed)
    }

    /// Episodes on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Reads no more from the source: what is on its way is finished, then the feed ends.
    pub fn close(&self) {
        self.entries().exhausted = true;
    }

    /// Every outcome of the ticks before this one is durable: how far the source has been read in them,
    /// if that is farther than at the last call.
    pub fn durable(&self, before: Epoch) -> Option<Positions> {
        let read = &mut self.entries().read;
        let mut positions = None;
        while let Some((_, farther)) = read.pop_front_if(|(epoch, _)| *epoch < before) {
            positions = Some(farther);
        }
        positions
    }

    /// So far is recorded as done: the source need never be read again from before.
    pub fn committed(&self, positions: &Positions) {
        self.entries().source.committed(positions);
    }

    /// The run is over; waits for what the source was told last.
    pub fn finished(&self) {
        self.entries().source.finished();
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An episode has ended.
    pub fn ended(&self, episode: &Episode) {
        self.entries().repeats.ended(&episode.announcement);
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = loads.get_mut(episode.home as usize) {
            *load -= expected_seconds(&episode.announcement);
        }
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// The worker with the least to do; it has this episode from now on.
    fn home(&self, announcement: &Announcement) -> u64 {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let least = (0..loads.len()).min_by(|&a, &b| loads[a].total_cmp(&loads[b])).unwrap_or_default();
        loads[least] += expected_seconds(announcement);
        least as u64
    }

    fn next(&self, now: Epoch) -> Next {
        let mut entries = self.entries();
        loop {
            // Read before the queue: whoever promotes does it before its own episode ends.
            let in_flight = self.in_flight.load(Ordering::Acquire);
            let promoted = (in_flight < self.max_in_flight).then(|| entries.promoted.try_recv().ok()).flatten();
            if let Some(announcement) = promoted {
                return Next::Record(Box::new(self.begin(announcement, None)));
            }
            if entries.exhausted {
                // An episode on its way may be withdrawn and promote its successor.
                return if in_flight == 0 { Next::End } else { Next::Wait };
            }
            if in_flight >= self.max_in_flight {
                return Next::Wait;
            }
            let (entry, origin) = match entries.source.offer() {
                Offer::Entry(entry, origin) => (*entry, origin),
                Offer::Nothing => return Next::Wait,
                Offer::End => {
                    entries.exhausted = true;
                    continue;
                }
            };
            let farther = entries.source.positions();
            match entries.read.back_mut().filter(|(epoch, _)| *epoch == now) {
                Some((_, positions)) => *positions = farther,
                None => entries.read.push_back((now, farther)),
            }
            let (announcement, fault) = match entry {
                Ok(announcement) => (announcement, None),
                Err(bad) => (unreadable(&bad), Some(bad.fault)),
            };
            let again = origin.as_ref().is_some_and(|origin| origin.is_replay());
            if !entries.repeats.admit(&announcement, again) {
                self.repeated.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.offered.fetch_add(1, Ordering::Relaxed);
            let mut record = self.begin(announcement, origin);
            if let Some(fault) = fault {
                record.body = Body::Failed(Box::new(Failure::from(fault)));
            }
            return Next::Record(Box::new(record));
        }
    }

    /// An episode sets out.
    fn begin(&self, announcement: Announcement, origin: Option<Arc<Origin>>) -> Record {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let home = self.home(&announcement);
        let (announcement, ingested_at) = (Arc::new(announcement), unix_now());
        Record::announced(Arc::new(Episode { announcement, ingested_at, home, origin }))
    }
}

/// The records of a feed as a stream: `Announced`, and `Failed` for entries that were not readable.
pub(crate) fn intake<'s>(
    scope: Scope<'s, Epoch>,
    feed: Arc<Feed>,
    latency: Rc<RefCell<EpochLatency>>,
) -> StreamVec<'s, Epoch, Record> {
    source::<_, CapacityContainerBuilder<Vec<Record>>, _, _>(scope, "intake", move |cap, info| {
        let again = scope.activator_for(info.address);
        let mut cap = Some(cap);
        let mut sent_in_epoch = false;
        move |output| {
            let Some(capability) = cap.as_mut() else { return };
            let now = (feed.start.elapsed().as_millis() / TICK.as_millis()) as Epoch;
            if now > *capability.time() {
                if sent_in_epoch {
                    latency.borrow_mut().closed(*capability.time());
                    sent_in_epoch = false;
                }
                capability.downgrade(&now);
            }
            let mut session = output.session(&*capability);
            let ended = loop {
                match feed.next(*capability.time()) {
                    Next::Record(record) => {
                        session.give(*record);
                        sent_in_epoch = true;
                    }
                    Next::Wait => break false,
                    Next::End => break true,
                }
            };
            drop(session);
            if ended {
                if sent_in_epoch {
                    latency.borrow_mut().closed(*capability.time());
                }
                cap = None;
            } else {
                again.activate_after(Duration::from_millis(2));
            }
        }
    })
}

/// How much audio an episode will bring: what its source says, within reason, else half an hour.
fn expected_seconds(announcement: &Announcement) -> f64 {
    announcement
        .declared_seconds
        .filter(|seconds| seconds.is_finite())
        .map_or(1800.0, |seconds| seconds.clamp(1.0, 43_200.0))
        * f64::from(u8::from(!announcement.withdrawn))
}

/// An entry that could not be read still has exactly one outcome, under the best id known of it.
fn unreadable(bad: &BadEntry) -> Announcement {
    Announcement {
        key: EpisodeKey { episode: EpisodeId(bad.id.clone()), revision: 0 },
        show: String::new(),
        title: bad.place.clone(),
        description: String::new(),
        published: 0,
        audio: None,
        transcript: None,
        language: None,
        declared_seconds: None,
        priority: Priority::Normal,
        withdrawn: false,
        base: String::new(),
    }
}

/// Seconds since 1970 UTC.
pub fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("offered", &self.offered())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Bounded;

    fn announced(id: usize, seconds: f64) -> Result<Announcement, BadEntry> {
        let fault = hark_operators::Fault::poison("source", "test", "", "");
        let bad = BadEntry { id: id.to_string(), place: String::new(), fault, original: Vec::new() };
        Ok(Announcement { declared_seconds: Some(seconds), ..unreadable(&bad) })
    }

    fn never() -> Receiver<Announcement> {
        crossbeam_channel::never()
    }

    fn feed(
        entries: impl Iterator<Item = Entry> + Send + 'static,
        promoted: Receiver<Announcement>,
        workers: usize,
        max_in_flight: usize,
    ) -> Feed {
        Feed::new(Box::new(Bounded::new(entries)), Repeats::of_this_run(), promoted, workers, max_in_flight)
    }

    fn taken(feed: &Feed) -> Option<Arc<Episode>> {
        match feed.next(0) {
            Next::Record(record) => Some(record.episode),
            Next::Wait | Next::End => None,
        }
    }

    #[test]
    fn no_more_episodes_are_on_their_way_than_allowed() {
        let feed = feed((0..5).map(|id| announced(id, 60.0)), never(), 1, 2);
        let first = taken(&feed).expect("the feed has episodes");
        assert!(taken(&feed).is_some());
        assert!(taken(&feed).is_none(), "two are on their way");
        feed.ended(&first);
        assert!(taken(&feed).is_some());
        assert_eq!((feed.offered(), feed.in_flight()), (3, 2));
    }

    #[test]
    fn an_episode_goes_to_the_worker_with_the_least_audio() {
        let lengths = [600.0, 100.0, 100.0, 100.0, 300.0, 100.0];
        let feed = feed(lengths.into_iter().enumerate().map(|(id, seconds)| announced(id, seconds)), never(), 2, 100);
        let homes: Vec<u64> = std::iter::from_fn(|| taken(&feed)).map(|episode| episode.home).collect();
        assert_eq!(homes, [0, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn a_repeated_announcement_is_counted_and_passed_over() {
        let entries = [announced(1, 1.0), announced(1, 2.0), announced(2, 1.0)];
        let feed = feed(entries.into_iter(), never(), 1, 100);
        assert_eq!(std::iter::from_fn(|| taken(&feed)).count(), 2);
        assert_eq!((feed.offered(), feed.repeated()), (2, 1));
    }

    #[test]
    fn the_feed_stays_open_for_what_those_on_their_way_may_promote() {
        let (promote, promoted) = crossbeam_channel::unbounded();
        let feed = feed([announced(1, 1.0)].into_iter(), promoted, 1, 100);
        let first = taken(&feed).expect("one is announced");
        assert!(matches!(feed.next(0), Next::Wait), "the source is done, but one is on its way");
        promote.send((*first.announcement).clone()).expect("the feed listens");
        feed.ended(&first);
        let again = taken(&feed).expect("it is promoted");
        feed.ended(&again);
        assert!(matches!(feed.next(0), Next::End));
        assert_eq!(feed.offered(), 1);
    }

    /// A source of which one entry is there at a time, and that counts them.
    struct Trickle {
        entries: Vec<Option<Entry>>,
        given: i64,
        committed: Arc<Mutex<Positions>>,
    }

    impl Source for Trickle {
        fn offer(&mut self) -> Offer {
            match self.entries.pop() {
                Some(Some(entry)) => {
                    self.given += 1;
                    Offer::Entry(Box::new(entry), None)
                }
                Some(None) => Offer::Nothing,
                None => Offer::End,
            }
        }

        fn positions(&self) -> Positions {
            Positions::from([("entries".to_owned(), self.given)])
        }

        fn committed(&mut self, positions: &Positions) {
            self.committed.lock().expect("a test").clone_from(positions);
        }
    }

    #[test]
    fn a_source_is_durable_up_to_the_last_tick_whose_outcomes_all_are() {
        let committed = Arc::new(Mutex::new(Positions::new()));
        let entries = vec![Some(announced(3, 1.0)), None, Some(announced(2, 1.0)), Some(announced(1, 1.0))];
        let source = Trickle { entries, given: 0, committed: committed.clone() };
        let feed = Feed::new(Box::new(source), Repeats::until_done(|_, _, _| false), never(), 1, 100);
        let next = |epoch| matches!(feed.next(epoch), Next::Record(_));
        assert!(next(0) && next(4) && !next(5) && next(6));
        let at = |given: i64| Positions::from([("entries".to_owned(), given)]);
        assert_eq!(feed.durable(0), None);
        assert_eq!(feed.durable(6), Some(at(2)));
        assert_eq!(feed.durable(6), None, "no farther than before");
        assert_eq!(feed.durable(7), Some(at(3)));
        feed.committed(&at(3));
        assert_eq!(*committed.lock().expect("a test"), at(3));
    }

    #[test]
    fn a_feed_that_goes_on_runs_an_episode_again_only_where_it_has_no_outcome() {
        let entries = [1, 1, 2].map(|id| announced(id, 1.0));
        let done = |key: &EpisodeKey, _withdrawn: bool, _again: bool| key.episode.0 == "2";
        let source = Box::new(Bounded::new(entries.into_iter()));
        let feed = Feed::new(source, Repeats::until_done(done), never(), 1, 100);
        let first = taken(&feed).expect("one is new");
        assert!(taken(&feed).is_none(), "it is on its way, the other has its outcome");
        assert_eq!((first.key().episode.0.as_str(), feed.repeated()), ("1", 2));
    }

    #[test]
    fn a_closed_feed_ends_when_nothing_is_on_its_way() {
        let feed = feed((0..5).map(|id| announced(id, 60.0)), never(), 1, 10);
        let first = taken(&feed).expect("the feed has episodes");
        feed.close();
        assert!(matches!(feed.next(0), Next::Wait));
        feed.ended(&first);
        assert!(matches!(feed.next(0), Next::End));
    }
}
