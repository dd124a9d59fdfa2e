//! An outcome as a message: small, without times, so that a repeat has the same bytes.

use hark_operators::record::finding::Variant;
use hark_operators::record::outcome::{Outcome, State};
use serde::Serialize;

/// The fields are those of `hark outcomes --json` and a few more; what does not apply is null.
#[derive(Serialize)]
struct Told<'a> {
    episode: &'a str,
    revision: u64,
    show: &'a str,
    state: &'static str,
    variant: Variant,
    stage: Option<&'a str>,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    remedy: Option<&'a str>,
    duplicate_of: Option<&'a str>,
    similarity: Option<f64>,
    revised_by: Option<u64>,
}

/// The value of an outcome's message.
pub(super) fn value(outcome: &Outcome) -> Vec<u8> {
    let bare = Told {
        episode: &outcome.episode,
        revision: outcome.revision,
        show: &outcome.show,
        state: "published",
        variant: outcome.variant,
        stage: None,
        reason: None,
        message: None,
        remedy: None,
        duplicate_of: None,
        similarity: None,
        revised_by: None,
    };
    let told = match &outcome.state {
        State::Published { .. } => bare,
        State::TakenDown { revised_by } => Told { state: "taken_down", revised_by: *revised_by, ..bare },
        State::Duplicate { of, level, via: _, similarity } => Told {
            state: "duplicate",
            reason: Some(level),
            duplicate_of: Some(of),
            similarity: Some(*similarity),
            ..bare
        },
        State::Failed { fault } => Told {
            state: "failed",
            stage: Some(&fault.stage),
            reason: Some(&fault.code),
            message: Some(&fault.message),
            remedy: Some(&fault.remedy),
            ..bare
        },
    };
    serde_json::to_vec(&told).expect("an outcome has text keys and plain values")
}
