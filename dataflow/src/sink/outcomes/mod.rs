//! The outcomes table: one row per (episode, revision), in SQLite, without a server.
//!
//! ```text
//! worker 0 ─ record ─┐
//! worker 1 ─ record ─┼─▶ one connection, one open transaction ─ commit ─▶ durable
//! worker 2 ─ record ─┘                                            └▶ readers see it
//! ```
//!
//! Invariant: what was recorded before a `commit` that returned `Ok` survives a crash, whichever
//! worker recorded it; after a failed write every call fails, so that no later commit can pass for
//! one that covers the lost rows. Recording does not wait for the disk, committing does.

mod finite;
mod query;
mod row;
mod schema;
mod spared;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hark_operators::record::outcome::Outcome;
use rusqlite::Connection;

use super::SinkError;
pub use query::Which;
pub use spared::Spared;

/// How long to wait for another process that holds the table.
const PATIENCE: Duration = Duration::from_secs(5);

/// What recording an outcome changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The first outcome of this episode revision.
    New,
    /// A correction took the place of the outcome that was there.
    Replaced,
    /// The very same outcome was there already.
    Unchanged,
}

/// The outcomes of one output folder. Shared by the workers of a process behind an `Arc`.
pub struct OutcomeTable {
    file: PathBuf,
    writer: Mutex<Writer>,
}

struct Writer {
    connection: Connection,
    /// Outcomes recorded since the last commit; a transaction is open while it is above 0.
    pending: u64,
    /// A write failed: the transaction is gone with all that was pending.
    broken: bool,
}

impl OutcomeTable {
    /// Name of the table's file in the output folder.
    pub const FILE: &str = "outcomes.db";

    /// Opens the table of the folder `output`, making both if need be.
    ///
    /// Errors: [`SinkError`], every variant but `Absent` and `Broken`.
    pub fn open(output: &Path) -> Result<Self, SinkError> {
        std::fs::create_dir_all(output).map_err(|error| SinkError::io(output, &error))?;
        Self::open_waiting(&output.join(Self::FILE), PATIENCE)
    }

    /// Opens the table of an earlier run.
    ///
    /// Errors: as [`Self::open`], and [`SinkError::Absent`] where there is none.
    pub fn existing(output: &Path) -> Result<Self, SinkError> {
        let file = output.join(Self::FILE);
        if !file.exists() {
            return Err(SinkError::Absent { file });
        }
        Self::open_waiting(&file, PATIENCE)
    }

    fn open_waiting(file: &Path, patience: Duration) -> Result<Self, SinkError> {
        let connection = schema::open(file, patience)?;
        let writer = Mutex::new(Writer { connection, pending: 0, broken: false });
        Ok(Self { file: file.to_owned(), writer })
    }

    /// The table's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Puts an outcome into the open batch, in place of an earlier one of the same episode
    /// revision. Not durable, and not seen by readers, until [`Self::commit`] has returned.
    ///
    /// Errors: `Locked` when another process writes (nothing is lost: try again); any other is
    /// final for this table.
    pub fn record(&self, outcome: &Outcome) -> Result<Recorded, SinkError> {
        let row = row::encode(outcome);
        let mut writer = self.writer();
        writer.usable(&self.file)?;
        if writer.pending == 0 {
            let begun = writer.connection.execute_batch("BEGIN IMMEDIATE");
            begun.map_err(|error| SinkError::sqlite(&self.file, &error))?;
        }
        writer.pending += 1;
        let recorded = row::upsert(&writer.connection, row);
        recorded.map_err(|error| writer.fail(&self.file, &error))
    }

    /// Makes everything recorded so far durable, by whichever worker; how many outcomes that were.
    /// Only now may the capabilities of those episodes be dropped.
    ///
    /// Errors: [`SinkError`]; final for this table.
    pub fn commit(&self) -> Result<u64, SinkError> {
        let mut writer = self.writer();
        writer.usable(&self.file)?;
        if writer.pending > 0 {
            let committed = writer.connection.execute_batch("COMMIT");
            committed.map_err(|error| writer.fail(&self.file, &error))?;
        }
        Ok(std::mem::take(&mut writer.pending))
    }

    /// A worker that panicked leaves the connection as SQLite keeps it: whole rows only.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn usable(&self, file: &Path) -> Result<(), SinkError> {
        if self.broken {
            return Err(SinkError::Broken { file: file.to_owned(), lost: self.pending });
        }
        Ok(())
    }

    fn fail(&mut self, file: &Path, error: &rusqlite::Error) -> SinkError {
        self.broken = true;
        // SQLite may have rolled back by itself already; then this says so, and that is fine.
        drop(self.connection.execute_batch("ROLLBACK"));
        SinkError::sqlite(file, error)
    }
}

impl Drop for OutcomeTable {
    /// What is still pending was not acknowledged and would be repeated; committing spares that.
    fn drop(&mut self) {
        if let Err(error) = self.commit() {
            tracing::error!(%error, "outcomes since the last commit are not durable");
        }
    }
}

#[cfg(test)]
mod tests;
