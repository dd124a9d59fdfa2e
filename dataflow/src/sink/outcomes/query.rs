//! Reading the table: always in the order of (show, episode, revision), whatever order outcomes
//! came in, and always over a connection of its own, so that a long listing stops no worker.

use std::collections::BTreeMap;

use hark_operators::record::outcome::Outcome;

use super::cell::Cell;
use super::{Inside, OutcomeTable, row};
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
    /// One revision of one episode, and those before it that have not fallen to a later one.
    Standing(&'a str, u64),
    /// Those of an episode after one revision.
    After(&'a str, u64),
}

/// The order of every listing: revisions beyond the signed range are negative in the table, and the
/// greatest.
pub(super) const ORDER: &str = "show, episode, revision < 0, revision";

impl Which<'_> {
    /// As a condition, and the values of its marks. An episode's rows are those whose `column` holds
    /// what `name` makes of its id.
    pub(super) fn condition(self, column: &str, name: impl Fn(&str) -> Cell) -> (String, Vec<Cell>) {
        let state = |state: &str| ("state = $1".to_owned(), vec![Cell::Text(state.to_owned())]);
        let revision = |revision| Cell::Integer(row::revision(revision));
        match self {
            Self::All => ("TRUE".to_owned(), Vec::new()),
            Self::Published => state("published"),
            Self::Duplicates => state("duplicate"),
            Self::Failed => state("failed"),
            Self::TakenDown => state("taken_down"),
            Self::Episode(episode) => (format!("{column} = $1"), vec![name(episode)]),
            Self::Standing(episode, upto) => (
                format!(
                    "{column} = $1 AND (revision = $2 OR (state <> 'taken_down' OR revised_by IS NULL) AND \
                     (revision BETWEEN 0 AND $2 OR $2 < 0 AND (revision >= 0 OR revision < $2)))"
                ),
                vec![name(episode), revision(upto)],
            ),
            Self::After(episode, one) => (
                format!("{column} = $1 AND (revision > $2 AND ($2 >= 0 OR revision < 0) OR $2 >= 0 AND revision < 0)"),
                vec![name(episode), revision(one)],
            ),
            Self::One(episode, one) => (format!("{column} = $1 AND revision = $2"), vec![name(episode), revision(one)]),
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
        mut each: impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        self.commit()?;
        let mut decoded = |cells| each(self.decode(cells)?);
        match &self.inside {
            Inside::Sqlite(table) => table.visit(which, &mut decoded),
            Inside::Postgres(table) => table.visit(which, &mut decoded),
        }
    }

    /// The outcomes asked for as they are recorded, durable or not. Of few: the writer waits meanwhile.
    ///
    /// Errors: [`SinkError`].
    pub fn recorded(&self, which: Which<'_>) -> Result<Vec<Outcome>, SinkError> {
        let rows = match &self.inside {
            Inside::Sqlite(table) => table.recorded(which),
            Inside::Postgres(table) => table.recorded(which),
        };
        rows?.into_iter().map(|cells| self.decode(cells)).collect()
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
        self.sum("SELECT state, count(*) FROM outcomes GROUP BY state", |counts: &mut BTreeMap<_, _>, cells| {
            if let [Cell::Text(state), Cell::Integer(count)] = cells {
                counts.insert(state.clone(), count.cast_unsigned());
            }
        })
    }

    /// Sums up the rows of a query, from anew where its connection was lost; commits what is pending first.
    pub(super) fn sum<T: Default>(&self, sql: &str, add: impl FnMut(&mut T, &[Cell])) -> Result<T, SinkError> {
        self.commit()?;
        match &self.inside {
            Inside::Sqlite(table) => table.sum(sql, add),
            Inside::Postgres(table) => table.sum(sql, add),
        }
    }

    fn decode(&self, cells: Vec<Cell>) -> Result<Outcome, SinkError> {
        row::decode(cells).map_err(|detail| SinkError::Corrupt { place: self.place(), detail })
    }
}
