//! An outcome as a row, and back.

use std::sync::LazyLock;

use hark_operators::Fault;
use hark_operators::record::outcome::{Outcome, State};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Recorded, finite};

/// The stored columns, in the order of [`encode`].
const COLUMNS: [&str; 31] = [
    "episode",
    "revision",
    "show",
    "title",
    "state",
    "stage",
    "reason",
    "message",
    "remedy",
    "fault_kind",
    "chain",
    "duplicate_of",
    "duplicate_level",
    "duplicate_via",
    "similarity",
    "revised_by",
    "variant",
    "layout",
    "language",
    "timing",
    "ingested_at",
    "completed_at",
    "selection",
    "clips",
    "timings",
    "models",
    "picture",
    "survived",
    "audio_bytes",
    "weighed",
    "announcement",
];

/// The stored columns as a list for `SELECT`.
pub(super) fn columns() -> String {
    COLUMNS.join(", ")
}

/// SQLite's integers are signed: the same 64 bits, so that every revision has its row and those
/// that people write look as they write them.
pub(super) fn revision(revision: u64) -> i64 {
    revision.cast_signed()
}

/// Puts a row in, or in place of the one with its key if they differ.
pub(super) fn upsert(connection: &Connection, row: Vec<Value>) -> rusqlite::Result<Recorded> {
    let mut known = connection.prepare_cached("SELECT 1 FROM outcomes WHERE episode = ?1 AND revision = ?2")?;
    let known = known.exists([&row[0], &row[1]])?;
    let changed = connection.prepare_cached(&UPSERT)?.execute(params_from_iter(row))?;
    Ok(match (known, changed) {
        (false, _) => Recorded::New,
        (true, 0) => Recorded::Unchanged,
        (true, _) => Recorded::Replaced,
    })
}

/// Writes nothing where the row is there already.
static UPSERT: LazyLock<String> = LazyLock::new(|| {
    let list = columns();
    let marks = vec!["?"; COLUMNS.len()].join(", ");
    let excluded = COLUMNS.map(|column| format!("excluded.{column}")).join(", ");
    format!(
        "INSERT INTO outcomes ({list}) VALUES ({marks}) \
         ON CONFLICT (episode, revision) DO UPDATE SET ({list}) = ({excluded}) \
         WHERE ({}) IS NOT ({excluded})",
        COLUMNS.map(|column| format!("outcomes.{column}")).join(", "),
    )
});

/// The row of an outcome.
pub(super) fn encode(outcome: &Outcome) -> Vec<Value> {
    let state = Parts::of(&outcome.state);
    let timings: std::collections::BTreeMap<_, _> =
        outcome.timings.iter().map(|(stage, time)| (stage, finite::time(*time))).collect();
    vec![
        text(&outcome.episode),
        Value::Integer(revision(outcome.revision)),
        text(&outcome.show),
        text(&outcome.title),
        text(state.name),
        state.fault.map_or(Value::Null, |fault| text(&fault.stage)),
        state.fault.map_or(Value::Null, |fault| text(&fault.code)),
        state.fault.map_or(Value::Null, |fault| text(&fault.message)),
        state.fault.map_or(Value::Null, |fault| text(&fault.remedy)),
        state.fault.map_or(Value::Null, |fault| word(&fault.kind)),
        state.fault.map_or(Value::Null, |fault| json(&fault.chain)),
        state.duplicate.map_or(Value::Null, |(of, ..)| text(of)),
        state.duplicate.map_or(Value::Null, |(_, level, ..)| text(level)),
        state.duplicate.map_or(Value::Null, |(_, _, via, _)| text(via)),
        state.duplicate.map_or(Value::Null, |(.., similarity)| Value::Real(finite::number(similarity))),
        state.revised_by.map_or(Value::Null, |by| Value::Integer(revision(by))),
        word(&outcome.variant),
        text(&outcome.layout),
        outcome.language.as_deref().map_or(Value::Null, text),
        outcome.timing.as_ref().map_or(Value::Null, word),
        Value::Real(finite::number(outcome.ingested_at)),
        Value::Real(finite::number(outcome.completed_at)),
        state.selection,
        state.clips,
        json(&timings),
        json(&outcome.models),
        json(&finite::picture(outcome.picture.clone())),
        json(&outcome.survived),
        Value::Integer(outcome.audio_bytes.cast_signed()),
        outcome.weighed.as_ref().map_or(Value::Null, json),
        json(&outcome.announcement),
    ]
}

/// What the columns of a [`State`] hold.
struct Parts<'a> {
    name: &'static str,
    fault: Option<&'a Fault>,
    duplicate: Option<(&'a str, &'a str, &'a str, f64)>,
    revised_by: Option<u64>,
    selection: Value,
    clips: Value,
}

impl<'a> Parts<'a> {
    fn of(state: &'a State) -> Self {
        let bare = |name| Self {
            name,
            fault: None,
            duplicate: None,
            revised_by: None,
            selection: Value::Null,
            clips: Value::Null,
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

/// The outcome of a row of [`columns`]. Errors: which column of which episode holds what hark does
/// not write.
pub(super) fn decode(row: &Row<'_>) -> Result<Outcome, String> {
    let episode: String = row.get("episode").map_err(|error| error.to_string())?;
    let cell = Cell { row, episode: &episode };
    Ok(Outcome {
        revision: cell.get::<i64>("revision")?.cast_unsigned(),
        show: cell.get("show")?,
        title: cell.get("title")?,
        state: cell.state()?,
        variant: cell.word("variant")?,
        survived: cell.json("survived")?,
        language: cell.get("language")?,
        timing: if cell.get::<Value>("timing")? == Value::Null { None } else { Some(cell.word("timing")?) },
        models: cell.json("models")?,
        layout: cell.get("layout")?,
        ingested_at: cell.get("ingested_at")?,
        completed_at: cell.get("completed_at")?,
        timings: cell.json("timings")?,
        picture: cell.json("picture")?,
        weighed: if cell.get::<Value>("weighed")? == Value::Null { None } else { Some(cell.json("weighed")?) },
        audio_bytes: cell.get::<i64>("audio_bytes")?.cast_unsigned(),
        announcement: cell.json("announcement")?,
        episode: episode.clone(),
    })
}

struct Cell<'a> {
    row: &'a Row<'a>,
    episode: &'a str,
}

impl Cell<'_> {
    fn state(&self) -> Result<State, String> {
        Ok(match self.get::<String>("state")?.as_str() {
            "published" => State::Published { selection: self.json("selection")?, clips: self.json("clips")? },
            "duplicate" => State::Duplicate {
                of: self.get("duplicate_of")?,
                level: self.get("duplicate_level")?,
                via: self.get("duplicate_via")?,
                similarity: self.get("similarity")?,
            },
            "failed" => State::Failed {
                fault: Fault {
                    stage: self.get("stage")?,
                    code: self.get("reason")?,
                    message: self.get("message")?,
                    remedy: self.get("remedy")?,
                    kind: self.word("fault_kind")?,
                    chain: self.json("chain")?,
                },
            },
            "taken_down" => {
                State::TakenDown { revised_by: self.get::<Option<i64>>("revised_by")?.map(i64::cast_unsigned) }
            }
            other => return Err(self.wrong("state", other)),
        })
    }

    fn get<T: rusqlite::types::FromSql>(&self, column: &str) -> Result<T, String> {
        self.row.get(column).map_err(|error| self.wrong(column, &error.to_string()))
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, String> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| self.wrong(column, &error.to_string()))
    }

    fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, String> {
        let text: String = self.get(column)?;
        serde_json::from_value(text.into()).map_err(|error| self.wrong(column, &error.to_string()))
    }

    fn wrong(&self, column: &str, what: &str) -> String {
        format!("episode {:?}, column {column}: {what}", self.episode)
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn json<T: Serialize>(value: &T) -> Value {
    Value::Text(serde_json::to_string(value).expect("records have text keys and plain values"))
}

/// An enumeration's name, as it is written in JSON, without quotes.
fn word<T: Serialize>(value: &T) -> Value {
    match serde_json::to_value(value).expect("an enumeration is a plain word") {
        serde_json::Value::String(word) => Value::Text(word),
        other => Value::Text(other.to_string()),
    }
}
