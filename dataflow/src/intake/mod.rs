//! From a source of announcements into the dataflow.
//!
//! ```text
//! source ─ feed ─┬▶ records ─▶ home … outcome ─▶ back to the feed: one fewer on its way
//!                └▶ notices ─▶ how far the source was read: to the first worker; closed: to all
//! ```
//! The workers of a process take turns at one feed. It hands out an announcement only while fewer
//! than `max_in_flight` episodes are on their way: timely's channels have no back-pressure, so
//! everything is bounded here. Time is the cluster's clock in ticks of [`TICK`], and each tick says how
//! far the source had been read in it: once every outcome of a tick is durable, so is that.
//!
//! What is urgent finds room though a backfill has taken all there is: a quarter as much again is kept for
//! it. So it never waits for the end of another, which may be minutes away; lanes then see to its turn.
//!
//! The feed also chooses each episode's home: of its owner's workers the one with the least audio on its
//! way. A hash of the id would need no choice, but eight episodes seldom divide evenly by a hash.

mod end;
mod repeats;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hark_operators::driver::Epoch;
use hark_operators::record::{Announcement, Body, Episode, EpisodeId, EpisodeKey, Failure, Origin, Record};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, StreamVec};

use crate::cluster::Peers;
use crate::corrections::Corrections;
use crate::latency::EpochLatency;
use crate::source::{BadEntry, Offer, Positions, Source};

use end::Ending;
pub(crate) use end::{Answer, Round};
pub use repeats::Repeats;

/// Length of an epoch.
pub const TICK: Duration = Duration::from_millis(100);

/// How soon the intake looks again while episodes are on their way: the end of one makes room for
/// another, and nobody tells the intake of it.
const BUSY: Duration = Duration::from_millis(2);

/// The epoch of a moment so long after the beginning.
pub(crate) fn tick_of(elapsed: Duration) -> Epoch {
    (elapsed.as_millis() / TICK.as_millis()) as Epoch
}

/// A source of announcements shared by the workers of a process.
pub struct Feed {
    entries: Mutex<Entries>,
    in_flight: AtomicUsize,
    max_in_flight: usize,
    /// Those among them that are there beyond that, being urgent.
    beyond: Mutex<HashSet<EpisodeKey>>,
    /// Since when each of them is on its way.
    since: Mutex<HashMap<EpisodeKey, f64>>,
    /// Episodes that set out, once or again.
    begun: AtomicUsize,
    /// Seconds of audio that this feed has on their way per worker, by what the source declared.
    loads: Mutex<Vec<f64>>,
    peers: Peers,
    /// With the episodes that are to be run after all, or once more.
    corrections: Arc<Corrections>,
    /// Nothing is read any more, anywhere.
    closed: AtomicBool,
    /// Somebody asked for the end; the others are to be told.
    closing: AtomicBool,
    /// How all find out that nothing is left.
    ending: Mutex<Ending>,
    /// Announcements handed out.
    offered: AtomicUsize,
    /// Announcements of an episode revision that had been handed out before.
    repeated: AtomicUsize,
}

struct Entries {
    source: Box<dyn Source>,
    repeats: Repeats,
    exhausted: bool,
    /// The latest tick in which something was read, while nobody has been told how far.
    read: Option<Epoch>,
}

/// What the feed has at this moment.
enum Next {
    Record(Box<Record>),
    /// As much as may be is in flight, or the source has nothing at present.
    Wait,
    End,
}

impl Feed {
    /// The feed of one process that has at most `max_in_flight` episodes on their way at once.
    /// What `corrections` ask for sets out again.
    pub fn new(
        source: Box<dyn Source>,
        repeats: Repeats,
        corrections: Arc<Corrections>,
        peers: Peers,
        max_in_flight: usize,
    ) -> Self {
        Self {
            entries: Mutex::new(Entries { source, repeats, exhausted: false, read: None }),
            in_flight: AtomicUsize::new(0),
            max_in_flight,
            beyond: Mutex::default(),
            since: Mutex::default(),
            begun: AtomicUsize::new(0),
            loads: Mutex::new(vec![0.0; peers.workers()]),
            peers,
            corrections,
            closed: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            ending: Mutex::default(),
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

    /// Episodes that set out, those that did so again counted again.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// The run is over; waits for what the source was told last.
    pub fn finished(&self) {
        self.entries().source.finished();
    }

    /// Seconds since the one that is longest on its way was taken in; 0 when none is.
    pub fn oldest(&self) -> f64 {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.values().copied().reduce(f64::min).map_or(0.0, |since| (unix_now() - since).max(0.0))
    }

    /// Reads no more from any source of the cluster: what is on its way is finished, then the feeds end.
    pub fn close(&self) {
        self.close_with_others();
        self.closing.store(true, Ordering::Release);
    }

    /// Somebody else's feed was closed.
    pub(crate) fn close_with_others(&self) {
        self.entries().exhausted = true;
        self.closed.store(true, Ordering::Release);
    }

    /// What the others have not been told yet: with the tick at which it may be told, the earliest.
    fn notices(&self, now: Epoch) -> Vec<(Epoch, Addressed)> {
        let mut entries = self.entries();
        let mut notices = self.about_the_end(now, &entries);
        if let Some(read) = entries.read.take() {
            // Another worker of this process may have read on in a later tick than this one's.
            let at = read.max(now);
            notices.push((at, (0, Notice::Read(at, entries.source.positions()))));
        }
        if self.closing.swap(false, Ordering::AcqRel) {
            notices.extend(self.peers.firsts().map(|first| (now, (first, Notice::Closed))));
        }
        notices
    }

    /// So far is recorded as done: the source need never be read again from before.
    pub fn committed(&self, positions: &Positions) {
        self.entries().source.committed(positions);
    }

    /// How many may be on their way beyond `max_in_flight`, if they are urgent.
    fn kept_for_urgent(&self) -> usize {
        self.max_in_flight.div_ceil(4)
    }

    fn beyond(&self) -> MutexGuard<'_, HashSet<EpisodeKey>> {
        self.beyond.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.since.lock().unwrap_or_else(PoisonError::into_inner).remove(episode.key());
        self.beyond().remove(episode.key());
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Of the owner's workers the one with the least to do; it has this episode from now on.
    fn home(&self, announcement: &Announcement) -> u64 {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let homes = self.peers.homes(&announcement.key.episode);
        let least = homes.min_by(|&a, &b| loads[a].total_cmp(&loads[b])).expect("a process has a worker");
        loads[least] += expected_seconds(announcement);
        least as u64
    }

    /// For a worker whose tick is `now`.
    fn next(&self, worker: u64, now: Epoch) -> Next {
        let mut entries = self.entries();
        loop {
            // Each read before the next: what an episode makes known is due before it ends, and what is due is
            // open until all of it that has to set out again waits for that.
            let (in_flight, beyond) = (self.in_flight.load(Ordering::Acquire), self.beyond().len());
            let open = self.corrections.count();
            let has_room = in_flight.saturating_sub(beyond) < self.max_in_flight;
            let again = has_room.then(|| self.corrections.again()).flatten();
            if let Some(announcement) = again {
                return Next::Record(Box::new(self.begin(announcement, worker, None)));
            }
            if entries.exhausted {
                // What is on its way may make another fresh, here or at another process.
                let agreed = self.peers.processes == 1 || self.closed.load(Ordering::Acquire);
                return if in_flight == 0 && open == 0 && agreed { Next::End } else { Next::Wait };
            }
            let offer = match has_room {
                true => entries.source.offer(),
                false if beyond < self.kept_for_urgent() => entries.source.offer_urgent(),
                false => Offer::Nothing,
            };
            let (entry, origin) = match offer {
                Offer::Entry(entry, origin) => (*entry, origin),
                Offer::Nothing => return Next::Wait,
                Offer::End => {
                    entries.exhausted = true;
                    continue;
                }
            };
            entries.read = entries.read.max(Some(now));
            let (announcement, fault) = match entry {
                Ok(announcement) => (announcement, None),
                Err(bad) => (unreadable(&bad), Some(bad.fault)),
            };
            let again = origin.as_ref().map(|origin| origin.again()).unwrap_or_default();
            if !entries.repeats.admit(&announcement, again) {
                self.repeated.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.offered.fetch_add(1, Ordering::Relaxed);
            if !has_room {
                self.beyond().insert(announcement.key.clone());
            }
            let mut record = self.begin(announcement, worker, origin);
            if let Some(fault) = fault {
                record.body = Body::Failed(Arc::new(Failure::from(fault)));
            }
            return Next::Record(Box::new(record));
        }
    }

    /// How long a worker may leave the feed alone that had nothing for it. Never beyond the end of the
    /// tick: frontiers are those of the slowest worker, be it idle.
    fn pause(&self) -> Duration {
        let entries = self.entries();
        if self.in_flight() > 0 || entries.exhausted {
            return BUSY;
        }
        let into_tick = self.peers.started.elapsed().as_micros() % TICK.as_micros();
        let tick_left = TICK.saturating_sub(Duration::from_micros(into_tick as u64));
        entries.source.nothing_for().min(tick_left).max(BUSY)
    }

    /// An episode sets out.
    fn begin(&self, announcement: Announcement, taken_in_by: u64, origin: Option<Arc<Origin>>) -> Record {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let home = self.home(&announcement);
        let (announcement, ingested_at) = (Arc::new(announcement), unix_now());
        self.begun.fetch_add(1, Ordering::Relaxed);
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.insert(announcement.key.clone(), ingested_at);
        Record::announced(Arc::new(Episode { announcement, ingested_at, home, taken_in_by, origin }))
    }
}

/// What a feed tells the workers of the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Notice {
    /// By the end of this tick its source had been read so far.
    Read(Epoch, Positions),
    /// Nobody is to read any more.
    Closed,
    /// Has a feed anything left?
    Asked(Round),
    /// So it is.
    Answered(Answer),
}

/// A notice and the worker that it is for.
pub(crate) type Addressed = (u64, Notice);

/// The records of a feed as a stream, `Announced`, and `Failed` for entries that were not readable; and
/// its notices.
pub(crate) fn intake<'s>(
    scope: Scope<'s, Epoch>,
    feed: Arc<Feed>,
    latency: Rc<RefCell<EpochLatency>>,
) -> (StreamVec<'s, Epoch, Record>, StreamVec<'s, Epoch, Addressed>) {
    let worker = scope.index() as u64;
    let mut builder = OperatorBuilder::new("intake".to_owned(), scope);
    let again = scope.activator_for(builder.operator_info().address);
    let (records, record_stream) = builder.new_output::<Vec<Record>>();
    let (notices, notice_stream) = builder.new_output::<Vec<Addressed>>();
    let mut records = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(records);
    let mut notices = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(notices);
    builder.build(move |capabilities| {
        // One for each output, both at the worker's tick.
        let mut capabilities = Some(capabilities);
        let mut sent_in_epoch = false;
        move |_frontiers| {
            let Some([for_records, for_notices]) = capabilities.as_deref_mut() else { return };
            let now = tick_of(feed.peers.started.elapsed()).max(*for_records.time());
            if now > *for_records.time() {
                if sent_in_epoch {
                    latency.borrow_mut().closed(*for_records.time());
                    sent_in_epoch = false;
                }
                for_records.downgrade(&now);
                for_notices.downgrade(&now);
            }
            let mut output = records.activate();
            let mut session = output.session(&*for_records);
            let ended = loop {
                match feed.next(worker, now) {
                    Next::Record(record) => {
                        session.give(*record);
                        sent_in_epoch = true;
                    }
                    Next::Wait => break false,
                    Next::End => break true,
                }
            };
            drop(session);
            let mut output = notices.activate();
            for (at, notice) in feed.notices(now) {
                output.session(&for_notices.delayed(&at)).give(notice);
            }
            if ended {
                if sent_in_epoch {
                    latency.borrow_mut().closed(now);
                }
                capabilities = None;
            } else {
                again.activate_after(feed.pause());
            }
        }
    });
    (record_stream, notice_stream)
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
    let key = EpisodeKey { episode: EpisodeId::from(bad.id.clone()), revision: 0 };
    Announcement { title: bad.place.clone(), ..Announcement::bare(key, String::new()) }
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
mod tests;
