//! The one thread that writes: many results with one commit, and what is too much goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::Shared;
use super::database::{Change, Database, is_damage};

/// Most changes of one commit.
const MOST: usize = 1024;

/// How long a change waits for others to share its commit.
const LINGER: Duration = Duration::from_millis(50);

/// What is asked of the thread.
pub(super) enum Order {
    Change(Change),
    /// The file that was opened after so many others were replaced is damaged: who reads has met it.
    Damaged(u64),
    /// Say when all before this is on disk.
    Settle(Sender<()>),
}

pub(super) struct Keeper {
    /// `None` once there is none that can be written.
    database: Option<Database>,
    orders: Receiver<Order>,
    shared: Arc<Shared>,
    /// Bytes that results may take.
    room: u64,
    /// That results are not kept was said.
    warned: bool,
}

impl Keeper {
    pub fn new(database: Database, orders: Receiver<Order>, shared: Arc<Shared>, room: u64) -> Self {
        Self { database: Some(database), orders, shared, room, warned: false }
    }

    /// Until nobody can ask for anything any more.
    pub fn run(mut self) {
        // What an earlier run left may be more than there is room for now.
        self.write(&[]);
        while let Some((changes, last)) = self.gather() {
            // Changes are kept in the new file, not lost with the old one.
            if matches!(last, Some(Order::Damaged(of)) if of == self.shared.replaced.load(Ordering::Acquire)) {
                self.replace();
            }
            self.write(&changes);
            if let Some(Order::Settle(done)) = last {
                if let Some(database) = &self.database {
                    // The journal may be in use; then it is written by a later commit.
                    let _checkpointed = database.checkpoint().is_ok();
                }
                // Who asked may have lost patience.
                let _told = done.send(()).is_ok();
            }
        }
    }

    /// Changes for one commit, and what was asked after them.
    fn gather(&self) -> Option<(Vec<Change>, Option<Order>)> {
        let mut next = Some(self.orders.recv().ok()?);
        let until = Instant::now() + LINGER;
        let mut changes = Vec::new();
        while let Some(order) = next {
            match order {
                Order::Change(change) => changes.push(change),
                other => return Some((changes, Some(other))),
            }
            next = if changes.len() < MOST { self.orders.recv_deadline(until).ok() } else { None };
        }
        Some((changes, None))
    }

    fn write(&mut self, changes: &[Change]) {
        let Some(database) = &mut self.database else { return };
        match commit(database, changes, &self.shared, self.room) {
            Ok(()) => {}
            Err(error) if is_damage(&error) => self.replace(),
            // A full disk, another process that holds the file for long: these results are not kept.
            Err(error) => self.warn(&error.to_string()),
        }
    }

    fn replace(&mut self) {
        self.warn("its file is damaged and is made anew");
        self.database = None; // closed before its file goes
        let anew = self
            .shared
            .alone()
            .map_err(|error| error.to_string())
            .and_then(|_alone| Database::replace(&self.shared.file()).map_err(|error| error.to_string()));
        match anew {
            Ok(database) => {
                self.database = Some(database);
                self.shared.replaced.fetch_add(1, Ordering::Release);
            }
            Err(error) => tracing::warn!(error, "from now on no results of models are kept"),
        }
    }

    fn warn(&mut self, error: &str) {
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(folder = %self.shared.folder.display(), error, "results of models are not all kept in the cache");
        }
    }
}

fn commit(database: &mut Database, changes: &[Change], shared: &Shared, room: u64) -> rusqlite::Result<()> {
    if !changes.is_empty() {
        database.apply(changes, shared.old.load(Ordering::Relaxed))?;
    }
    database.trim(room)?;
    shared.old.store(database.middle(room)?, Ordering::Relaxed);
    shared.bytes.store(database.bytes()?, Ordering::Relaxed);
    Ok(())
}
