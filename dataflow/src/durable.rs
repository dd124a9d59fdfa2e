//! What a run that goes on makes durable beside its outcomes: what is known of episodes, and how far
//! its source has been read.
//!
//! ```text
//! gates ── facts ──▶ told ─┐                     ┌▶ snapshots ─▶ the source: committed
//! outcomes ─ frontier ─────┴▶ commit, each second ┘
//! ```
//! Outcomes are durable before the frontier passes them, and facts are told before their episodes end.
//! So a commit that takes the frontier first and the facts after it never says that the source was read
//! farther than is known.
//!
//! Invariant: the source is committed up to there only after the snapshot that says so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use hark_operators::driver::Epoch;

use crate::dedupe::Told;
use crate::intake::{Feed, unix_now};
use crate::publish::FolderPublisher;
use crate::snapshot::{Fact, Limits, Restored, SnapshotError, Snapshots, Store, standing};
use crate::source::Positions;

/// How often to commit.
pub const EVERY: Duration = Duration::from_secs(1);

/// The durable side of a run.
pub struct Durable {
    snapshots: Snapshots,
    told: Mutex<Vec<Fact>>,
    /// Each worker's view of the epoch before which all outcomes are durable.
    frontiers: Mutex<BTreeMap<usize, Epoch>>,
    /// Workers that have what was known before.
    restored: AtomicUsize,
    positions: Mutex<Positions>,
    facts: AtomicU64,
}

impl Durable {
    /// Claims the store and looks at what lies there.
    ///
    /// # Errors
    /// See [`Snapshots::open`].
    pub fn open(store: Arc<dyn Store>, generation: u64) -> Result<Self, SnapshotError> {
        let snapshots = Snapshots::open(store, generation, Limits::default())?;
        for warning in snapshots.warnings() {
            tracing::warn!("{warning}");
        }
        let header = snapshots.load(0, 1)?.header;
        Ok(Self {
            snapshots,
            told: Mutex::default(),
            frontiers: Mutex::default(),
            restored: AtomicUsize::new(0),
            positions: Mutex::new(header.map(|header| header.positions).unwrap_or_default()),
            facts: AtomicU64::new(0),
        })
    }

    /// How far the source has been read for good.
    pub fn positions(&self) -> Positions {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What one worker of so many is to know from before.
    pub(crate) fn load(&self, worker: usize, workers: usize) -> Result<Restored, SnapshotError> {
        self.snapshots.load(worker, workers)
    }

    /// A worker has told all that it loaded, and it is known.
    pub(crate) fn restored(&self) {
        self.restored.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether so many workers have.
    pub fn is_restored(&self, workers: usize) -> bool {
        self.restored.load(Ordering::Acquire) >= workers
    }

    /// Something became known.
    pub(crate) fn tell(&self, told: &Told) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(told.clone().into());
    }

    /// One worker has seen that all outcomes before this epoch are durable.
    pub(crate) fn passed(&self, worker: usize, epoch: Epoch) {
        self.frontiers.lock().unwrap_or_else(PoisonError::into_inner).insert(worker, epoch);
    }

    /// Makes durable what has become known, and how far the source need not be read again.
    ///
    /// # Errors
    /// A store that cannot be written; the run has to stop.
    pub fn commit(&self, feed: &Feed) -> Result<(), SnapshotError> {
        let frontier = self.frontiers.lock().unwrap_or_else(PoisonError::into_inner).values().min().copied();
        let farther = frontier.and_then(|frontier| feed.durable(frontier));
        let facts = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        if farther.is_none() && facts.is_empty() {
            return Ok(());
        }
        let positions = farther.unwrap_or_else(|| self.positions());
        self.snapshots.append(&facts, &positions, (unix_now() * 1000.0) as i64)?;
        self.facts.fetch_add(facts.len() as u64, Ordering::Relaxed);
        feed.committed(&positions);
        *self.positions.lock().unwrap_or_else(PoisonError::into_inner) = positions;
        if self.snapshots.full_is_due() {
            self.snapshots.full(standing())?;
        }
        Ok(())
    }

    /// Seconds since the last commit, and the bytes that all snapshots take.
    pub fn age_and_size(&self) -> (Option<f64>, u64) {
        let age = self.snapshots.age((unix_now() * 1000.0) as i64).map(|age| age as f64 / 1000.0);
        let size = self.snapshots.size().map(|size| size.full_bytes + size.told_bytes + size.body_bytes);
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
    pub(crate) fn start(
        durable: Arc<Durable>,
        feed: Arc<Feed>,
        publisher: Arc<FolderPublisher>,
        workers: usize,
    ) -> Self {
        let (stop, stopped) = bounded::<()>(1);
        let (fail, broken) = bounded(1);
        let keeper = (durable.clone(), feed.clone());
        let thread = std::thread::spawn(move || {
            let (durable, feed) = keeper;
            let mut compared = false;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                // A full snapshot removes what those that still load may need.
                if !durable.is_restored(workers) {
                    continue;
                }
                if let Err(error) = durable.commit(&feed) {
                    // The run looks here until it stops.
                    let _told = fail.send(error).is_ok();
                    return;
                }
                if !compared {
                    compared = true;
                    publisher.compare();
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

    /// Commits for the last time.
    pub(crate) fn finish(self) -> Result<(), SnapshotError> {
        drop(self.stop);
        let panicked = self.thread.join().is_err();
        assert!(!panicked, "the thread that commits does not panic");
        match self.broken.try_recv() {
            Ok(error) => Err(error),
            Err(_) => self.durable.commit(&self.feed),
        }
    }
}
