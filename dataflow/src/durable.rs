//! What a run that goes on makes durable beside its outcomes: what is known of episodes, and how far
//! its sources have been read. The first process does it for the whole cluster.
//!
//! ```text
//! knowledge ─ facts ──▶ told ─┐                     ┌▶ snapshots ─▶ the sources: committed
//! feeds ─ notices ────▶ read ─┼▶ commit, each second ┘
//! outcomes ─ frontier ────────┘
//! ```
//! Outcomes are durable before the frontier passes them, and facts are told before their episodes end.
//! So a commit that takes the frontier first and the facts after it never says that a source was read
//! farther than is known.
//!
//! Invariant: the source is committed up to there only after the snapshot that says so.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use hark_operators::driver::Epoch;

use crate::cluster::Peers;
use crate::death::{self, Step};
use crate::dedupe::Told;
use crate::intake::{Feed, unix_now};
use crate::publish::{FolderPublisher, Remembered};
use crate::snapshot::{DRAINED, Fact, Header, Limits, Restored, SnapshotError, Snapshots, Store, standing};
use crate::source::Positions;

/// How often to commit.
pub const EVERY: Duration = Duration::from_secs(1);
/// Clocks of a cluster's machines agree within so many milliseconds.
const CLOCKS: i64 = 5_000;

/// By how many milliseconds times may be wrong that processes of a job write.
pub(crate) fn doubt(alone: bool) -> i64 {
    if alone { 0 } else { CLOCKS }
}

/// The durable side of a run.
pub struct Durable {
    /// None where another process keeps them.
    snapshots: Option<Snapshots>,
    told: Mutex<Vec<Fact>>,
    /// How far sources had been read at the end of ticks that are not durable yet.
    read: Mutex<VecDeque<(Epoch, Positions)>>,
    /// All outcomes before this tick are durable.
    frontier: AtomicU64,
    /// Workers that have what was known before.
    restored: AtomicUsize,
    /// Rows that an earlier run left wrong have been found.
    compared: AtomicBool,
    /// What an earlier run left.
    found: Header,
    positions: Mutex<Positions>,
    /// In milliseconds, how far clocks may differ by which outcomes and commits are dated.
    doubt: i64,
    /// When the last commit was made, in milliseconds since 1970 UTC; 0 where others do it.
    committed_at: AtomicI64,
    facts: AtomicU64,
}

impl Durable {
    /// Claims the store and looks at what lies there, for a run `alone` or with other processes.
    ///
    /// # Errors
    /// See [`Snapshots::open`].
    pub fn open(store: Arc<dyn Store>, generation: u64, alone: bool) -> Result<Self, SnapshotError> {
        let snapshots = Snapshots::open(store, generation, Limits::default())?;
        for warning in snapshots.warnings() {
            tracing::warn!("{warning}");
        }
        let found = snapshots.load(0, 1)?.header.unwrap_or_default();
        Ok(Self::with(Some(snapshots), found, doubt(alone)))
    }

    /// Says that a run begins, before anybody tells anything: who finds it dead knows from when on it may have.
    ///
    /// # Errors
    /// See [`Snapshots::append`].
    pub fn begin(&self) -> Result<(), SnapshotError> {
        self.begin_at(now())
    }

    /// At a moment in milliseconds since 1970 UTC.
    pub(crate) fn begin_at(&self, now: i64) -> Result<(), SnapshotError> {
        let Some(snapshots) = &self.snapshots else { return Ok(()) };
        snapshots.lost(self.found.lost_before(now + self.doubt));
        snapshots.append(&[], &self.found.positions, now - self.doubt)?;
        self.committed_at.store(now, Ordering::Relaxed);
        Ok(())
    }

    /// In a process of a cluster whose first one keeps what all of them know, and found this.
    pub fn elsewhere(found: Header) -> Self {
        Self::with(None, found, CLOCKS)
    }

    fn with(snapshots: Option<Snapshots>, found: Header, doubt: i64) -> Self {
        Self {
            snapshots,
            told: Mutex::default(),
            read: Mutex::default(),
            frontier: AtomicU64::new(0),
            restored: AtomicUsize::new(0),
            compared: AtomicBool::new(false),
            positions: Mutex::new(found.positions.clone()),
            doubt,
            committed_at: AtomicI64::new(0),
            found,
            facts: AtomicU64::new(0),
        }
    }

    /// What was true when an earlier run wrote for the last time.
    pub fn found(&self) -> &Header {
        &self.found
    }

    /// How far the source has been read for good.
    pub fn positions(&self) -> Positions {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What one worker of so many of this process is to tell the others from before.
    pub(crate) fn load(&self, worker: usize, workers: usize) -> Result<Option<Restored>, SnapshotError> {
        self.snapshots.as_ref().map(|snapshots| snapshots.load(worker, workers)).transpose()
    }

    /// A worker has told all that it loaded, and it is known.
    pub(crate) fn restored(&self) {
        self.restored.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether so many workers have.
    pub fn is_restored(&self, workers: usize) -> bool {
        self.restored.load(Ordering::Acquire) >= workers
    }

    /// Whether all rows have been compared with what was known before, and corrections have set out.
    pub fn has_compared(&self) -> bool {
        self.compared.load(Ordering::Acquire)
    }

    /// Something became known.
    pub(crate) fn tell(&self, told: &Told) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(told.clone().into());
    }

    /// By the end of this tick a source had been read so far.
    pub(crate) fn read(&self, epoch: Epoch, positions: Positions) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).push_back((epoch, positions));
    }

    /// All outcomes before this tick are durable, and all that was read in it is told.
    pub(crate) fn passed(&self, epoch: Epoch) {
        self.frontier.store(epoch, Ordering::Release);
    }

    /// How far sources have been read in ticks before this one, if farther than at the last call.
    fn farther(&self, before: Epoch) -> Option<Positions> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (passed, open): (VecDeque<_>, _) = read.drain(..).partition(|(epoch, _)| *epoch < before);
        *read = open;
        drop(read);
        if passed.is_empty() {
            return None;
        }
        let mut positions = self.positions();
        // What processes say of their sources may come in any order.
        for (part, to) in passed.into_iter().flat_map(|(_, farther)| farther) {
            let known = positions.entry(part).or_insert(to);
            *known = to.max(*known);
        }
        Some(positions)
    }

    /// Makes durable what has become known, and how far the source need not be read again. Says that all is
    /// there which was told before this moment, less the doubt about other processes' clocks.
    ///
    /// # Errors
    /// A store that cannot be written; the run has to stop.
    pub fn commit(&self, feed: &Feed) -> Result<(), SnapshotError> {
        // Before the facts are taken: what is told meanwhile is among them, and nothing earlier is missing.
        self.commit_until(now() - self.doubt, feed)
    }

    /// Says that all is there which was told before `at`.
    pub(crate) fn commit_until(&self, at: i64, feed: &Feed) -> Result<(), SnapshotError> {
        let Some(snapshots) = &self.snapshots else { return Ok(()) };
        let farther = self.farther(self.frontier.load(Ordering::Acquire));
        let facts = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        if farther.is_none() && facts.is_empty() && at != DRAINED {
            return Ok(());
        }
        let positions = farther.unwrap_or_else(|| self.positions());
        snapshots.append(&facts, &positions, at)?;
        self.committed_at.store(now(), Ordering::Relaxed);
        death::after(Step::Facts);
        self.facts.fetch_add(facts.len() as u64, Ordering::Relaxed);
        feed.committed(&positions);
        death::after(Step::Positions);
        *self.positions.lock().unwrap_or_else(PoisonError::into_inner) = positions;
        if snapshots.full_is_due() {
            snapshots.full(standing())?;
        }
        Ok(())
    }

    /// Seconds since the last commit, and the bytes that all snapshots take.
    pub fn age_and_size(&self) -> (Option<f64>, u64) {
        let Some(snapshots) = &self.snapshots else { return (None, 0) };
        let committed_at = self.committed_at.load(Ordering::Relaxed);
        let age = (committed_at > 0).then(|| unix_now() - committed_at as f64 / 1000.0);
        let size = snapshots.size().map(|size| size.full_bytes + size.told_bytes + size.body_bytes);
        (age, size.unwrap_or_default())
    }

    /// Facts made durable by this run.
    pub fn facts(&self) -> u64 {
        self.facts.load(Ordering::Relaxed)
    }
}

/// The thread that commits.
pub(crate) struct Keeper {
    durable: Arc<Durable>,
    feed: Arc<Feed>,
    stop: Sender<()>,
    broken: Receiver<SnapshotError>,
    thread: JoinHandle<()>,
}

impl Keeper {
    pub(crate) fn start(durable: Arc<Durable>, feed: Arc<Feed>, publisher: Arc<FolderPublisher>, peers: Peers) -> Self {
        let (stop, stopped) = bounded::<()>(1);
        let (fail, broken) = bounded(1);
        let keeper = (durable.clone(), feed.clone());
        let remembered = Remembered::of(durable.found(), peers.processes == 1);
        let thread = std::thread::spawn(move || {
            let (durable, feed) = keeper;
            let mut compared = false;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                // A full snapshot removes what those that still load may need.
                if !durable.is_restored(peers.threads) {
                    continue;
                }
                if let Err(error) = durable.commit(&feed) {
                    // The run looks here until it stops.
                    let _told = fail.send(error).is_ok();
                    return;
                }
                if !compared {
                    compared = true;
                    publisher.compare(&peers, &remembered, |announcement| feed.is_under_way(announcement));
                    durable.compared.store(true, Ordering::Release);
                }
                if let Err(error) = publisher.refresh() {
                    publisher.stop(error);
                    return;
                }
            }
        });
        Self { durable, feed, stop, broken, thread }
    }

    /// What keeps it from committing.
    pub(crate) fn broken(&self) -> Option<SnapshotError> {
        self.broken.try_recv().ok()
    }

    /// Commits for the last time, when all that was told is here.
    pub(crate) fn finish(self) -> Result<(), SnapshotError> {
        drop(self.stop);
        let panicked = self.thread.join().is_err();
        assert!(!panicked, "the thread that commits does not panic");
        match self.broken.try_recv() {
            Ok(error) => Err(error),
            Err(_) => self.durable.commit_until(DRAINED, &self.feed),
        }
    }
}

/// Milliseconds since 1970 UTC.
fn now() -> i64 {
    (unix_now() * 1000.0) as i64
}
