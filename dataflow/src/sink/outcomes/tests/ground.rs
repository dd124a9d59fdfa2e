//! Somewhere that tables are kept, for one test.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use rusqlite::Connection;

use super::super::postgres::server::Server;
use super::super::{Database, OutcomeTable};
use crate::sink::SinkError;

/// A folder for SQLite, or a database of Postgres.
pub(super) enum Ground {
    Sqlite(tempfile::TempDir),
    Postgres { server: Arc<Server>, database: String },
}

impl Ground {
    pub fn sqlite() -> Option<Self> {
        Some(Self::Sqlite(tempfile::tempdir().unwrap()))
    }

    /// A database of the server that tests share while any of them runs.
    pub fn postgres() -> Option<Self> {
        static SHARED: Mutex<(Weak<Server>, u32)> = Mutex::new((Weak::new(), 0));
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let server = match shared.0.upgrade() {
            Some(server) => server,
            None => Arc::new(Server::start("the outcomes table in Postgres")?),
        };
        shared.0 = Arc::downgrade(&server);
        shared.1 += 1;
        let database = format!("claim{}", shared.1);
        server.sql("postgres", &format!("CREATE DATABASE {database}"));
        Some(Self::Postgres { server, database })
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    pub fn open(&self) -> Result<OutcomeTable, SinkError> {
        match self {
            Self::Sqlite(folder) => OutcomeTable::open(folder.path()),
            Self::Postgres { .. } => OutcomeTable::connect(&self.database()),
        }
    }

    pub fn table(&self) -> OutcomeTable {
        self.open().unwrap()
    }

    pub fn existing(&self) -> Result<OutcomeTable, SinkError> {
        match self {
            Self::Sqlite(folder) => OutcomeTable::existing(folder.path()),
            Self::Postgres { .. } => OutcomeTable::connect_existing(&self.database()),
        }
    }

    pub fn database(&self) -> Database {
        let Self::Postgres { server, database } = self else { unreachable!("only where there is a server") };
        server.address(database).parse().unwrap()
    }

    /// The table as another process finds it when this one has died.
    pub fn after_a_crash(&self) -> (OutcomeTable, Option<tempfile::TempDir>) {
        let Self::Sqlite(folder) = self else { return (self.existing().unwrap(), None) };
        // The files as they lie on disk, without the process that wrote them.
        let after = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "db-shm") {
                std::fs::copy(&path, after.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        (OutcomeTable::existing(after.path()).unwrap(), Some(after))
    }

    /// What a person is answered who asks the database itself.
    pub fn answer(&self, sql: &str) -> String {
        match self {
            Self::Sqlite(_) => self.shell().query_row(sql, [], |row| row.get(0)).unwrap(),
            Self::Postgres { server, database } => server.sql(database, sql),
        }
    }

    /// Statements of a person who meddles.
    pub fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => self.shell().execute_batch(sql).unwrap(),
            Self::Postgres { server, database } => drop(server.sql(database, sql)),
        }
    }

    fn shell(&self) -> Connection {
        let Self::Sqlite(folder) = self else { unreachable!("only SQLite is a file") };
        Connection::open(folder.path().join(OutcomeTable::FILE)).unwrap()
    }
}
