//! What models have said before, on this machine's disk: a replay with another ranker asks no model.
//!
//! ```text
//! lane ─ key ─▶ Results ─▶ known
//!                  └─ unknown ─▶ model ─ put ─▶ queue (full: not kept) ─▶ one thread ─▶ SQLite, the
//!                                                                              longest unused goes first
//! ```
//! A key is a digest of all that a result depends on: the stage and the version of its code, the model's
//! weights, the precision, and the content that the model was given. So nothing is ever out of date;
//! what another model or another build would say has another key.
//!
//! Invariant: what is given is what was put under that key, bit for bit. Each value lies with a checksum
//! over key and value, so that whatever befell the file (a killed process, a torn page, another program)
//! costs a computation and nothing else: it is a miss. A file that cannot be read at all is replaced.

mod database;
mod error;
mod keeper;
mod results;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use database::Database;
pub use error::CacheError;
use keeper::{Keeper, Order};
pub use results::{Key, Results};

use crate::stage::Stage;

/// The stages whose results are kept, in order. Levels and music are not: to find their key would cost a
/// tenth of computing them, and three times the room of speech.
pub const STAGES: [Stage; 3] = [Stage::Speech, Stage::Embed, Stage::Transcribe];

/// Results that may wait for the disk: some 6 MB.
const WAITING: usize = 4096;

/// Longest time that the end of a job waits for the disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// Results of models in one folder. All lanes of a process share it, and several processes of one machine
/// may.
pub struct Cache {
    shared: Arc<Shared>,
    orders: Sender<Order>,
    /// Dropped after `orders`, whose end is its own.
    _keeper: Thread,
}

/// A thread that is waited for.
struct Thread(Option<JoinHandle<()>>);

impl Drop for Thread {
    /// Who has dropped the last handle may open the folder, or remove it.
    fn drop(&mut self) {
        if self.0.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!("the thread that writes the cache panicked; please report it");
        }
    }
}

/// How often a stage's results were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Results that were known.
    pub hits: u64,
    /// Results that a model had to give.
    pub misses: u64,
}

/// What lanes and the thread that writes tell each other.
#[derive(Default)]
struct Shared {
    folder: PathBuf,
    /// Counts the files that were found damaged and replaced: who reads opens the new one.
    replaced: AtomicU64,
    bytes: AtomicU64,
    /// Entries before this one are moved to the front when they are used.
    old: AtomicI64,
    /// A result was not kept, which is said once.
    overrun: AtomicBool,
    counted: [Counted; STAGES.len()],
}

#[derive(Default)]
struct Counted {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Cache {
    /// Opens the results in `folder`, which is made if it is not there, and keeps at most `bytes` of them,
    /// with some megabytes of journal beside. The folder lies on a disk of this machine: processes agree
    /// through shared memory.
    ///
    /// # Errors
    /// A folder that cannot be written; a database there that is another program's.
    pub fn open(folder: &Path, bytes: u64) -> Result<Self, CacheError> {
        let unusable = |error: std::io::Error| CacheError::unusable(folder, error.to_string());
        fs::create_dir_all(folder).map_err(unusable)?;
        let shared = Arc::new(Shared { folder: folder.to_owned(), ..Shared::default() });
        let database = {
            let _alone = shared.alone().map_err(unusable)?;
            Database::open_or_replace(&shared.file())?
        };
        let (orders, received) = bounded(WAITING);
        let keeper = Keeper::new(database, received, shared.clone(), bytes);
        let thread =
            std::thread::Builder::new().name("cache".to_owned()).spawn(move || keeper.run()).map_err(unusable)?;
        Ok(Self { shared, orders, _keeper: Thread(Some(thread)) })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Bytes of its file on disk.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// How often results were asked for in this process, by stage.
    pub fn tallies(&self) -> impl Iterator<Item = (Stage, Tally)> {
        STAGES.into_iter().zip(&self.shared.counted).map(|(stage, counted)| {
            let (hits, misses) = (counted.hits.load(Ordering::Relaxed), counted.misses.load(Ordering::Relaxed));
            (stage, Tally { hits, misses })
        })
    }

    /// Waits until all that was put before is on disk; for the end of a job, since a process that ends takes
    /// with it what waits. Gives up on a disk that stands still: a result that is lost is computed again.
    pub fn settle(&self) {
        let (done, told) = bounded(1);
        let settled =
            self.orders.send_timeout(Order::Settle(done), PATIENCE).is_ok() && told.recv_timeout(PATIENCE).is_ok();
        if !settled {
            tracing::warn!(folder = %self.folder().display(), "the last results of models are not in the cache");
        }
    }

    fn order(&self, order: Order) {
        // A lane never waits for this disk.
        if self.orders.try_send(order).is_err() && !self.shared.overrun.swap(true, Ordering::Relaxed) {
            tracing::warn!(folder = %self.folder().display(), "the cache's disk is slower than the models: not every result is kept");
        }
    }

    fn count(&self, stage: Stage, tally: Tally) {
        if let Some(at) = STAGES.iter().position(|known| *known == stage) {
            self.shared.counted[at].hits.fetch_add(tally.hits, Ordering::Relaxed);
            self.shared.counted[at].misses.fetch_add(tally.misses, Ordering::Relaxed);
        }
    }
}

impl Shared {
    fn file(&self) -> PathBuf {
        self.folder.join("hark-cache.db")
    }

    /// Keeps other processes from making or replacing the file, until it is dropped.
    fn alone(&self) -> std::io::Result<File> {
        let lock =
            File::options().create(true).truncate(false).write(true).open(self.folder.join("hark-cache.lock"))?;
        lock.lock()?;
        Ok(lock)
    }
}

#[cfg(test)]
mod tests;
