//! `hark dedupe explain`: which rule tied an episode to which other.

use std::collections::HashSet;
use std::process::ExitCode;

use anyhow::{Result, bail};
use hark_dataflow::sink::{OutcomeTable, Which};
use hark_operators::record::outcome::{Outcome, State};

use crate::cli::ExplainArgs;
use crate::report::listing::plain;

/// Longest id that is shown whole.
const ID: usize = 120;

/// Prints why the episode has no preview of its own, or who are its copies.
pub fn explain(args: &ExplainArgs) -> Result<ExitCode> {
    let table = OutcomeTable::existing(&args.output)?;
    let outcomes = table.read(Which::All)?;
    let revisions: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.episode == args.episode).collect();
    if revisions.is_empty() {
        bail!(
            "no episode {} in {}; `hark outcomes --output {}` lists those there are",
            plain(&args.episode, ID),
            args.output.display(),
            args.output.display()
        );
    }
    for outcome in revisions {
        println!("{} revision {}: {}", plain(&outcome.episode, ID), outcome.revision, said(&outcome.state));
        if let State::Duplicate { of, .. } = &outcome.state {
            for step in chain(outcome, of, &outcomes) {
                println!("  {step}");
            }
        }
        for copy in copies(&outcome.episode, &outcomes) {
            println!("  its copy: {copy}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn said(state: &State) -> String {
    match state {
        State::Published { .. } => "published".to_owned(),
        State::Duplicate { of, .. } => format!("duplicate of {}", plain(of, ID)),
        State::Failed { fault } => format!("failed, {}", fault.code),
        State::TakenDown { revised_by: Some(by) } => format!("taken down, revision {by} stands instead"),
        State::TakenDown { revised_by: None } => "taken down by its source".to_owned(),
    }
}

/// The ties from a duplicate on, until the canonical or as far as they are known.
fn chain(from: &Outcome, canonical: &str, outcomes: &[Outcome]) -> Vec<String> {
    let mut steps = Vec::new();
    let mut seen = HashSet::new();
    let mut at = Some(from);
    while let Some(outcome) = at.filter(|outcome| seen.insert(&outcome.episode)) {
        let State::Duplicate { level, via, similarity, .. } = &outcome.state else { break };
        steps.push(tie(&outcome.episode, level, *similarity, via));
        at = outcomes
            .iter()
            .filter(|other| other.episode == *via && *via != canonical)
            .max_by_key(|other| other.revision);
    }
    if let (State::Duplicate { via, .. }, true) = (&from.state, !steps.is_empty())
        && via != canonical
    {
        steps.push(format!("and so, through its copies, is one with {}", plain(canonical, ID)));
    }
    steps
}

/// The duplicates that an episode stands for.
fn copies(canonical: &str, outcomes: &[Outcome]) -> Vec<String> {
    let tied = |outcome: &Outcome| match &outcome.state {
        State::Duplicate { of, level, via, similarity } if of == canonical => {
            Some(tie(&outcome.episode, level, *similarity, via))
        }
        _ => None,
    };
    outcomes.iter().filter_map(tied).collect()
}

fn tie(episode: &str, level: &str, similarity: f64, to: &str) -> String {
    let rule = match level {
        "enclosure" => "has the same enclosure address as".to_owned(),
        "digest" => "has the same bytes as".to_owned(),
        "acoustic" => format!("sounds like {:.1} % of", similarity * 100.0),
        "transcript" => format!("has {:.1} % of the words of", similarity * 100.0),
        other => format!("is tied by {} to", plain(other, 40)),
    };
    format!("{} {rule} {}", plain(episode, ID), plain(to, ID))
}
