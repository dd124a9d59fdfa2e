//! The table in a file of SQLite's, without a server.

mod schema;

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql, params_from_iter};

use super::cell::Cell;
use super::query::ORDER;
use super::{Recorded, Which, columns};
use crate::sink::{Place, SinkError};

/// The table of one file.
pub(super) struct Table {
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

static UPSERT: LazyLock<String> = LazyLock::new(|| columns::upsert(&[], "episode, revision"));

impl Table {
    /// Opens `file`, with the table in it; waits for another process that holds it with `patience`.
    pub fn open(file: &Path, patience: Duration) -> Result<Self, SinkError> {
        let connection = schema::open(file, patience)?;
        let writer = Mutex::new(Writer { connection, pending: 0, broken: false });
        Ok(Self { file: file.to_owned(), writer })
    }

    pub fn place(&self) -> Place {
        (*self.file).into()
    }

    pub fn record(&self, row: Vec<Cell>) -> Result<Recorded, SinkError> {
        let mut writer = self.writer();
        writer.usable(&self.file)?;
        if writer.pending == 0 {
            writer.connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| self.named(&error))?;
        }
        writer.pending += 1;
        let recorded = upsert(&writer.connection, row);
        recorded.map_err(|error| writer.fail(&self.file, &error))
    }

    pub fn commit(&self) -> Result<u64, SinkError> {
        let mut writer = self.writer();
        writer.usable(&self.file)?;
        if writer.pending > 0 {
            let committed = writer.connection.execute_batch("COMMIT");
            committed.map_err(|error| writer.fail(&self.file, &error))?;
        }
        Ok(std::mem::take(&mut writer.pending))
    }

    pub fn recorded(&self, which: Which<'_>) -> Result<Vec<Vec<Cell>>, SinkError> {
        let mut rows = Vec::new();
        self.listed(&self.writer().connection, which, &mut |cells| {
            rows.push(cells);
            Ok::<_, SinkError>(())
        })?;
        Ok(rows)
    }

    pub fn visit<E: From<SinkError>>(
        &self,
        which: Which<'_>,
        each: &mut dyn FnMut(Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.listed(&self.reader()?, which, each)
    }

    pub fn sum<T: Default>(&self, sql: &str, mut add: impl FnMut(&mut T, &[Cell])) -> Result<T, SinkError> {
        let mut sum = T::default();
        self.rows(&self.reader()?, sql, Vec::new(), &mut |cells| {
            add(&mut sum, &cells);
            Ok::<_, SinkError>(())
        })?;
        Ok(sum)
    }

    fn listed<E: From<SinkError>>(
        &self,
        connection: &Connection,
        which: Which<'_>,
        each: &mut dyn FnMut(Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (condition, values) = which.condition("episode", |id| Cell::Text(id.to_owned()));
        let sql = format!("SELECT {} FROM outcomes WHERE {condition} ORDER BY {ORDER}", columns::list());
        self.rows(connection, &sql, values, each)
    }

    fn rows<E: From<SinkError>>(
        &self,
        connection: &Connection,
        sql: &str,
        values: Vec<Cell>,
        each: &mut dyn FnMut(Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = connection.prepare_cached(sql).map_err(|error| self.named(&error))?;
        let mut rows = statement.query(params_from_iter(values)).map_err(|error| self.named(&error))?;
        while let Some(row) = rows.next().map_err(|error| self.named(&error))? {
            each(cells(row).map_err(|error| self.named(&error))?)?;
        }
        Ok(())
    }

    fn reader(&self) -> Result<Connection, SinkError> {
        schema::reader(&self.file).map_err(|error| self.named(&error))
    }

    fn named(&self, error: &rusqlite::Error) -> SinkError {
        SinkError::sqlite(&self.file, error)
    }

    /// A worker that panicked leaves the connection as SQLite keeps it: whole rows only.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the disk, as far as the table can tell.
    #[cfg(test)]
    pub fn limit_pages(&self, pages: u32) {
        self.writer().connection.pragma_update(None, "max_page_count", pages).unwrap();
    }
}

impl Writer {
    fn usable(&self, file: &Path) -> Result<(), SinkError> {
        if self.broken {
            return Err(SinkError::Broken { place: file.into(), lost: self.pending });
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

/// Puts a row in, or in place of the one with its key if they differ.
fn upsert(connection: &Connection, row: Vec<Cell>) -> rusqlite::Result<Recorded> {
    let mut known = connection.prepare_cached("SELECT 1 FROM outcomes WHERE episode = $1 AND revision = $2")?;
    let known = known.exists([&row[0], &row[1]])?;
    let changed = connection.prepare_cached(&UPSERT)?.execute(params_from_iter(row))?;
    Ok(match (known, changed) {
        (false, _) => Recorded::New,
        (true, 0) => Recorded::Unchanged,
        (true, _) => Recorded::Replaced,
    })
}

fn cells(row: &Row<'_>) -> rusqlite::Result<Vec<Cell>> {
    let cell = |column| {
        Ok(match row.get_ref(column)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Integer(number),
            ValueRef::Real(number) => Cell::Real(number),
            text => Cell::Text(text.as_str()?.to_owned()),
        })
    };
    (0..row.as_ref().column_count()).map(cell).collect()
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) | Self::Json(text) => ValueRef::Text(text.as_bytes()),
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
        }))
    }
}
