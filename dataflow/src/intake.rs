//! From a source of announcements into the dataflow.
//!
//! The workers of a process take turns at one feed. It hands out an announcement only while fewer
//! than `max_in_flight` episodes are on their way: timely's channels have no back-pressure, so
//! everything is bounded here. Time is the feed's clock in ticks of [`TICK`].
//!
//! The feed also chooses each episode's home: the worker with the least audio on its way. A hash of
//! the id would need no choice, but eight episodes seldom divide evenly by a hash.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Receiver;
use hark_operators::driver::Epoch;
use hark_operators::record::{Announcement, Body, Episode, EpisodeId, EpisodeKey, Failure, Priority, Record};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, StreamVec};

use crate::latency::EpochLatency;
use crate::source::BadEntry;

/// Length of an epoch.
pub const TICK: Duration = Duration::from_millis(100);

/// Announcements and entries that could not be read, in the source's order.
pub type Announcements = Box<dyn Iterator<Item = Result<Announcement, BadEntry>> + Send>;

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
    source: Announcements,
    /// Revisions that were announced, and those that were withdrawn.
    seen: HashSet<(EpisodeKey, bool)>,
    exhausted: bool,
    /// Episodes to be run after all.
    promoted: Receiver<Announcement>,
}

/// What the feed has at this moment.
enum Next {
    Record(Box<Record>),
    /// As much as may be is in flight.
    Full,
    End,
}

impl Feed {
    /// A feed for so many workers that has at most `max_in_flight` episodes on their way at once.
    /// `promoted` brings those that were settled and are fresh again.
    pub fn new(source: Announcements, promoted: Receiver<Announcement>, workers: usize, max_in_flight: usize) -> Self {
        Self {
            entries: Mutex::new(Entries { source, seen: HashSet::new(), exhausted: false, promoted }),
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

    /// An episode has ended.
    pub fn ended(&self, episode: &Episode) {
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

    fn next(&self) -> Next {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // Read before the queue: whoever promotes does it before its own episode ends.
            let in_flight = self.in_flight.load(Ordering::Acquire);
            let promoted = (in_flight < self.max_in_flight).then(|| entries.promoted.try_recv().ok()).flatten();
            if let Some(announcement) = promoted {
                return Next::Record(Box::new(self.begin(announcement)));
            }
            if entries.exhausted {
                // An episode on its way may be withdrawn and promote its successor.
                return if in_flight == 0 { Next::End } else { Next::Full };
            }
            if in_flight >= self.max_in_flight {
                return Next::Full;
            }
            let Some(entry) = entries.source.next() else {
                entries.exhausted = true;
                continue;
            };
            let (announcement, fault) = match entry {
                Ok(announcement) => (announcement, None),
                Err(bad) => (unreadable(&bad), Some(bad.fault)),
            };
            if !entries.seen.insert((announcement.key.clone(), announcement.withdrawn)) {
                self.repeated.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.offered.fetch_add(1, Ordering::Relaxed);
            let mut record = self.begin(announcement);
            if let Some(fault) = fault {
                record.body = Body::Failed(Box::new(Failure::from(fault)));
            }
            return Next::Record(Box::new(record));
        }
    }

    /// An episode sets out.
    fn begin(&self, announcement: Announcement) -> Record {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let home = self.home(&announcement);
        Record::announced(Arc::new(Episode { announcement: Arc::new(announcement), ingested_at: unix_now(), home }))
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
                match feed.next() {
                    Next::Record(record) => {
                        session.give(*record);
                        sent_in_epoch = true;
                    }
                    Next::Full => break false,
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

    fn announced(id: usize, seconds: f64) -> Result<Announcement, BadEntry> {
        let fault = hark_operators::Fault::poison("source", "test", "", "");
        let bad = BadEntry { id: id.to_string(), place: String::new(), fault, original: Vec::new() };
        Ok(Announcement { declared_seconds: Some(seconds), ..unreadable(&bad) })
    }

    fn never() -> Receiver<Announcement> {
        crossbeam_channel::never()
    }

    fn taken(feed: &Feed) -> Option<Arc<Episode>> {
        match feed.next() {
            Next::Record(record) => Some(record.episode),
            Next::Full | Next::End => None,
        }
    }

    #[test]
    fn no_more_episodes_are_on_their_way_than_allowed() {
        let feed = Feed::new(Box::new((0..5).map(|id| announced(id, 60.0))), never(), 1, 2);
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
        let feed = Feed::new(
            Box::new(lengths.into_iter().enumerate().map(|(id, seconds)| announced(id, seconds))),
            never(),
            2,
            100,
        );
        let homes: Vec<u64> = std::iter::from_fn(|| taken(&feed)).map(|episode| episode.home).collect();
        assert_eq!(homes, [0, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn a_repeated_announcement_is_counted_and_passed_over() {
        let entries = [announced(1, 1.0), announced(1, 2.0), announced(2, 1.0)];
        let feed = Feed::new(Box::new(entries.into_iter()), never(), 1, 100);
        assert_eq!(std::iter::from_fn(|| taken(&feed)).count(), 2);
        assert_eq!((feed.offered(), feed.repeated()), (2, 1));
    }

    #[test]
    fn the_feed_stays_open_for_what_those_on_their_way_may_promote() {
        let (promote, promoted) = crossbeam_channel::unbounded();
        let feed = Feed::new(Box::new([announced(1, 1.0)].into_iter()), promoted, 1, 100);
        let first = taken(&feed).expect("one is announced");
        assert!(matches!(feed.next(), Next::Full), "the source is done, but one is on its way");
        promote.send((*first.announcement).clone()).expect("the feed listens");
        feed.ended(&first);
        let again = taken(&feed).expect("it is promoted");
        feed.ended(&again);
        assert!(matches!(feed.next(), Next::End));
        assert_eq!(feed.offered(), 1);
    }
}
