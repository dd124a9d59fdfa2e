//! One connection that writes, and its open transaction.

use std::sync::LazyLock;
use std::time::Duration;

use tokio_postgres::Statement;

use super::connection::Connection;
use super::fault::{Trouble, trouble};
use super::{Database, cell, schema};
use crate::sink::Place;
use crate::sink::outcomes::cell::Cell;
use crate::sink::outcomes::{Recorded, columns};

/// How long another process may hold a row that is to be written.
const ROW_HELD: Duration = Duration::from_secs(10);

/// Tells also whether the row is new: the system column `xmax` of a row that took another's place names
/// the transaction that did.
static UPSERT: LazyLock<String> =
    LazyLock::new(|| format!("{} RETURNING xmax = 0", columns::upsert(&["key"], "key, revision")));

pub(super) struct Session {
    connection: Connection,
    upsert: Statement,
    place: Place,
    /// Whether a transaction is open.
    open: bool,
}

impl Session {
    /// Connects to a database whose table is ours.
    pub fn open(database: &Database, make: bool) -> Result<Self, Trouble> {
        let mut connection = database.connect(database.answering())?;
        schema::ensure(&mut connection, database.place(), make)?;
        // The server is to say so before it counts as frozen.
        let held = ROW_HELD.min(database.answering() / 2);
        connection.execute(&format!("SET lock_timeout = {}", held.as_millis()))?;
        let upsert = connection.prepare(&UPSERT)?;
        Ok(Self { connection, upsert, place: database.place().clone(), open: false })
    }

    /// Puts a row into the transaction, which is opened if need be. After an error the session is spent:
    /// a transaction that has failed takes nothing more.
    pub fn record(&mut self, row: &[Cell]) -> Result<Recorded, Trouble> {
        if !self.open {
            self.connection.execute("BEGIN")?;
            self.open = true;
        }
        let written = self.connection.row(&self.upsert, row)?.map(|row| row.try_get(0)).transpose();
        Ok(match written.map_err(|error| trouble(&self.place, &error))? {
            None => Recorded::Unchanged,
            Some(true) => Recorded::New,
            Some(false) => Recorded::Replaced,
        })
    }

    /// Makes the transaction durable.
    pub fn commit(&mut self) -> Result<(), Trouble> {
        self.connection.execute("COMMIT")?;
        self.open = false;
        Ok(())
    }

    /// The rows of a query, what is in the transaction included.
    pub fn query(&mut self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>, Trouble> {
        let rows = self.connection.rows(sql, values)?;
        rows.iter().map(|row| cell::cells(row).map_err(|error| trouble(&self.place, &error))).collect()
    }
}
