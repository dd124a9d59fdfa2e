//! `hark dedupe explain`: which rule tied an episode to which other.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Result, bail};
use hark_dataflow::sink::Which;
use hark_operators::dedupe::verdict::Level;
use hark_operators::likeness::acoustic::{Fingerprinter, Print, Shared, align};
use hark_operators::record::outcome::{Outcome, State};
use hark_operators::units::Seconds;

use crate::cli::ExplainArgs;
use crate::exit::Exit;
use crate::report::listing::plain;
use crate::setting;
use crate::told::tell;

/// Longest id that is shown whole.
const ID: usize = 120;

/// Prints why the episode has no preview of its own, or who are its copies.
pub fn explain(args: &ExplainArgs) -> Result<Exit> {
    let table = args.kept.existing(args.output.as_deref())?;
    let outcomes = table.read(Which::All)?;
    let revisions: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.episode == args.episode).collect();
    if revisions.is_empty() {
        bail!("no episode {} in {}; `hark outcomes` lists those there are", plain(&args.episode, ID), table.place());
    }
    for outcome in revisions {
        tell(&format!("{} revision {}: {}\n", plain(&outcome.episode, ID), outcome.revision, said(&outcome.state)))?;
        if let State::Duplicate { of, .. } = &outcome.state {
            for step in chain(outcome, of, &outcomes) {
                tell(&format!("  {step}\n"))?;
            }
            for span in heard_in_both(outcome, &outcomes) {
                tell(&format!("    {span}\n"))?;
            }
        }
        for copy in copies(&outcome.episode, &outcomes) {
            tell(&format!("  its copy: {copy}\n"))?;
        }
    }
    Ok(Exit::Done)
}

fn said(state: &State) -> String {
    match state {
        State::Published { .. } => "published".to_owned(),
        State::Duplicate { of, .. } => format!("duplicate of {}", plain(of, ID)),
        State::Failed { fault } => format!("failed, {}", fault.code),
        State::TakenDown { revised_by: Some(by) } => format!("taken down, revision {by} took its place"),
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

/// Where an acoustic duplicate and the episode it sounds like are the same. Both are listened to again,
/// so this is told only while their files lie where they were announced.
fn heard_in_both(outcome: &Outcome, outcomes: &[Outcome]) -> Vec<String> {
    let State::Duplicate { level, via, .. } = &outcome.state else { return Vec::new() };
    if level != Level::Acoustic.name() {
        return Vec::new();
    }
    let other = outcomes.iter().filter(|other| other.episode == *via).max_by_key(|other| other.revision);
    let prints = print_of(outcome).zip(other.and_then(print_of));
    let Some(alignment) = prints.and_then(|(one, other)| align(&one, &other).ok()) else {
        return vec!["(where they are the same is not told: the audio is not at hand any more)".to_owned()];
    };
    let line = |shared: &Shared| {
        let (here, there) = (shared.in_a(), shared.in_b());
        format!("{} to {} is {} to {} there", time(here.start), time(here.end), time(there.start), time(there.end))
    };
    alignment.shared.iter().map(line).collect()
}

fn print_of(outcome: &Outcome) -> Option<Print> {
    let audio = Path::new(&outcome.announcement.base).join(outcome.announcement.audio.as_ref()?);
    let decoder = setting::decoder().ok()?;
    let mut fingerprinter = Fingerprinter::new();
    let heard = decoder.decode(&audio, &mut |block| {
        fingerprinter.take(block);
        ControlFlow::Continue(())
    });
    heard.is_ok().then(|| fingerprinter.finish())
}

/// Hours, minutes, seconds and tenths.
fn time(at: Seconds) -> String {
    let tenths = (at.0 * 10.0).round() as u64;
    format!("{}:{:02}:{:02}.{}", tenths / 36_000, tenths / 600 % 60, tenths / 10 % 60, tenths % 10)
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
