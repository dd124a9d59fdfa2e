//! What an operator may be.

use hark_operators::Precision;
use hark_operators::stage::Stage;

use super::super::{Layout, OperatorSpec, Routing};
use super::{Flaw, no};

pub(super) fn check(layout: &Layout, operator: &OperatorSpec) -> Result<(), Flaw> {
    place(layout, operator)?;
    numbers(operator)?;
    joins(operator)?;
    routing(operator)?;
    standstill(layout, operator)
}

fn has(operator: &OperatorSpec, such: &[Stage]) -> bool {
    operator.stages.iter().any(|stage| such.contains(stage))
}

/// Where it runs.
fn place(layout: &Layout, operator: &OperatorSpec) -> Result<(), Flaw> {
    if operator.stages.is_empty() {
        return no((operator.line, "stages"), "an operator has no stages", "name at least one, or remove it");
    }
    if operator.on != "worker" && !layout.lanes.contains_key(&operator.on) {
        return no(
            (operator.line, "on"),
            format!("operator {} runs on lanes {}, which do not exist", operator.name(), operator.on),
            "add [lanes.NAME], or use \"worker\"",
        );
    }
    Ok(())
}

/// Its batches and how long they may take.
fn numbers(operator: &OperatorSpec) -> Result<(), Flaw> {
    let name = operator.name();
    let no = |key, problem, remedy| no((operator.line, key), problem, remedy);
    if !(1..=4096).contains(&operator.max_items) {
        return no("max_items", format!("operator {name} has max_items {}", operator.max_items), "give 1 to 4096");
    }
    if operator.max_audio_seconds.is_some_and(|seconds| !(1.0..=1e6).contains(&seconds)) {
        return no(
            "max_audio_seconds",
            format!("operator {name} has max_audio_seconds out of range"),
            "give 1 to 1000000, or leave it out",
        );
    }
    if operator.max_audio_seconds.is_some() && !has(operator, &[Stage::Speech, Stage::Events]) {
        return no(
            "max_audio_seconds",
            format!("operator {name} has max_audio_seconds but takes no audio"),
            "leave it out: speech and events take windows of audio",
        );
    }
    if operator.max_tokens.is_some_and(|tokens| !(1..=10_000_000).contains(&tokens)) {
        return no(
            "max_tokens",
            format!("operator {name} has max_tokens out of range"),
            "give 1 to 10000000, or leave it out",
        );
    }
    if operator.max_tokens.is_some() && !has(operator, &[Stage::Embed]) {
        return no(
            "max_tokens",
            format!("operator {name} has max_tokens but reads no passages"),
            "leave it out: embed reads passages",
        );
    }
    if operator.max_wait_ms > 60_000 || !(1..=86_400).contains(&operator.deadline_seconds) {
        return no(
            "max_wait_ms",
            format!("operator {name} waits too long or not at all"),
            "max_wait_ms up to 60000, deadline_seconds from 1 to 86400",
        );
    }
    if operator.target_ms.is_some_and(|target| !(1..=60_000).contains(&target)) {
        return no(
            "target_ms",
            format!("operator {name} has target_ms out of range"),
            "give 1 to 60000, or leave it out",
        );
    }
    if operator.takes_one_by_one() && (operator.max_wait_ms > 0 || operator.target_ms.is_some()) {
        return no(
            "target_ms",
            format!("operator {name} has max_wait_ms or target_ms, but takes whole episodes one by one"),
            "leave them out: the pieces of one episode fill its batches, and nothing waits for company",
        );
    }
    if operator.precision != Precision::default() && !operator.stages.iter().any(|stage| stage.has_weights()) {
        return no(
            "precision",
            format!("operator {name} has a precision but no model that knows one"),
            "leave `precision` out: speech and embed have it",
        );
    }
    Ok(())
}

/// Which stages share it.
fn joins(operator: &OperatorSpec) -> Result<(), Flaw> {
    let name = operator.name();
    let no = |problem, remedy| no((operator.line, "stages"), problem, remedy);
    if has(operator, &[Stage::Fetch]) && operator.stages.len() > 1 {
        return no(
            format!("operator {name} joins fetch with other stages"),
            "let fetch stand alone: duplicates are dropped right after it",
        );
    }
    let across =
        |seam| operator.stages.iter().any(|stage| *stage < seam) && operator.stages.iter().any(|stage| *stage >= seam);
    if across(Stage::Pieces) {
        return no(
            format!("operator {name} joins stages before and after an episode's audio and transcript meet"),
            "split it between transcript and pieces: what is known already ends there",
        );
    }
    if across(Stage::Transcribe) {
        return no(
            format!("operator {name} joins stages before and after the pieces of an episode are gathered"),
            "split it between embed and transcribe",
        );
    }
    Ok(())
}

/// Whether there is something to route.
fn routing(operator: &OperatorSpec) -> Result<(), Flaw> {
    let name = operator.name();
    let no = |problem, remedy| no((operator.line, "routing"), problem, remedy);
    if !matches!(operator.routing, Routing::LeastBacklog | Routing::ByLength) {
        return Ok(());
    }
    if !operator.takes_pieces() {
        return no(
            format!("operator {name} takes in no pieces that could be routed"),
            "leave `routing` out: whole episodes stay at home",
        );
    }
    if operator.routing == Routing::LeastBacklog && operator.on == "worker" {
        return no(
            format!("operator {name} is routed by backlog, but on the worker's thread nothing waits"),
            "write `routing = \"spread\"`, or put it on lanes",
        );
    }
    Ok(())
}

/// Whether something would wait for what it holds up itself.
fn standstill(layout: &Layout, operator: &OperatorSpec) -> Result<(), Flaw> {
    let name = operator.name();
    let slow = [Stage::Fetch, Stage::Decode, Stage::Pieces, Stage::Transcribe, Stage::Cut];
    if operator.on == "worker" && has(operator, &slow) {
        return no(
            (operator.line, "on"),
            format!("operator {name} waits for the network, a disk or a child process on the worker's thread"),
            "put it on lanes",
        );
    }
    // `pieces` waits while the budget of audio is used up, and only the models free it.
    let frees = |stage: &Stage| [Stage::Speech, Stage::Events].contains(stage) && !operator.stages.contains(stage);
    let starves = |other: &OperatorSpec| other.on == operator.on && other.stages.iter().any(frees);
    if has(operator, &[Stage::Pieces]) && layout.operators.iter().any(starves) {
        return no(
            (operator.line, "on"),
            format!("operator {name} shares its lanes with models that wait for its windows"),
            "give pieces lanes without speech and events, or put the three into one operator",
        );
    }
    Ok(())
}
