//! A stretch of the past once more, beside what is there.

use std::path::Path;

use serde_json::{Value, json};

use crate::command::{hark, outcomes, path, write_episodes};

fn episode(id: &str) -> Value {
    let text: String = (0..12).map(|at| format!("In {at} days {id} came to the river and saw it was wide. ")).collect();
    json!({"id": id, "show": "s", "title": id, "transcript": {"text": text}})
}

/// A partition of one episode.
fn partition(folder: &Path, date: &str, id: &str) {
    let place = folder.join(format!("date={date}"));
    std::fs::create_dir_all(&place).expect("a new folder");
    write_episodes(&place.join("part-0.jsonl"), [episode(id)]);
}

#[test]
fn partitions_of_some_days_become_a_generation_that_is_seen_at_once_when_it_is_promoted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    for (date, id) in
        [("2025-12-31", "before"), ("2026-01-01", "first"), ("2026-01-31", "last"), ("2026-02-01", "after")]
    {
        partition(&input, date, id);
    }
    let backfill = |more: &[&str]| {
        let args = ["backfill", "--partitions", path(&input), "--output", path(&output), "--accept-gates"];
        hark(&[&args[..], more].concat())
    };
    let ran = backfill(&["--from", "2026-01-01", "--to", "2026-02-01"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let generation = output.join("generations/2026-01-01..2026-02-01");
    assert_eq!(outcomes(&generation).into_keys().collect::<Vec<_>>(), ["first", "last"]);
    assert!(!output.join("current").exists(), "nobody asked for it to be seen");

    let ran = backfill(&["--from", "2026-02-01", "--to", "2026-02-02", "--generation", "b", "--promote"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(outcomes(&output.join("current")).into_keys().collect::<Vec<_>>(), ["after"]);
    let ran = backfill(&["--from", "2026-01-01", "--to", "2026-02-01", "--promote"]);
    assert_eq!(ran.code, 0, "what is there may be run again and promoted: {}", ran.err);
    assert_eq!(std::fs::canonicalize(output.join("current")).ok(), generation.canonicalize().ok());

    for (more, told) in [
        (["--from", "2026-02-01", "--to", "2026-01-01"], "day after the last"),
        (["--from", "2030-01-01", "--to", "2030-02-01"], "no partition from 2030-01-01"),
    ] {
        let ran = backfill(&more);
        assert!(ran.code == 1 && ran.err.contains(told), "{}", ran.err);
    }
}
