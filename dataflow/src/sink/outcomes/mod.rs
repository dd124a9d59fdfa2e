//! The outcomes table: one row per (episode, revision), in SQLite, without a server, or in Postgres.
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

mod cell;
mod columns;
mod finite;
mod postgres;
mod query;
mod row;
mod spared;
mod sqlite;

use std::path::Path;
use std::time::Duration;

use hark_operators::record::outcome::Outcome;

use super::{Place, SinkError};
pub use postgres::Database;
pub use query::Which;
pub use spared::Spared;

/// How long to wait for another process that holds a file.
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

/// The outcomes of one output folder, or of one database. Shared by the workers of a process behind an
/// `Arc`; processes may share a database.
pub struct OutcomeTable {
    inside: Inside,
}

/// Which database keeps it. Both know the same five things to do with rows; all else is above them.
enum Inside {
    Sqlite(sqlite::Table),
    Postgres(Box<postgres::Table>),
}

impl OutcomeTable {
    /// Name of the table's file in the output folder.
    pub const FILE: &str = "outcomes.db";

    /// Opens the table of the folder `output`, making both if need be.
    ///
    /// Errors: [`SinkError`], every variant but `Absent`, `Broken` and those of a server.
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
            return Err(SinkError::Absent { place: (*file).into() });
        }
        Self::open_waiting(&file, PATIENCE)
    }

    fn open_waiting(file: &Path, patience: Duration) -> Result<Self, SinkError> {
        Ok(Self { inside: Inside::Sqlite(sqlite::Table::open(file, patience)?) })
    }

    /// Connects to the table of a database, making it if need be.
    ///
    /// Errors: [`SinkError`], every variant but `Absent`, `Broken` and those of a file.
    pub fn connect(database: &Database) -> Result<Self, SinkError> {
        Ok(Self { inside: Inside::Postgres(Box::new(postgres::Table::connect(database, true)?)) })
    }

    /// Connects to the table of an earlier run.
    ///
    /// Errors: as [`Self::connect`], and [`SinkError::Absent`] where there is none.
    pub fn connect_existing(database: &Database) -> Result<Self, SinkError> {
        Ok(Self { inside: Inside::Postgres(Box::new(postgres::Table::connect(database, false)?)) })
    }

    /// Where the table is, without any password.
    pub fn place(&self) -> Place {
        match &self.inside {
            Inside::Sqlite(table) => table.place(),
            Inside::Postgres(table) => table.place(),
        }
    }

    /// Puts an outcome into the open batch, in place of an earlier one of the same episode
    /// revision. Not durable, and not seen by readers, until [`Self::commit`] has returned.
    ///
    /// Errors: `Locked` when another process holds the file (nothing is lost: try again); any other is
    /// final for this table.
    pub fn record(&self, outcome: &Outcome) -> Result<Recorded, SinkError> {
        let row = row::encode(outcome);
        match &self.inside {
            Inside::Sqlite(table) => table.record(row),
            Inside::Postgres(table) => table.record(&outcome.episode, row),
        }
    }

    /// Makes everything recorded so far durable, by whichever worker; how many outcomes that were.
    /// Only now may the capabilities of those episodes be dropped.
    ///
    /// Errors: [`SinkError`]; final for this table.
    pub fn commit(&self) -> Result<u64, SinkError> {
        match &self.inside {
            Inside::Sqlite(table) => table.commit(),
            Inside::Postgres(table) => table.commit(),
        }
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
