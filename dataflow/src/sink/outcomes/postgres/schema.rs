//! The table in Postgres' words, and who may use it: one row of `hark_schema` holds the version.
//!
//! Columns are those of SQLite. Beside them every row has a `key`, the SHA-256 of the episode's id: ids
//! come from outside and may be longer than an index of Postgres can hold. Text sorts by its bytes, as
//! in SQLite and in Rust.

use tokio_postgres::types::FromSqlOwned;

use super::connection::Connection;
use super::fault::{Trouble, trouble};
use crate::sink::outcomes::cell::Cell;
use crate::sink::outcomes::columns::{COLUMNS, Column, Holds, STATES, VERSION};
use crate::sink::{Place, SinkError};

/// Held while the table is made, so that of processes that start together one makes it: "hark".
const LOCK: i64 = 0x6861_726b;

/// What follows from other columns. Stored, because this server has no others.
const REST: &str = r#"
  key text NOT NULL,
  preview_latency_seconds double precision GENERATED ALWAYS AS (completed_at - ingested_at) STORED,
  start_seconds double precision GENERATED ALWAYS AS ((selection::json #>> '{span,start}')::double precision) STORED,
  end_seconds double precision GENERATED ALWAYS AS ((selection::json #>> '{span,end}')::double precision) STORED,
  gates text GENERATED ALWAYS AS ((selection::json -> 'gates')::text) STORED,
  PRIMARY KEY (key, revision)
);
COMMENT ON TABLE outcomes IS 'how episodes ended, one row per episode and revision; written by hark alone';
COMMENT ON COLUMN outcomes.key IS 'SHA-256 of the id as announced';
CREATE INDEX outcomes_by_episode ON outcomes USING hash (episode);
CREATE INDEX outcomes_by_state ON outcomes (state, completed_at);
CREATE TABLE IF NOT EXISTS hark_schema (version bigint NOT NULL);
DELETE FROM hark_schema;
"#;

fn table() -> String {
    let line = |column: &Column| {
        let holds = match column.holds {
            Holds::Text => r#"text COLLATE "C""#,
            Holds::Integer => "bigint",
            Holds::Real => "double precision",
        };
        let always = if column.always { " NOT NULL" } else { "" };
        let check = if column.name == "state" { STATES } else { "" };
        format!("  {} {holds}{always} {check},\n", column.name)
    };
    let comment = |column: &Column| format!("COMMENT ON COLUMN outcomes.{} IS '{}';\n", column.name, column.says);
    let lines: String = COLUMNS.iter().map(line).collect();
    let comments: String = COLUMNS.iter().map(comment).collect();
    format!("CREATE TABLE outcomes (\n{lines}{REST}INSERT INTO hark_schema VALUES ({VERSION});\n{comments}")
}

/// Makes sure that the table is there, makes it if it is to be made, and that it is ours.
pub(super) fn ensure(connection: &mut Connection, place: &Place, make: bool) -> Result<(), Trouble> {
    let mut server = Server { connection, place };
    let encoding: Option<String> = server.value("SHOW server_encoding", &[])?;
    let encoding = encoding.unwrap_or_default();
    if encoding != "UTF8" {
        let cause = format!("its encoding is {encoding}, which cannot hold every title");
        return Err(Trouble::Lasting(SinkError::Database { place: place.clone(), cause }));
    }
    server.connection.execute("BEGIN")?;
    // Looked for first: whoever may only read may not lock or make anything.
    if !server.has("outcomes")? {
        if !make {
            return Err(Trouble::Lasting(SinkError::Absent { place: place.clone() }));
        }
        server.connection.rows("SELECT pg_advisory_xact_lock($1)", &[Cell::Integer(LOCK)])?;
        if !server.has("outcomes")? {
            server.connection.execute(&table())?;
        }
    }
    let found = server.version()?;
    server.connection.execute("COMMIT")?;
    match found {
        Some(VERSION) => Ok(()),
        Some(found) => Err(Trouble::Lasting(SinkError::Schema { place: place.clone(), found, known: VERSION })),
        None => Err(Trouble::Lasting(SinkError::Foreign { place: place.clone() })),
    }
}

/// The server, asked for single values.
struct Server<'a> {
    connection: &'a mut Connection,
    place: &'a Place,
}

impl Server<'_> {
    /// The first value of the first row, if there is a row.
    fn value<T: FromSqlOwned>(&mut self, sql: &str, values: &[Cell]) -> Result<Option<T>, Trouble> {
        let rows = self.connection.rows(sql, values)?;
        let value = rows.first().map(|row| row.try_get(0)).transpose();
        value.map_err(|error| trouble(self.place, &error))
    }

    fn has(&mut self, table: &str) -> Result<bool, Trouble> {
        // Of the catalogue itself: `to_regclass` may remember that there was none.
        let sought = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 AND pg_table_is_visible(oid))";
        Ok(self.value(sought, &[Cell::Text(table.to_owned())])?.unwrap_or(false))
    }

    fn version(&mut self) -> Result<Option<i64>, Trouble> {
        if !self.has("hark_schema")? {
            return Ok(None);
        }
        self.value("SELECT version FROM hark_schema", &[])
    }
}
