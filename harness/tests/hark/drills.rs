//! Models that break while the job runs: what becomes of the episodes.

use std::path::{Path, PathBuf};

use hark_dataflow::sink::{OutcomeTable, Which};
use hark_operators::record::finding::Variant;
use hark_operators::record::outcome::{Outcome, State};
use serde_json::Value;

use crate::command::{batch, hark, path, root, write_episodes};

/// Two of the examples, each with its transcript.
fn two_episodes(folder: &Path) -> PathBuf {
    let examples = root().join("examples");
    let text = std::fs::read_to_string(examples.join("episodes.jsonl")).expect("it is committed");
    let mut episodes: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON Lines")).collect();
    episodes.retain(|episode| [KEPT, STRUCK].contains(&episode["id"].as_str().unwrap_or_default()));
    assert_eq!(episodes.len(), 2);
    for episode in &mut episodes {
        for uri in ["/audio", "/transcript/uri"] {
            let uri = episode.pointer_mut(uri).expect("both have both");
            let name = uri.as_str().expect("a path").to_owned();
            std::fs::copy(examples.join(&name), folder.join(name.replace('/', "-"))).expect("a new folder");
            *uri = name.replace('/', "-").into();
        }
    }
    let input = folder.join("episodes.jsonl");
    write_episodes(&input, episodes);
    input
}

const KEPT: &str = "small-wonders-1";
const STRUCK: &str = "small-wonders-2";

/// How the two ended with a drill and a layout that gives a hanging embedder up after ten seconds.
fn drilled(drill: &str) -> Vec<Outcome> {
    drilled_in("split", &hasty("[\"embed\"]"), drill)
}

/// What of a layout to put another text for: the operator of these stages gives up what hangs after ten seconds.
fn hasty(stages: &str) -> [String; 2] {
    let stages = format!("stages = {stages}");
    let hasty = format!("{stages}\ndeadline_seconds = 10");
    [stages, hasty]
}

/// How the two ended with a drill and a shipped layout in which one text stands for another.
fn drilled_in(layout: &str, [from, to]: &[String; 2], drill: &str) -> Vec<Outcome> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = two_episodes(folder.path());
    let shipped = root().join("dataflow/layouts").join(format!("{layout}.toml"));
    let shipped = std::fs::read_to_string(shipped).expect("it is committed");
    let changed = shipped.replace(from.as_str(), to);
    assert_ne!(shipped, changed);
    let layout = folder.path().join("changed.toml");
    std::fs::write(&layout, changed).expect("the folder is writable");
    let output = folder.path().join("out");
    let (ran, _) =
        batch(&input, &output, &["--accept-gates", "--workers", "2", "--layout", path(&layout), "--drill", drill]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut ends = OutcomeTable::existing(&output).and_then(|table| table.read(Which::All)).expect("it is readable");
    ends.sort_by(|a, b| a.episode.cmp(&b.episode));
    assert!(ends.iter().all(|end| matches!(end.state, State::Published { .. })), "{:?}", told(&ends));
    ends
}

fn variants(ends: &[Outcome]) -> Vec<(&str, Variant)> {
    ends.iter().map(|end| (end.episode.as_str(), end.variant)).collect()
}

#[test]
fn a_model_that_fails_leaves_every_episode_the_light_way() {
    let ends = drilled("embed=fail");
    assert_eq!(variants(&ends), [(KEPT, Variant::Light), (STRUCK, Variant::Light)]);
    for end in &ends {
        let told = end.survived.iter().any(|fault| fault.code == "embed.drill");
        assert!(told, "the outcome tells what was survived: {:?}", end.survived);
    }
}

#[test]
fn a_device_too_small_for_its_batches_changes_nobodys_outcome() {
    let ends = drilled("embed=exhaust");
    assert_eq!(variants(&ends), [(KEPT, Variant::Full), (STRUCK, Variant::Full)]);
    assert!(ends.iter().all(|end| end.survived.is_empty()), "{:?}", told(&ends));
}

#[test]
fn a_device_that_fails_lets_its_model_rest_and_every_episode_goes_the_light_way() {
    let ends = drilled("embed=break");
    assert_eq!(variants(&ends), [(KEPT, Variant::Light), (STRUCK, Variant::Light)]);
    let codes: Vec<&str> = ends.iter().flat_map(|end| &end.survived).map(|fault| fault.code.as_str()).collect();
    assert!(codes.iter().all(|code| ["embed.drill", "embed.resting"].contains(code)), "{codes:?}");
    assert!(!codes.is_empty());
}

#[test]
fn a_model_that_panics_on_one_episode_spoils_no_other_of_its_batch() {
    assert_eq!(variants(&drilled(&format!("embed=panic@{STRUCK}"))), [(KEPT, Variant::Full), (STRUCK, Variant::Light)]);
}

#[test]
fn a_model_that_hangs_on_one_episode_is_given_up_and_replaced_and_spoils_no_other_of_its_batch() {
    // So long a wait that each worker has a batch of both episodes, and hangs a lane with it.
    let [stages, hasty] = hasty("[\"embed\"]");
    let rest = "\non = \"cpu\"\nrouting = \"spread\"\nmax_items = ";
    let change = [format!("{stages}{rest}32\nmax_wait_ms = 5\n"), format!("{hasty}{rest}64\nmax_wait_ms = 4000\n")];
    let ends = drilled_in("split", &change, &format!("embed=hang@{STRUCK}"));
    assert_eq!(variants(&ends), [(KEPT, Variant::Full), (STRUCK, Variant::Light)]);
    assert!(ends[1].survived.iter().all(|fault| fault.code == "embed.timeout"), "{:?}", told(&ends));
}

#[test]
fn a_model_whose_numbers_are_none_or_too_few_for_one_episode_spoils_no_other_of_its_batch() {
    for stage in ["embed", "speech"] {
        let ends = drilled(&format!("{stage}=spoil@{STRUCK}"));
        assert_eq!(variants(&ends), [(KEPT, Variant::Full), (STRUCK, Variant::Light)], "{stage}");
        assert!(ends[0].survived.is_empty(), "{:?}", told(&ends));
        assert!(ends[1].survived.iter().all(|fault| fault.code == format!("{stage}.unsound")), "{:?}", told(&ends));
    }
}

#[test]
fn an_episode_that_would_be_late_goes_the_light_way_and_the_other_does_not_notice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = two_episodes(folder.path());
    let text = std::fs::read_to_string(&input).expect("it was just written");
    let mut episodes: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON Lines")).collect();
    for episode in &mut episodes {
        // A millisecond is over before any model hears of it; a day is not.
        episode["deadline_seconds"] = if episode["id"] == STRUCK { 0.001.into() } else { 86_400.into() };
    }
    write_episodes(&input, episodes);
    let output = folder.path().join("out");
    let (ran, _) = batch(&input, &output, &["--accept-gates", "--layout", "split"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut ends = OutcomeTable::existing(&output).and_then(|table| table.read(Which::All)).expect("it is readable");
    ends.sort_by(|a, b| a.episode.cmp(&b.episode));
    assert_eq!(variants(&ends), [(KEPT, Variant::Full), (STRUCK, Variant::Light)], "{:?}", told(&ends));
    assert!(ends[1].survived.iter().any(|fault| fault.code.ends_with(".late")), "{:?}", told(&ends));
}

#[test]
fn a_stage_that_hangs_before_others_of_its_operator_leaves_the_episode_the_light_way_through_them() {
    let ends =
        drilled_in("fused", &hasty("[\"transcribe\", \"select\", \"cut\"]"), &format!("transcribe=hang@{STRUCK}"));
    assert_eq!(variants(&ends), [(KEPT, Variant::Full), (STRUCK, Variant::Light)]);
    assert!(ends[1].survived.iter().any(|fault| fault.code == "transcribe.timeout"), "{:?}", told(&ends));
}

#[test]
fn a_stage_without_a_light_way_fails_its_episode_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = two_episodes(folder.path());
    let output = folder.path().join("out");
    let drill = format!("cut=panic@{STRUCK}");
    let (ran, ends) = batch(&input, &output, &["--accept-gates", "--drill", &drill]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(ends[KEPT]["state"], "published", "{ends:?}");
    assert_eq!(ends[STRUCK]["reason"], "cut.panicked", "{ends:?}");
    let replayed = hark(&["replay", "--failed", "--output", path(&output), "--accept-gates"]);
    assert_eq!(replayed.code, 0, "{}", replayed.err);
}

/// What the outcomes survived, short enough to read.
fn told(ends: &[Outcome]) -> Vec<String> {
    ends.iter().flat_map(|end| &end.survived).map(ToString::to_string).collect()
}
