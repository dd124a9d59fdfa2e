//! Results in a file of SQLite's, in the order of their last use.
//!
//! ```text
//! id    1 ──────────────── middle ──────────────── newest
//!       used longest ago                 used last
//! ```
//! There is no clock: what is used again gets a new id and so moves to the end, and what must go is taken
//! from the beginning. Only what lies before the middle is moved, and only once the file is half full: a
//! replay of what was put last writes nothing.
//!
//! SQLite because it is there already (the outcomes table), several processes may share its file, and a
//! killed process leaves whole transactions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior};
use twox_hash::XxHash3_64;

use super::error::CacheError;
use super::results::Key;

/// `PRAGMA application_id`: "harc".
const APPLICATION: i64 = 0x6861_7263;

/// `PRAGMA user_version`: a file of another version is replaced.
const VERSION: i64 = 1;

/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of a page: it holds five embeddings, where one of the usual 4096 holds two and is a quarter empty.
const PAGE: i64 = 8192;

/// Bytes of journal that stay on disk between two commits.
const JOURNAL: i64 = 8_000_000;

/// Shares of the room in percent: above the first, results are removed until the second is reached, so that
/// the file itself never exceeds the whole by what one commit adds.
const FULL: u64 = 90;
const ENOUGH: u64 = 80;

const TABLE: &str =
    "CREATE TABLE results (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL) STRICT";

/// A change of the table.
pub(super) enum Change {
    /// A result, in place of what has its key.
    Put(Key, Vec<u8>),
    /// An entry was used.
    Used(Key),
}

/// The file, open for writing.
pub(super) struct Database(Connection);

/// The file, open for reading, by one lane.
pub(super) struct Reader(Connection);

impl Database {
    /// Opens the file; makes it anew where it is damaged or of another version. The caller is alone in this.
    pub fn open_or_replace(file: &Path) -> Result<Self, CacheError> {
        let named = |error: rusqlite::Error| CacheError::unusable(file, error.to_string());
        match Self::open(file) {
            Ok(Some(database)) => return Ok(database),
            Ok(None) => {}
            Err(error) if is_damage(&error) => {}
            Err(error) => return Err(named(error)),
        }
        if is_foreign(file) {
            return Err(CacheError::Foreign { file: file.to_owned() });
        }
        tracing::warn!(file = %file.display(), "the cache is damaged or of another version, and starts anew");
        Self::replace(file)
    }

    /// Makes the file anew; what was in it is gone. The caller is alone in this.
    pub fn replace(file: &Path) -> Result<Self, CacheError> {
        for end in ["", "-wal", "-shm"] {
            let part = PathBuf::from(format!("{}{end}", file.display()));
            match std::fs::remove_file(&part) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(CacheError::unusable(&part, error.to_string()));
                }
                _ => {}
            }
        }
        let unusable = |cause: String| CacheError::unusable(file, cause);
        let opened = Self::open(file).map_err(|error| unusable(error.to_string()))?;
        opened.ok_or_else(|| unusable("it changes while it is made".to_owned()))
    }

    /// `None` of a file that is not of this version.
    fn open(file: &Path) -> rusqlite::Result<Option<Self>> {
        let mut connection = Connection::open(file)?;
        connection.busy_timeout(PATIENCE)?;
        let is_empty = |connection: &Connection| {
            connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get::<_, bool>(0))
        };
        if is_empty(&connection)? {
            // Before there is anything.
            connection.pragma_update(None, "page_size", PAGE)?;
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        } else if !is_ours(&connection)? {
            return Ok(None);
        }
        // WAL: nobody who reads waits for the one who writes. NORMAL: a power cut may cost the last results.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "journal_size_limit", JOURNAL)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if is_empty(&transaction)? {
            transaction.execute_batch(TABLE)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        Ok(Some(Self(connection)))
    }

    /// Makes all these changes or none.
    pub fn apply(&mut self, changes: &[Change], old: i64) -> rusqlite::Result<()> {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            match change {
                Change::Put(key, value) => transaction
                    .prepare_cached("INSERT OR REPLACE INTO results (key, value) VALUES (?1, ?2)")?
                    .execute((key, sealed(key, value)))?,
                Change::Used(key) => transaction
                    .prepare_cached(
                        "UPDATE results SET id = (SELECT max(id) + 1 FROM results) WHERE key = ?1 AND id < ?2",
                    )?
                    .execute((key, old))?,
            };
        }
        transaction.commit()
    }

    /// Removes what was used longest ago, once results take nearly all of `room` bytes.
    pub fn trim(&mut self, room: u64) -> rusqlite::Result<()> {
        let mut used = self.used()?;
        if used <= room / 100 * FULL {
            return Ok(());
        }
        while used > room / 100 * ENOUGH {
            let count: i64 = self.0.query_row("SELECT count(*) FROM results", [], |row| row.get(0))?;
            let share = 1.0 - (room / 100 * ENOUGH) as f64 / used as f64;
            let gone = (count as f64 * share).ceil() as i64;
            let oldest = "DELETE FROM results WHERE id IN (SELECT id FROM results ORDER BY id LIMIT ?1)";
            if self.0.execute(oldest, [gone])? == 0 {
                break;
            }
            used = self.used()?;
        }
        // Free pages are filled again; only a file that had more room before gives some back.
        let excess = self.bytes()?.saturating_sub(room).div_ceil(self.page()?);
        if excess > 0 {
            let mut vacuum = self.0.prepare(&format!("PRAGMA incremental_vacuum({excess})"))?;
            let mut freed = vacuum.query([])?;
            while freed.next()?.is_some() {}
        }
        Ok(())
    }

    /// Entries before this one count as old; none does while less than half of `room` is taken.
    pub fn middle(&self, room: u64) -> rusqlite::Result<i64> {
        if self.used()? <= room / 2 {
            return Ok(i64::MIN);
        }
        let ends = "SELECT (SELECT min(id) FROM results), (SELECT max(id) FROM results)";
        let (first, last) =
            self.0.query_row(ends, [], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)))?;
        Ok(first.zip(last).map_or(i64::MIN, |(first, last)| first.midpoint(last)))
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> rusqlite::Result<u64> {
        Ok(self.pragma("page_count")? * self.page()?)
    }

    /// Writes the journal into the file, as far as nobody reads from it.
    pub fn checkpoint(&self) -> rusqlite::Result<()> {
        self.0.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// Bytes of it that hold something.
    fn used(&self) -> rusqlite::Result<u64> {
        Ok((self.pragma("page_count")? - self.pragma("freelist_count")?) * self.page()?)
    }

    fn page(&self) -> rusqlite::Result<u64> {
        self.pragma("page_size")
    }

    fn pragma(&self, name: &str) -> rusqlite::Result<u64> {
        self.0.pragma_query_value(None, name, |row| row.get(0).map(i64::unsigned_abs))
    }
}

impl Reader {
    pub fn open(file: &Path) -> rusqlite::Result<Self> {
        // Reading and writing, as the journal's index asks for it; nothing is written.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(PATIENCE)?;
        Ok(Self(connection))
    }

    /// Place and value of an entry that is sound.
    pub fn get(&self, key: &Key) -> rusqlite::Result<Option<(i64, Vec<u8>)>> {
        let mut statement = self.0.prepare_cached("SELECT id, value FROM results WHERE key = ?1")?;
        let found = statement
            .query_row([key], |row| Ok((row.get(0)?, unsealed(key, row.get_ref(1)?.as_blob()?))))
            .optional()?;
        Ok(found.and_then(|(id, value)| Some((id, value?))))
    }
}

/// Whether the file, rather than the world around it, is at fault.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether it is a sound database that another program made.
fn is_foreign(file: &Path) -> bool {
    let opened = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
    opened.and_then(|connection| marks(&connection)).is_ok_and(|(application, _)| application != APPLICATION)
}

/// Whether its table is the one of this version.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let table = "SELECT sql FROM sqlite_schema WHERE name = 'results'";
    let table: Option<String> = connection.query_row(table, [], |row| row.get(0)).optional()?;
    Ok(marks(connection)? == (APPLICATION, VERSION) && table.as_deref() == Some(TABLE))
}

fn marks(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let mark = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((mark("application_id")?, mark("user_version")?))
}

/// The value behind a checksum over key and value.
fn sealed(key: &Key, value: &[u8]) -> Vec<u8> {
    [&check(key, value).to_le_bytes(), value].concat()
}

fn unsealed(key: &Key, sealed: &[u8]) -> Option<Vec<u8>> {
    let (sum, value) = sealed.split_first_chunk::<8>()?;
    (u64::from_le_bytes(*sum) == check(key, value)).then(|| value.to_vec())
}

fn check(key: &Key, value: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(key), value)
}
