//! A connection whose calls block as workers and lanes do, but for no longer than its patience.
//!
//! A server that is frozen, or whose machine is, acknowledges what is sent to it and never answers: neither
//! the network nor the client tells that from a long query.
//!
//! Invariant: after a call that was not answered in time the connection is spent, as after any other error:
//! the answer may still come.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error, Portal, Row, Socket, Statement, Transaction};

use super::cell;
use super::fault::{Trouble, trouble};
use crate::sink::outcomes::cell::Cell;
use crate::sink::{Place, SinkError};

/// How long saying good-bye may take.
const PARTING: Duration = Duration::from_millis(500);

pub(super) struct Connection {
    /// There until it is dropped.
    client: Option<Client>,
    wire: JoinHandle<Result<(), Error>>,
    waiting: Waiting,
}

/// What blocks, and for how long.
struct Waiting {
    runtime: Runtime,
    place: Place,
    patience: Duration,
}

impl Connection {
    /// Connects within `connecting`; later calls are answered within `patience`.
    pub fn open<T>(
        config: &Config,
        tls: T,
        place: &Place,
        (connecting, patience): (Duration, Duration),
    ) -> Result<Self, Trouble>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            Trouble::Lasting(SinkError::Unreachable { place: place.clone(), cause: error.to_string() })
        })?;
        let mut waiting = Waiting { runtime, place: place.clone(), patience: connecting };
        let (client, wire) = waiting.wait(config.connect(tls))?;
        waiting.patience = patience;
        let wire = waiting.runtime.spawn(wire);
        Ok(Self { client: Some(client), wire, waiting })
    }

    /// Runs statements that answer nothing.
    pub fn execute(&mut self, statements: &str) -> Result<(), Trouble> {
        self.waiting.wait(self.client().batch_execute(statements))
    }

    pub fn prepare(&mut self, statement: &str) -> Result<Statement, Trouble> {
        self.waiting.wait(self.client().prepare(statement))
    }

    /// The row of a prepared statement that answers one at most.
    pub fn row(&mut self, statement: &Statement, values: &[Cell]) -> Result<Option<Row>, Trouble> {
        self.waiting.wait(self.client().query_opt(statement, &cell::values(values)))
    }

    /// The rows of a query.
    pub fn rows(&mut self, sql: &str, values: &[Cell]) -> Result<Vec<Row>, Trouble> {
        self.waiting.wait(self.client().query(sql, &cell::values(values)))
    }

    /// A query that is read page by page, as its rows were when it began.
    pub fn pages(&mut self, sql: &str, values: &[Cell]) -> Result<Pages<'_>, Trouble> {
        let Self { client, waiting, .. } = self;
        let client = client.as_mut().expect(CONNECTED);
        let transaction = waiting.wait(client.build_transaction().read_only(true).start())?;
        let portal = waiting.wait(transaction.bind(sql, &cell::values(values)))?;
        Ok(Pages { transaction, portal, waiting })
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect(CONNECTED)
    }
}

const CONNECTED: &str = "it is connected until it is dropped";

impl Waiting {
    fn wait<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
        // The clock of `timeout` is that of the runtime.
        match self.runtime.block_on(async { timeout(self.patience, answer).await }) {
            Ok(answer) => answer.map_err(|error| trouble(&self.place, &error)),
            Err(_late) => Err(Trouble::Passing(SinkError::Unreachable {
                place: self.place.clone(),
                cause: format!("no answer within {} s", self.patience.as_secs()),
            })),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Without its client the wire ends, and tells the server so.
        drop(self.client.take());
        let wire = &mut self.wire;
        drop(self.waiting.runtime.block_on(async { timeout(PARTING, wire).await }));
    }
}

/// A query that is being read.
pub(super) struct Pages<'c> {
    transaction: Transaction<'c>,
    portal: Portal,
    waiting: &'c Waiting,
}

impl Pages<'_> {
    /// The next rows, so many at most; none at the end.
    pub fn next(&mut self, rows: i32) -> Result<Vec<Row>, Trouble> {
        self.waiting.wait(self.transaction.query_portal(&self.portal, rows))
    }
}
