//! The table in SQLite's words, and who may open it: `PRAGMA user_version` holds the version of the
//! schema.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::sink::SinkError;
use crate::sink::outcomes::columns::{COLUMNS, Column, Holds, STATES, VERSION};

/// `PRAGMA application_id`: "hark" in ASCII.
const APPLICATION: i64 = 0x6861_726b;

/// What follows from other columns, and how rows are found.
const REST: &str = "
  preview_latency_seconds REAL GENERATED ALWAYS AS (completed_at - ingested_at) VIRTUAL,
  start_seconds REAL GENERATED ALWAYS AS (json_extract(selection, '$.span.start')) VIRTUAL,
  end_seconds REAL GENERATED ALWAYS AS (json_extract(selection, '$.span.end')) VIRTUAL,
  gates TEXT GENERATED ALWAYS AS (json_extract(selection, '$.gates')) VIRTUAL,
  PRIMARY KEY (episode, revision)
) STRICT;
CREATE INDEX outcomes_in_order ON outcomes (show, episode, revision);
CREATE INDEX outcomes_by_state ON outcomes (state, show, episode, revision);
";

/// The statements that make the table; what a person should know of a column stays beside it.
fn table() -> String {
    let line = |column: &Column| {
        let holds = match column.holds {
            Holds::Text => "TEXT",
            Holds::Integer => "INTEGER",
            Holds::Real => "REAL",
        };
        let always = if column.always { " NOT NULL" } else { "" };
        let check = if column.name == "state" { STATES } else { "" };
        format!("  {} {holds}{always} {check}, -- {}\n", column.name, column.says)
    };
    let lines: String = COLUMNS.iter().map(line).collect();
    format!("CREATE TABLE outcomes (\n{lines}{REST}")
}

/// Opens `file` for writing, with the table in it.
pub(super) fn open(file: &Path, patience: Duration) -> Result<Connection, SinkError> {
    let named = |error: rusqlite::Error| SinkError::sqlite(file, &error);
    let mut connection = Connection::open(file).map_err(named)?;
    connection.busy_timeout(patience).map_err(named)?;
    // Before anything is changed, lest a foreign database be turned into a WAL one.
    if !is_empty(&connection).map_err(named)? {
        check(&connection, file)?;
    }
    // WAL: readers do not stop the writer. FULL: a commit that returned has reached the disk.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(named)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(named)?;

    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(named)?;
    if is_empty(&transaction).map_err(named)? {
        transaction.execute_batch(&table()).map_err(named)?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(named)?;
        transaction.pragma_update(None, "user_version", VERSION).map_err(named)?;
    }
    transaction.commit().map_err(named)?;
    check(&connection, file)?;
    Ok(connection)
}

/// Opens `file`, which [`open`] has opened before, for reading what is committed.
pub(super) fn reader(file: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(objects == 0 && pragma(connection, "user_version")? == 0)
}

fn check(connection: &Connection, file: &Path) -> Result<(), SinkError> {
    let named = |error: rusqlite::Error| SinkError::sqlite(file, &error);
    if pragma(connection, "application_id").map_err(named)? != APPLICATION {
        return Err(SinkError::Foreign { place: file.into() });
    }
    let found = pragma(connection, "user_version").map_err(named)?;
    if found != VERSION {
        return Err(SinkError::Schema { place: file.into(), found, known: VERSION });
    }
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
