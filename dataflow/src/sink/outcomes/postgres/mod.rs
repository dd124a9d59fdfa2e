//! The table in a database of a Postgres server, which several processes may share.
//!
//! ```text
//! record ─▶ pending rows ─▶ open transaction ─ commit ─▶ durable
//!                └── the server went away: a new connection, all of it once more ──┘
//! ```
//!
//! Invariant: rows stay in memory until the server has said that they are durable, so a server that
//! restarts costs a job nothing but the wait. An answer that was lost is asked for by doing the same
//! again: a row that is there already is not written.

mod cell;
mod connection;
mod database;
mod fault;
mod schema;
#[cfg(test)]
pub(super) mod server;
mod session;
mod tls;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use connection::Connection;
pub use database::Database;
use fault::{Trouble, trouble};
use session::Session;

use super::cell::Cell;
use super::query::ORDER;
use super::{Recorded, Which, columns};
use crate::sink::{Place, SinkError};

/// How long a server may be away.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first wait before it is tried again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How long a server may sort millions of rows before the first page of a listing.
const SORTING: Duration = Duration::from_secs(600);
/// Rows of a listing in memory at once.
const PAGE: i32 = 64;

/// The table of one database.
pub(super) struct Table {
    database: Database,
    writer: Mutex<Writer>,
}

struct Writer {
    /// What is pending is in its open transaction. `None` after the connection was lost.
    session: Option<Session>,
    /// Rows recorded since the last commit.
    pending: Vec<Vec<Cell>>,
    /// A write failed for good.
    broken: bool,
}

impl Table {
    /// The table of `database`; makes it, where it is not there, if it is to `make` it. Nothing is tried
    /// twice here: a wrong address is to be told at once.
    pub fn connect(database: &Database, make: bool) -> Result<Self, SinkError> {
        let session = Session::open(database, make)?;
        let writer = Mutex::new(Writer { session: Some(session), pending: Vec::new(), broken: false });
        Ok(Self { database: database.clone(), writer })
    }

    pub fn place(&self) -> Place {
        self.database.place().clone()
    }

    pub fn record(&self, episode: &str, mut row: Vec<Cell>) -> Result<Recorded, SinkError> {
        row.push(key(episode));
        let mut writer = self.writer();
        let recorded = self.persist(&mut writer, |session| session.record(&row));
        // Also where it failed: then it counts among those that are lost.
        if !matches!(recorded, Err(SinkError::Broken { .. })) {
            writer.pending.push(row);
        }
        recorded
    }

    pub fn commit(&self) -> Result<u64, SinkError> {
        let mut writer = self.writer();
        if writer.broken || !writer.pending.is_empty() {
            self.persist(&mut writer, Session::commit)?;
        }
        Ok(std::mem::take(&mut writer.pending).len() as u64)
    }

    pub fn recorded(&self, which: Which<'_>) -> Result<Vec<Vec<Cell>>, SinkError> {
        let (sql, values) = listing(which, None);
        self.persist(&mut self.writer(), |session| session.query(&sql, &values))
    }

    pub fn visit<E: From<SinkError>>(
        &self,
        which: Which<'_>,
        each: &mut dyn FnMut(Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        // Where a connection is lost the next one goes on behind the row that was last.
        let mut last = None;
        let mut retries = Retries::new();
        loop {
            let (sql, values) = listing(which, last.as_ref());
            let read = self.reader().map_err(Stop::Trouble).and_then(|mut connection| {
                self.pages(&mut connection, &sql, &values, &mut |cells: Vec<Cell>| {
                    last = Some([2, 0, 1].map(|column| cells[column].clone()));
                    each(cells)
                })
            });
            match read {
                Ok(()) => return Ok(()),
                Err(Stop::Each(error)) => return Err(error),
                Err(Stop::Trouble(trouble)) => retries.wait(trouble)?,
            }
        }
    }

    pub fn sum<T: Default>(&self, sql: &str, mut add: impl FnMut(&mut T, &[Cell])) -> Result<T, SinkError> {
        let mut retries = Retries::new();
        loop {
            let mut sum = T::default();
            let mut each = |cells: Vec<Cell>| {
                add(&mut sum, &cells);
                Ok::<_, SinkError>(())
            };
            let read = self.reader().map_err(Stop::Trouble);
            match read.and_then(|mut connection| self.pages(&mut connection, sql, &[], &mut each)) {
                Ok(()) => return Ok(sum),
                Err(Stop::Each(error)) => return Err(error),
                Err(Stop::Trouble(trouble)) => retries.wait(trouble)?,
            }
        }
    }

    /// Reads a query page by page, as it was when it began.
    fn pages<E>(
        &self,
        connection: &mut Connection,
        sql: &str,
        values: &[Cell],
        each: &mut dyn FnMut(Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        let named = |error| Stop::Trouble(trouble(self.database.place(), &error));
        let mut pages = connection.pages(sql, values).map_err(Stop::Trouble)?;
        loop {
            let rows = pages.next(PAGE).map_err(Stop::Trouble)?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                each(cell::cells(&row).map_err(named)?).map_err(Stop::Each)?;
            }
        }
    }

    /// Does `work` with what is pending in the open transaction. Where the server is away it waits, and
    /// what is pending is written anew before.
    fn persist<T>(
        &self,
        writer: &mut Writer,
        mut work: impl FnMut(&mut Session) -> Result<T, Trouble>,
    ) -> Result<T, SinkError> {
        if writer.broken {
            return Err(SinkError::Broken { place: self.place(), lost: writer.pending.len() as u64 });
        }
        let mut retries = Retries::new();
        loop {
            let failed = match writer.session(&self.database).and_then(&mut work) {
                Ok(done) => return Ok(done),
                Err(failed) => failed,
            };
            // Its transaction is not what it was, whatever failed.
            writer.session = None;
            if let Err(error) = retries.wait(failed) {
                writer.broken = true;
                return Err(error);
            }
        }
    }

    fn reader(&self) -> Result<Connection, Trouble> {
        self.database.connect(SORTING)
    }

    /// A worker that panicked leaves rows as they were pending, each whole.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn session(&mut self, database: &Database) -> Result<&mut Session, Trouble> {
        if self.session.is_none() {
            let mut session = Session::open(database, false)?;
            for row in &self.pending {
                session.record(row)?;
            }
            self.session = Some(session);
        }
        Ok(self.session.as_mut().expect("it was opened above"))
    }
}

/// Waits between tries, as long as patience lasts.
struct Retries {
    since: Option<Instant>,
    pause: Duration,
}

impl Retries {
    fn new() -> Self {
        Self { since: None, pause: PAUSES.0 }
    }

    /// Waits if another try may help; the error otherwise.
    fn wait(&mut self, trouble: Trouble) -> Result<(), SinkError> {
        let error = match trouble {
            Trouble::Lasting(error) => return Err(error),
            Trouble::Passing(error) => error,
        };
        let since = self.since.get_or_insert_with(|| {
            tracing::warn!(%error, "waiting for the database");
            Instant::now()
        });
        if since.elapsed() + self.pause > PATIENCE {
            return Err(error);
        }
        std::thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(PAUSES.1);
        Ok(())
    }
}

/// Why a listing ended before its end.
enum Stop<E> {
    Each(E),
    Trouble(Trouble),
}

/// The key of an episode's rows, whatever its id is.
fn key(episode: &str) -> Cell {
    Cell::Text(hex::encode(Sha256::digest(episode)))
}

/// Rows in order; those behind the one that has this show, episode and revision.
fn listing(which: Which<'_>, last: Option<&[Cell; 3]>) -> (String, Vec<Cell>) {
    let (mut condition, mut values) = which.condition("key", key);
    if let Some(last) = last {
        let [show, episode, revision] = [1, 2, 3].map(|more| values.len() + more);
        condition = format!(
            "({condition}) AND ({ORDER}) > (${show}, ${episode}, ${revision}::bigint < 0, ${revision}::bigint)"
        );
        values.extend(last.iter().cloned());
    }
    (format!("SELECT {} FROM outcomes WHERE {condition} ORDER BY {ORDER}", columns::list()), values)
}
