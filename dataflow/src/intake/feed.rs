//! The source of a process, bounded.
//!
//! The workers of a process take turns at one feed. It hands out an announcement only while fewer
//! than `max_in_flight` episodes are on their way: timely's channels have no back-pressure, so
//! everything is bounded here.
//!
//! What is urgent finds room though a backfill has taken all there is: a quarter as much again is kept for
//! it. So it never waits for the end of another, which may be minutes away; lanes then see to its turn.
//!
//! The feed also chooses each episode's home: of its owner's workers the one with the least audio on its
//! way. A hash of the id would need no choice, but eight episodes seldom divide evenly by a hash.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hark_operators::driver::Epoch;
use hark_operators::record::{Announcement, Body, Episode, EpisodeId, EpisodeKey, Failure, Origin, Record};

use super::end::Ending;
use super::under_way::UnderWay;
use super::{Addressed, Notice, Repeats, TICK, unix_now};
use crate::cluster::Peers;
use crate::corrections::Corrections;
use crate::source::{BadEntry, Offer, Positions, Source};

/// How soon the intake looks again while episodes are on their way: the end of one makes room for
/// another, and nobody tells the intake of it.
const BUSY: Duration = Duration::from_millis(2);

/// A source of announcements shared by the workers of a process.
pub struct Feed {
    entries: Mutex<Entries>,
    under_way: UnderWay,
    max_in_flight: usize,
    pub(super) peers: Peers,
    /// With the episodes that are to be run after all, or once more.
    pub(super) corrections: Arc<Corrections>,
    /// Nothing is read any more, anywhere.
    pub(super) closed: AtomicBool,
    /// Somebody asked for the end; the others are to be told.
    closing: AtomicBool,
    /// How all find out that nothing is left.
    pub(super) ending: Mutex<Ending>,
    /// Announcements handed out.
    offered: AtomicUsize,
    /// Announcements of an episode revision that had been handed out before.
    repeated: AtomicUsize,
}

pub(super) struct Entries {
    source: Box<dyn Source>,
    repeats: Repeats,
    pub exhausted: bool,
    /// The latest tick in which something was read.
    read: Epoch,
    /// Something was read, and nobody has been told how far.
    untold: bool,
}

/// What the feed has at this moment.
pub(super) enum Next {
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
            entries: Mutex::new(Entries { source, repeats, exhausted: false, read: 0, untold: false }),
            under_way: UnderWay::new(peers.workers()),
            max_in_flight,
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
        self.under_way.count()
    }

    /// Whether an episode revision, or its withdrawal, is.
    pub(crate) fn is_under_way(&self, announcement: &Announcement) -> bool {
        self.under_way.holds(announcement)
    }

    /// Episodes that set out, those that did so again counted again.
    pub fn begun(&self) -> usize {
        self.under_way.begun()
    }

    /// The run is over; waits for what the source was told last.
    pub fn finished(&self) {
        self.entries().source.finished();
    }

    /// Seconds since the one that is longest on its way was taken in; 0 when none is.
    pub fn oldest(&self) -> f64 {
        self.under_way.oldest().map_or(0.0, |since| (unix_now() - since).max(0.0))
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
    pub(super) fn notices(&self, now: Epoch) -> Vec<(Epoch, Addressed)> {
        let mut entries = self.entries();
        let mut notices = self.about_the_end(now, &entries);
        if std::mem::take(&mut entries.untold) {
            // Another worker of this process may have read in a later tick than this one's, and told of it: how
            // far includes what that one took.
            let at = entries.read.max(now);
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

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An episode has ended.
    pub fn ended(&self, episode: &Episode) {
        self.entries().repeats.ended(&episode.announcement);
        self.under_way.end(episode);
    }

    /// For a worker whose tick is `now`.
    pub(super) fn next(&self, worker: u64, now: Epoch) -> Next {
        let mut entries = self.entries();
        loop {
            // Each read before the next: what an episode makes known is due before it ends, and what is due is
            // open until all of it that has to set out again waits for that.
            let (within, beyond) = self.under_way.within_and_beyond();
            let open = self.corrections.count();
            let has_room = within < self.max_in_flight;
            let again = has_room.then(|| self.corrections.again()).flatten();
            if let Some(announcement) = again {
                return Next::Record(Box::new(self.begin(announcement, unix_now(), worker, None, false)));
            }
            if entries.exhausted {
                // What is on its way may make another fresh, here or at another process.
                let agreed = self.peers.processes == 1 || self.closed.load(Ordering::Acquire);
                return if within + beyond == 0 && open == 0 && agreed { Next::End } else { Next::Wait };
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
            entries.read = entries.read.max(now);
            entries.untold = true;
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
            let since = unix_now() - entries.source.overdue().as_secs_f64();
            let mut record = self.begin(announcement, since, worker, origin, !has_room);
            if let Some(fault) = fault {
                record.body = Body::Failed(Arc::new(Failure::from(fault)));
            }
            return Next::Record(Box::new(record));
        }
    }

    /// How long a worker may leave the feed alone that had nothing for it. Never beyond the end of the
    /// tick: frontiers are those of the slowest worker, be it idle.
    pub(super) fn pause(&self) -> Duration {
        let entries = self.entries();
        if self.in_flight() > 0 || entries.exhausted {
            return BUSY;
        }
        let into_tick = self.peers.started.elapsed().as_micros() % TICK.as_micros();
        let tick_left = TICK.saturating_sub(Duration::from_micros(into_tick as u64));
        entries.source.nothing_for().min(tick_left).max(BUSY)
    }

    /// An episode sets out, beyond the usual bound or within it; it was there `ingested_at`.
    fn begin(
        &self,
        announcement: Announcement,
        ingested_at: f64,
        by: u64,
        origin: Option<Arc<Origin>>,
        is_beyond: bool,
    ) -> Record {
        let workers = self.peers.homes(&announcement.key.episode);
        let home = self.under_way.begin(&announcement, workers, ingested_at, is_beyond);
        let announcement = Arc::new(announcement);
        Record::announced(Arc::new(Episode { announcement, ingested_at, home, taken_in_by: by, origin }))
    }
}

/// An entry that could not be read still has exactly one outcome, under the best id known of it.
pub(super) fn unreadable(bad: &BadEntry) -> Announcement {
    let key = EpisodeKey { episode: EpisodeId::from(bad.id.clone()), revision: 0 };
    Announcement { title: bad.place.clone(), ..Announcement::bare(key, String::new()) }
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
mod deaths;
#[cfg(test)]
mod tests;
