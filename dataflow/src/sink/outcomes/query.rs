//! Reading the table: always in the order of (show, episode, revision), whatever order outcomes
//! came in, and always over a connection of its own, so that a long listing stops no worker.

use std::collections::BTreeMap;

use hark_operators::record::outcome::Outcome;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{OutcomeTable, row, schema};
use crate::sink::SinkError;

/// Which outcomes to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// All.
    All,
    /// Those with a preview.
    Published,
    /// Those published under another name.
    Duplicates,
    /// Those without a preview, which can be replayed.
    Failed,
    /// Those withdrawn.
    TakenDown,
    /// Every revision of one episode.
    Episode(&'a str),
    /// One revision of one episode.
    One(&'a str, u64),
    /// One revision of one episode and all before it.
    UpTo(&'a str, u64),
}

impl Which<'_> {
    fn condition(self) -> (&'static str, Vec<Value>) {
        let state = |name: &str| ("state = ?1", vec![Value::Text(name.to_owned())]);
        match self {
            Self::All => ("TRUE", Vec::new()),
            Self::Published => state("published"),
            Self::Duplicates => state("duplicate"),
            Self::Failed => state("failed"),
            Self::TakenDown => state("taken_down"),
            Self::Episode(episode) => ("episode = ?1", vec![Value::Text(episode.to_owned())]),
            // Revisions beyond the signed range are negative in the table, and the greatest.
            Self::UpTo(episode, revision) => (
                "episode = ?1 AND (revision BETWEEN 0 AND ?2 OR ?2 < 0 AND (revision >= 0 OR revision <= ?2))",
                vec![Value::Text(episode.to_owned()), Value::Integer(row::revision(revision))],
            ),
            Self::One(episode, revision) => (
                "episode = ?1 AND revision = ?2",
                vec![Value::Text(episode.to_owned()), Value::Integer(row::revision(revision))],
            ),
        }
    }
}

impl OutcomeTable {
    /// Calls `each` with every outcome asked for, in order, one in memory at a time. Commits what
    /// is pending first, so that the reader sees all that was recorded.
    ///
    /// Errors: [`SinkError`], and whatever `each` returns; then the rest is not read.
    pub fn visit<E: From<SinkError>>(
        &self,
        which: Which<'_>,
        each: impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        self.visit_over(&self.reader()?, which, each)
    }

    /// The outcomes asked for as they are recorded, durable or not. Of few: the writer waits meanwhile.
    ///
    /// Errors: [`SinkError`].
    pub fn recorded(&self, which: Which<'_>) -> Result<Vec<Outcome>, SinkError> {
        let mut outcomes = Vec::new();
        self.visit_over(&self.writer().connection, which, |outcome| {
            outcomes.push(outcome);
            Ok::<_, SinkError>(())
        })?;
        Ok(outcomes)
    }

    fn visit_over<E: From<SinkError>>(
        &self,
        reader: &Connection,
        which: Which<'_>,
        mut each: impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        let named = |error: rusqlite::Error| SinkError::sqlite(&self.file, &error);
        let (condition, values) = which.condition();
        // Revisions beyond the signed range are negative in the table, and the greatest.
        let sql = format!(
            "SELECT {} FROM outcomes WHERE {condition} ORDER BY show, episode, revision < 0, revision",
            row::columns(),
        );
        let mut statement = reader.prepare_cached(&sql).map_err(named)?;
        let mut rows = statement.query(params_from_iter(values)).map_err(named)?;
        while let Some(found) = rows.next().map_err(named)? {
            let outcome =
                row::decode(found).map_err(|detail| SinkError::Corrupt { file: self.file.clone(), detail })?;
            each(outcome)?;
        }
        Ok(())
    }

    /// The outcomes asked for, in order.
    ///
    /// Errors: [`SinkError`].
    pub fn read(&self, which: Which<'_>) -> Result<Vec<Outcome>, SinkError> {
        let mut outcomes = Vec::new();
        self.visit(which, |outcome| {
            outcomes.push(outcome);
            Ok::<_, SinkError>(())
        })?;
        Ok(outcomes)
    }

    /// The outcome of one revision of one episode, if it has one yet.
    ///
    /// Errors: [`SinkError`].
    pub fn one(&self, episode: &str, revision: u64) -> Result<Option<Outcome>, SinkError> {
        Ok(self.read(Which::One(episode, revision))?.pop())
    }

    /// How many outcomes are in each state; a state without any is left out.
    ///
    /// Errors: [`SinkError`].
    pub fn counts(&self) -> Result<BTreeMap<String, u64>, SinkError> {
        let reader = self.reader()?;
        let count = |reader: &Connection| {
            let mut statement = reader.prepare("SELECT state, count(*) FROM outcomes GROUP BY state")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
            rows.collect::<rusqlite::Result<_>>()
        };
        count(&reader).map_err(|error| SinkError::sqlite(&self.file, &error))
    }

    pub(super) fn reader(&self) -> Result<Connection, SinkError> {
        self.commit()?;
        schema::reader(&self.file).map_err(|error| SinkError::sqlite(&self.file, &error))
    }
}
