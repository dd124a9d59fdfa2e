//! One connection that writes, and its open transaction.

use std::sync::LazyLock;
use std::time::Duration;

use postgres::{Client, Error, Statement};

use super::cell;
use super::fault::{Trouble, trouble};
use super::{Database, schema};
use crate::sink::outcomes::cell::Cell;
use crate::sink::outcomes::{Recorded, columns};

/// How long another process may hold a row that is to be written.
const ROW_HELD: Duration = Duration::from_secs(10);

/// Tells also whether the row is new: the system column `xmax` of a row that took another's place names
/// the transaction that did.
static UPSERT: LazyLock<String> =
    LazyLock::new(|| format!("{} RETURNING xmax = 0", columns::upsert(&["key"], "key, revision")));

pub(super) struct Session {
    client: Client,
    upsert: Statement,
    /// Whether a transaction is open.
    open: bool,
}

impl Session {
    /// Connects to a database whose table is ours.
    pub fn open(database: &Database, make: bool) -> Result<Self, Trouble> {
        let mut client = database.connect()?;
        schema::ensure(&mut client, database.place(), make)?;
        let named = |error: Error| trouble(database.place(), &error);
        client.batch_execute(&format!("SET lock_timeout = {}", ROW_HELD.as_millis())).map_err(named)?;
        let upsert = client.prepare(&UPSERT).map_err(named)?;
        Ok(Self { client, upsert, open: false })
    }

    /// Puts a row into the transaction, which is opened if need be. After an error the session is spent:
    /// a transaction that has failed takes nothing more.
    pub fn record(&mut self, row: &[Cell]) -> Result<Recorded, Error> {
        if !self.open {
            self.client.batch_execute("BEGIN")?;
            self.open = true;
        }
        Ok(match self.client.query_opt(&self.upsert, &cell::values(row))? {
            None => Recorded::Unchanged,
            Some(row) if row.try_get(0)? => Recorded::New,
            Some(_) => Recorded::Replaced,
        })
    }

    /// Makes the transaction durable.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.client.batch_execute("COMMIT")?;
        self.open = false;
        Ok(())
    }

    /// The rows of a query, what is in the transaction included.
    pub fn query(&mut self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>, Error> {
        let rows = self.client.query(sql, &cell::values(values))?;
        rows.iter().map(cell::cells).collect()
    }
}
