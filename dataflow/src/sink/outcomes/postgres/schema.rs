//! The table in Postgres' words, and who may use it: one row of `hark_schema` holds the version.
//!
//! Columns are those of SQLite. Beside them every row has a `key`, the SHA-256 of the episode's id: ids
//! come from outside and may be longer than an index of Postgres can hold. Text sorts by its bytes, as
//! in SQLite and in Rust.

use postgres::{Client, Transaction};

use super::fault::{Trouble, trouble};
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
pub(super) fn ensure(client: &mut Client, place: &Place, make: bool) -> Result<(), Trouble> {
    let named = |error: postgres::Error| trouble(place, &error);
    let encoding: String = client.query_one("SHOW server_encoding", &[]).map_err(named)?.get(0);
    if encoding != "UTF8" {
        let cause = format!("its encoding is {encoding}, which cannot hold every title");
        return Err(Trouble::Lasting(SinkError::Database { place: place.clone(), cause }));
    }
    let mut transaction = client.transaction().map_err(named)?;
    // Looked for first: whoever may only read may not lock or make anything.
    if !exists(&mut transaction, "outcomes").map_err(named)? {
        if !make {
            return Err(Trouble::Lasting(SinkError::Absent { place: place.clone() }));
        }
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).map_err(named)?;
        if !exists(&mut transaction, "outcomes").map_err(named)? {
            transaction.batch_execute(&table()).map_err(named)?;
        }
    }
    let found = version(&mut transaction).map_err(named)?;
    transaction.commit().map_err(named)?;
    match found {
        Some(VERSION) => Ok(()),
        Some(found) => Err(Trouble::Lasting(SinkError::Schema { place: place.clone(), found, known: VERSION })),
        None => Err(Trouble::Lasting(SinkError::Foreign { place: place.clone() })),
    }
}

fn exists(transaction: &mut Transaction<'_>, table: &str) -> Result<bool, postgres::Error> {
    // Of the catalogue itself: `to_regclass` may remember that there was none.
    let sought = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 AND pg_table_is_visible(oid))";
    transaction.query_one(sought, &[&table])?.try_get(0)
}

fn version(transaction: &mut Transaction<'_>) -> Result<Option<i64>, postgres::Error> {
    if !exists(transaction, "hark_schema")? {
        return Ok(None);
    }
    transaction.query_opt("SELECT version FROM hark_schema", &[])?.map(|row| row.try_get(0)).transpose()
}
