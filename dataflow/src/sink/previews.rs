//! `previews.jsonl`: what downstream systems read, one line per published preview.
//!
//! Written from the table at the end of a run, whole or not at all, in the order of (show, episode,
//! revision): the same outcomes give the same bytes but for the times. Its JSON Schema is
//! docs/schema/preview.schema.json.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hark_operators::record::finding::Variant;
use hark_operators::record::outcome::{Clip, Gate, ModelUsed, Outcome, State};
use serde::Serialize;
use serde_json::Value;

use super::{OutcomeTable, SinkError, Which, file};

/// Name of the file in the output folder.
pub const FILE: &str = "previews.jsonl";

/// Longest title of a soundbite, in characters, as the Podcasting 2.0 namespace asks.
const SOUNDBITE_TITLE: usize = 128;

/// One line. Fields as in docs/schema/preview.schema.json, in this order.
#[derive(Serialize)]
struct Preview<'a> {
    episode: &'a str,
    revision: u64,
    show: &'a str,
    title: &'a str,
    start_seconds: f64,
    end_seconds: f64,
    transcript: &'a str,
    language: Option<&'a str>,
    variant: Variant,
    scores: &'a BTreeMap<String, f64>,
    gates: &'a BTreeMap<String, Gate>,
    models: &'a [ModelUsed],
    clip: Option<Rendering<'a>>,
    clips: Vec<Rendering<'a>>,
    soundbite: Soundbite,
    #[serde(flatten)]
    times: Option<Times>,
}

/// What differs between two runs of the same work.
#[derive(Serialize)]
struct Times {
    ingested_at: f64,
    completed_at: f64,
    preview_latency_seconds: f64,
}

/// One rendering of the clip: what a consumer needs to fetch and check it.
#[derive(Serialize)]
struct Rendering<'a> {
    uri: &'a str,
    media_type: &'a str,
    bytes: u64,
    sha256: &'a str,
}

/// What a `<podcast:soundbite>` says.
#[derive(Serialize)]
struct Soundbite {
    start_time: f64,
    duration: f64,
    title: String,
}

/// Replaces `previews.jsonl` in the folder `output` by the published outcomes of `table`; its path
/// and how many lines it has.
///
/// Errors: [`SinkError`]; then the old file stays.
pub fn write(table: &OutcomeTable, output: &Path) -> Result<(PathBuf, u64), SinkError> {
    let path = output.join(FILE);
    let mut lines = 0;
    let written = file::replace(&path, output, |out| {
        table.visit(Which::Published, |outcome| {
            if let Some(line) = line(&outcome) {
                lines += 1;
                writeln!(out, "{line}")?;
            }
            Ok::<_, Failure>(())
        })
    });
    match written {
        Ok(()) => Ok((path, lines)),
        Err(Failure::Table(error)) => Err(error),
        Err(Failure::File(error)) => Err(SinkError::io(&path, &error)),
    }
}

/// The line of an outcome, without its end; `None` when no preview was published.
pub fn line(outcome: &Outcome) -> Option<String> {
    text(
        outcome,
        Some(Times {
            ingested_at: outcome.ingested_at,
            completed_at: outcome.completed_at,
            preview_latency_seconds: milliseconds(outcome.completed_at - outcome.ingested_at).max(0.0),
        }),
    )
}

/// The same without times: two runs of the same work give the same bytes.
pub fn value(outcome: &Outcome) -> Option<String> {
    text(outcome, None)
}

fn text(outcome: &Outcome, times: Option<Times>) -> Option<String> {
    let State::Published { selection, clips } = &outcome.state else { return None };
    let mut clips = clips.iter().map(rendering);
    let preview = Preview {
        episode: &outcome.episode,
        revision: outcome.revision,
        show: &outcome.show,
        title: &outcome.title,
        start_seconds: selection.span.start.0,
        end_seconds: selection.span.end.0,
        transcript: &selection.transcript,
        language: outcome.language.as_deref(),
        variant: outcome.variant,
        scores: &selection.scores,
        gates: &selection.gates,
        models: &outcome.models,
        clip: clips.next(),
        clips: clips.collect(),
        soundbite: Soundbite {
            start_time: milliseconds(selection.span.start.0),
            duration: milliseconds(selection.span.length()),
            title: outcome.title.chars().take(SOUNDBITE_TITLE).collect(),
        },
        times,
    };
    Some(serde_json::to_string(&preview).expect("a preview has text keys and plain values"))
}

/// An outcome without what differs between two runs of the same work: when it was taken in and
/// done, how long each stage took, and by which layout. Two runs agree if these are equal.
pub fn stable(outcome: &Outcome) -> Value {
    let mut value = serde_json::to_value(outcome).expect("an outcome has text keys and plain values");
    let fields = value.as_object_mut().expect("an outcome is a record");
    for run in ["ingested_at", "completed_at", "timings", "layout"] {
        fields.remove(run);
    }
    value
}

fn rendering(clip: &Clip) -> Rendering<'_> {
    Rendering { uri: &clip.uri, media_type: &clip.media_type, bytes: clip.bytes, sha256: &clip.sha256 }
}

/// Differences of times carry digits that no clock has.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Which of the two files failed.
enum Failure {
    Table(SinkError),
    File(io::Error),
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self::Table(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

#[cfg(test)]
mod tests;
