//! The example feed through the real binary: what a newcomer sees first.

use std::path::{Path, PathBuf};

use hark_dataflow::sink::{self, OutcomeTable, Which};
use hark_operators::record::outcome::State;
use hark_operators::record::part::{Claim, claim};
use serde_json::Value;

use crate::command::{batch, count, hark, objects, path, previews, root, write_episodes};

fn feed() -> PathBuf {
    root().join("examples/feed.xml")
}

#[test]
fn the_example_feed_gives_previews_and_an_outcome_for_every_episode() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (ran, outcomes) = batch(&feed(), folder.path(), &[]);
    assert_eq!(ran.code, 3, "two episodes are broken on purpose: {}", ran.err);
    let announced = std::fs::read_to_string(feed()).expect("it is committed").matches("<item>").count();
    assert_eq!(outcomes.len(), announced, "{outcomes:#?}");
    assert_eq!(outcomes["counter-talk-2-again"]["reason"], "digest", "an exact copy: {outcomes:#?}");
    assert_eq!(outcomes["small-wonders-1-other-host"]["reason"], "acoustic", "a re-encoded copy: {outcomes:#?}");
    assert_eq!(count(&outcomes, "duplicate"), 2, "{outcomes:#?}");
    assert!(count(&outcomes, "published") >= 6, "{outcomes:#?}");
    for preview in previews(folder.path()) {
        let clip = folder.path().join(preview["clip"]["uri"].as_str().expect("a clip has a uri"));
        assert_eq!(
            std::fs::metadata(&clip).expect("the clip is there").len(),
            preview["clip"]["bytes"].as_u64().expect("a size")
        );
    }
    let said = hark(&["dedupe", "explain", "small-wonders-1-other-host", "--output", path(folder.path())]);
    assert!(
        said.out.contains("sounds like") && said.out.contains("0:00:00"),
        "it tells how alike and where: {}",
        said.out
    );
    previews_keep_out_of_what_other_episodes_hold(folder.path());
    assert!(folder.path().join("index.html").is_file());
    assert!(ran.err.contains("preview (taken in to published)"), "the summary tells latencies: {}", ran.err);
}

fn previews_keep_out_of_what_other_episodes_hold(output: &Path) {
    let table = OutcomeTable::existing(output).expect("the table is there");
    let published = table.read(Which::Published).expect("it can be read");
    for outcome in &published {
        let State::Published { selection, .. } = &outcome.state else { unreachable!("only these were asked for") };
        let repeated = &outcome.picture.repeated;
        assert_eq!(claim(selection.span, repeated, 1.0), Claim::Own, "{}: {repeated:?}", outcome.episode);
        if outcome.episode.starts_with("small-wonders") {
            let at_the_start = repeated.iter().find(|part| part.start == 0).expect("the show has an intro");
            let intro = at_the_start.span().length();
            assert!(at_the_start.episodes >= 2 && (9.0..13.0).contains(&intro), "{}: {intro} s", outcome.episode);
        }
    }
}

#[test]
fn workers_and_layouts_change_neither_outcomes_nor_a_byte_of_the_previews() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, examples) = (folder.path().join("episodes.jsonl"), root().join("examples"));
    // Two copies, a file that is no audio, and one so short that its words are soon recognised.
    let mut episodes = crate::command::examples(&[
        "small-wonders-1",
        "small-wonders-1-other-host",
        "counter-talk-2",
        "counter-talk-2-again",
        "small-wonders-2",
        "long-ledger-4",
    ]);
    for episode in &mut episodes {
        if episode["id"].as_str().is_some_and(|id| id.starts_with("counter-talk-2")) {
            episode.as_object_mut().expect("an object").remove("transcript");
        }
    }
    write_episodes(&input, episodes);
    let run = |workers: &str, layout: &str| {
        let output = folder.path().join(format!("{layout}-{workers}"));
        let args = ["--workers", workers, "--layout", layout, "--allow-root", path(&examples)];
        batch(&input, &output, &args);
        (stable(&output), objects(&output))
    };
    let expected = run("1", "fused");
    assert!(expected.0.len() == 6 && expected.1.len() >= 2 * 3, "there is something to compare");
    // Each layout with some number of workers.
    for (workers, layout) in [
        ("4", "fused"),
        ("2", "split"),
        ("1", "by-family"),
        ("2", "cpu-gpu"),
        ("1", "low-latency"),
        ("4", "throughput"),
        ("2", "sequential"),
    ] {
        let found = run(workers, layout);
        for (found, expected) in found.0.iter().zip(&expected.0) {
            assert!(found == expected, "{layout} on {workers} workers: {}", difference(found, expected));
        }
        assert_eq!(found.0.len(), expected.0.len());
        assert!(found.1 == expected.1, "{layout} on {workers} workers: objects differ");
    }
}

/// The first members in which two outcomes differ, short enough to read.
fn difference(found: &Value, expected: &Value) -> String {
    let differs = |name: &&String| found[name.as_str()] != expected[name.as_str()];
    let names = found.as_object().into_iter().flat_map(|members| members.keys());
    let told: Vec<String> = names
        .filter(differs)
        .map(|name| format!("{name}: {:.200} instead of {:.200}", found[name].to_string(), expected[name].to_string()))
        .collect();
    format!("{}: {}", found["episode"], told.join("; "))
}

/// Outcomes without times and without the layout's name.
pub fn stable(output: &Path) -> Vec<Value> {
    let table = OutcomeTable::existing(output).expect("the run left a table");
    let outcomes = table.read(Which::All).expect("it is readable");
    outcomes.iter().map(sink::previews::stable).collect()
}
