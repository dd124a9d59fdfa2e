//! The table's columns, and who may open it.
//!
//! What a person queries by has a column of its own, the rest are JSON columns; columns that follow
//! from others are generated, so that they cannot disagree. `PRAGMA user_version` holds the version
//! of this schema: any other is refused, never migrated in passing.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::sink::SinkError;

/// Version of the schema below.
pub(super) const VERSION: i64 = 3;
/// `PRAGMA application_id`: "hark" in ASCII.
const APPLICATION: i64 = 0x6861_726b;

/// The columns that are stored, in the order of [`super::row`]; `revision` is an unsigned 64-bit
/// number kept in SQLite's signed one.
const TABLE: &str = "
CREATE TABLE outcomes (
  episode         TEXT NOT NULL,
  revision        INTEGER NOT NULL,
  show            TEXT NOT NULL,
  title           TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('published', 'duplicate', 'failed', 'taken_down')),
  stage           TEXT,            -- of a failure: where
  reason          TEXT,            -- of a failure: stable code, stage.reason
  message         TEXT,            -- of a failure: what happened, to which item
  remedy          TEXT,            -- of a failure: what to do
  fault_kind      TEXT,            -- of a failure: retry or poison
  chain           TEXT,            -- of a failure: JSON array of causes, outermost first
  duplicate_of    TEXT,            -- of a duplicate: the canonical episode
  duplicate_level TEXT,            -- of a duplicate: the rule that tied them
  duplicate_via   TEXT,            -- of a duplicate: the episode that the rule found it alike
  similarity      REAL,            -- of a duplicate: how alike, 0 to 1
  revised_by      INTEGER,         -- of a taken down one: the later revision that stands
  variant         TEXT NOT NULL,   -- full or light
  layout          TEXT NOT NULL,
  language        TEXT,            -- ISO 639-3
  timing          TEXT,            -- words, segments or estimated
  ingested_at     REAL NOT NULL,   -- seconds since 1970 UTC
  completed_at    REAL NOT NULL,   -- seconds since 1970 UTC
  selection       TEXT,            -- JSON: span, transcript, scores, gates
  clips           TEXT,            -- JSON array
  timings         TEXT NOT NULL,   -- JSON: per stage queued and computing, in seconds
  models          TEXT NOT NULL,   -- JSON array: name, version, sha256
  picture         TEXT NOT NULL,   -- JSON: what the result page draws
  survived        TEXT NOT NULL,   -- JSON array of faults with their chains
  audio_bytes     INTEGER NOT NULL, -- of the fetched audio; 0 where none was
  weighed         TEXT,            -- JSON: what the choice rested on, for corrections
  announcement    TEXT NOT NULL,   -- JSON: the episode as announced, for a replay
  preview_latency_seconds REAL GENERATED ALWAYS AS (completed_at - ingested_at) VIRTUAL,
  start_seconds   REAL GENERATED ALWAYS AS (json_extract(selection, '$.span.start')) VIRTUAL,
  end_seconds     REAL GENERATED ALWAYS AS (json_extract(selection, '$.span.end')) VIRTUAL,
  gates           TEXT GENERATED ALWAYS AS (json_extract(selection, '$.gates')) VIRTUAL,
  PRIMARY KEY (episode, revision)
) STRICT;
CREATE INDEX outcomes_in_order ON outcomes (show, episode, revision);
CREATE INDEX outcomes_by_state ON outcomes (state, show, episode, revision);
";

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
        transaction.execute_batch(TABLE).map_err(named)?;
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
        return Err(SinkError::Foreign { file: file.to_owned() });
    }
    let found = pragma(connection, "user_version").map_err(named)?;
    if found != VERSION {
        return Err(SinkError::Schema { file: file.to_owned(), found, known: VERSION });
    }
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
