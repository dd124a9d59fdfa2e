//! An outcome as a row, and back.

use hark_operators::Fault;
use hark_operators::record::outcome::{Outcome, State};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cell::Cell;
use super::columns::COLUMNS;
use super::finite;

/// Databases' integers are signed: the same 64 bits, so that every revision has its row and those that
/// people write look as they write them.
pub(super) fn revision(revision: u64) -> i64 {
    revision.cast_signed()
}

/// The row of an outcome.
pub(super) fn encode(outcome: &Outcome) -> Vec<Cell> {
    let state = Parts::of(&outcome.state);
    let timings: std::collections::BTreeMap<_, _> =
        outcome.timings.iter().map(|(stage, time)| (stage, finite::time(*time))).collect();
    vec![
        text(&outcome.episode),
        Cell::Integer(revision(outcome.revision)),
        text(&outcome.show),
        text(&outcome.title),
        text(state.name),
        state.fault.map_or(Cell::Null, |fault| text(&fault.stage)),
        state.fault.map_or(Cell::Null, |fault| text(&fault.code)),
        state.fault.map_or(Cell::Null, |fault| text(&fault.message)),
        state.fault.map_or(Cell::Null, |fault| text(&fault.remedy)),
        state.fault.map_or(Cell::Null, |fault| word(&fault.kind)),
        state.fault.map_or(Cell::Null, |fault| json(&fault.chain)),
        state.duplicate.map_or(Cell::Null, |(of, ..)| text(of)),
        state.duplicate.map_or(Cell::Null, |(_, level, ..)| text(level)),
        state.duplicate.map_or(Cell::Null, |(_, _, via, _)| text(via)),
        state.duplicate.map_or(Cell::Null, |(.., similarity)| Cell::Real(finite::number(similarity))),
        state.revised_by.map_or(Cell::Null, |by| Cell::Integer(revision(by))),
        word(&outcome.variant),
        text(&outcome.layout),
        outcome.language.as_deref().map_or(Cell::Null, text),
        outcome.timing.as_ref().map_or(Cell::Null, word),
        Cell::Real(finite::number(outcome.ingested_at)),
        Cell::Real(finite::number(outcome.completed_at)),
        state.selection,
        state.clips,
        json(&timings),
        json(&outcome.models),
        json(&finite::picture(outcome.picture.clone())),
        json(&outcome.survived),
        Cell::Integer(outcome.audio_bytes.cast_signed()),
        outcome.weighed.as_ref().map_or(Cell::Null, json),
        json(&outcome.announcement),
    ]
}

/// What the columns of a [`State`] hold.
struct Parts<'a> {
    name: &'static str,
    fault: Option<&'a Fault>,
    duplicate: Option<(&'a str, &'a str, &'a str, f64)>,
    revised_by: Option<u64>,
    selection: Cell,
    clips: Cell,
}

impl<'a> Parts<'a> {
    fn of(state: &'a State) -> Self {
        let bare = |name| Self {
            name,
            fault: None,
            duplicate: None,
            revised_by: None,
            selection: Cell::Null,
            clips: Cell::Null,
        };
        match state {
            State::Published { selection, clips } => Self {
                selection: json(&finite::selection(selection.clone())),
                clips: json(&clips.iter().cloned().map(finite::clip).collect::<Vec<_>>()),
                ..bare("published")
            },
            State::Duplicate { of, level, via, similarity } => {
                Self { duplicate: Some((of, level, via, *similarity)), ..bare("duplicate") }
            }
            State::Failed { fault } => Self { fault: Some(fault), ..bare("failed") },
            State::TakenDown { revised_by } => Self { revised_by: *revised_by, ..bare("taken_down") },
        }
    }
}

/// The outcome of a row, whose cells are in the order of [`COLUMNS`]. Errors: which column of which
/// episode holds what hark does not write.
pub(super) fn decode(cells: Vec<Cell>) -> Result<Outcome, String> {
    let row = Row(cells);
    Ok(Outcome {
        episode: row.text("episode")?,
        revision: row.integer("revision")?.cast_unsigned(),
        show: row.text("show")?,
        title: row.text("title")?,
        state: row.state()?,
        variant: row.word("variant")?,
        survived: row.json("survived")?,
        language: row.given("language").then(|| row.text("language")).transpose()?,
        timing: row.given("timing").then(|| row.word("timing")).transpose()?,
        models: row.json("models")?,
        layout: row.text("layout")?,
        ingested_at: row.real("ingested_at")?,
        completed_at: row.real("completed_at")?,
        timings: row.json("timings")?,
        picture: row.json("picture")?,
        weighed: row.given("weighed").then(|| row.json("weighed")).transpose()?,
        audio_bytes: row.integer("audio_bytes")?.cast_unsigned(),
        announcement: row.json("announcement")?,
    })
}

struct Row(Vec<Cell>);

impl Row {
    fn state(&self) -> Result<State, String> {
        let revised_by = || self.given("revised_by").then(|| self.integer("revised_by")).transpose();
        Ok(match self.str("state")? {
            "published" => State::Published { selection: self.json("selection")?, clips: self.json("clips")? },
            "duplicate" => State::Duplicate {
                of: self.text("duplicate_of")?,
                level: self.text("duplicate_level")?,
                via: self.text("duplicate_via")?,
                similarity: self.real("similarity")?,
            },
            "failed" => State::Failed {
                fault: Fault {
                    stage: self.text("stage")?,
                    code: self.text("reason")?,
                    message: self.text("message")?,
                    remedy: self.text("remedy")?,
                    kind: self.word("fault_kind")?,
                    chain: self.json("chain")?,
                },
            },
            "taken_down" => State::TakenDown { revised_by: revised_by()?.map(i64::cast_unsigned) },
            other => return Err(self.wrong("state", &format!("{other:?} is none"))),
        })
    }

    fn cell(&self, column: &str) -> &Cell {
        let at = COLUMNS.iter().position(|known| known.name == column);
        at.and_then(|at| self.0.get(at)).unwrap_or(&Cell::Null)
    }

    fn given(&self, column: &str) -> bool {
        *self.cell(column) != Cell::Null
    }

    fn str(&self, column: &str) -> Result<&str, String> {
        match self.cell(column) {
            Cell::Text(text) | Cell::Json(text) => Ok(text),
            other => Err(self.wrong(column, &format!("{other:?} is no text"))),
        }
    }

    fn text<T: for<'a> From<&'a str>>(&self, column: &str) -> Result<T, String> {
        self.str(column).map(T::from)
    }

    fn integer(&self, column: &str) -> Result<i64, String> {
        match self.cell(column) {
            Cell::Integer(number) => Ok(*number),
            other => Err(self.wrong(column, &format!("{other:?} is no whole number"))),
        }
    }

    fn real(&self, column: &str) -> Result<f64, String> {
        match self.cell(column) {
            Cell::Real(number) => Ok(*number),
            other => Err(self.wrong(column, &format!("{other:?} is no number"))),
        }
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, String> {
        serde_json::from_str(self.str(column)?).map_err(|error| self.wrong(column, &error.to_string()))
    }

    fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, String> {
        serde_json::from_value(self.str(column)?.into()).map_err(|error| self.wrong(column, &error.to_string()))
    }

    fn wrong(&self, column: &str, what: &str) -> String {
        match self.cell("episode") {
            Cell::Text(episode) => format!("episode {episode:?}, column {column}: {what}"),
            other => format!("episode {other:?}, column {column}: {what}"),
        }
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn json<T: Serialize>(value: &T) -> Cell {
    Cell::Json(serde_json::to_string(value).expect("records have text keys and plain values"))
}

/// An enumeration's name, as it is written in JSON, without quotes.
fn word<T: Serialize>(value: &T) -> Cell {
    match serde_json::to_value(value).expect("an enumeration is a plain word") {
        serde_json::Value::String(word) => Cell::Text(word),
        other => Cell::Text(other.to_string()),
    }
}
