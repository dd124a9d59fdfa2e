//! A job that goes on: a folder that is watched, by a process that may be killed at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::{bring_example, count, hark, objects, outcomes, path, recorded};
use crate::oracle::differences;
use crate::running::Running;

/// A folder with `in`, and audio beside the announcements.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a new folder");
    for audio in ["small-wonders-1.mp3", "small-wonders-1-other-host.opus", "small-wonders-2.m4a", "long-ledger-2.mp3"]
    {
        let words = bring_example(&folder.path().join("in"), audio);
        let named = folder.path().join("in").join(format!("{audio}.words"));
        std::fs::rename(folder.path().join("in").join(words), named).expect("a new folder");
    }
    folder
}

pub fn announce(folder: &Path, episodes: &[Value]) {
    let mut file = File::options().create(true).append(true).open(folder.join("in/new.jsonl")).expect("a new folder");
    for episode in episodes {
        writeln!(file, "{episode}").expect("the folder is writable");
    }
}

fn episode(id: &str, published: u64, audio: &str) -> Value {
    let words = format!("{audio}.words");
    json!({"id": id, "show": "s", "title": id, "published": published, "audio": audio, "transcript": words})
}

pub fn states(outcomes: &BTreeMap<String, Value>) -> BTreeMap<&str, &str> {
    outcomes.iter().map(|(id, outcome)| (id.as_str(), outcome["state"].as_str().unwrap_or_default())).collect()
}

#[test]
fn what_appears_in_the_folder_is_published_and_after_a_kill_what_was_known_still_is() {
    let folder = folder();
    let output = folder.path().join("out");
    announce(folder.path(), &[episode("first", 1, "small-wonders-1.mp3"), episode("other", 2, "small-wonders-2.m4a")]);
    let run = Running::start(folder.path(), &["--accept-gates"]);
    assert_eq!(run.get("/healthz").0, 200);
    run.wait_until("readiness", |run| run.get("/readyz").0 == 200);
    run.wait_for_outcomes(2.0);
    run.wait_until("a commit of what is known", |run| run.metric("hark_snapshot_facts_total") >= 6.0);
    run.kill();
    let before = objects(&output);
    assert!(!before.is_empty());

    // A copy of what only the process that is gone has heard.
    announce(folder.path(), &[episode("copy", 3, "small-wonders-1-other-host.opus")]);
    let run = Running::start(folder.path(), &["--accept-gates"]);
    run.wait_until("a duplicate", |run| run.metric("hark_duplicates_total") >= 1.0);
    run.wait_until("what lanes did to be shown", |run| {
        let shown = |what: &str| run.metric(&format!("hark_operator_{what}"));
        let (items, batches) = (shown("items_total"), shown("batches_total"));
        batches > 0.0 && items >= batches && shown("busy_seconds_total") > 0.0 && shown("lanes") > 0.0
    });
    assert_eq!(run.stop(), Some(0), "SIGTERM is no failure");
    let ended = outcomes(&output);
    assert_eq!(states(&ended), BTreeMap::from([("first", "published"), ("other", "published"), ("copy", "duplicate")]));
    assert_eq!(ended["copy"]["reason"], "acoustic");
    assert_eq!(objects(&output), before, "what was published is what it was");
    assert!(output.join("index.html").is_file(), "a drained job leaves its page");
}

#[test]
fn wherever_it_is_killed_every_announcement_ends_once_and_as_without_a_kill() {
    let folder = folder();
    let output = folder.path().join("out");
    let all = [
        episode("first", 1, "small-wonders-1.mp3"),
        episode("copy", 2, "small-wonders-1-other-host.opus"),
        episode("other", 3, "small-wonders-2.m4a"),
        episode("third", 4, "long-ledger-2.mp3"),
        json!({"id": "gone", "withdrawn": true}),
        json!({"id": "no audio", "title": "x", "audio": "nowhere.mp3"}),
    ];
    announce(folder.path(), &all);
    for pause in [700, 1_500, 2_500, 4_000] {
        let run = Running::start(folder.path(), &["--accept-gates"]);
        std::thread::sleep(Duration::from_millis(pause));
        run.kill();
    }
    let run = Running::start(folder.path(), &["--accept-gates"]);
    run.wait_until("rows to be compared", |run| run.metric("hark_rows_compared") == 1.0);
    run.wait_until("all to have ended", |run| {
        run.metric("hark_in_flight_episodes") == 0.0 && recorded(&output, "TRUE") == all.len()
    });
    assert_eq!(run.stop(), Some(0));
    let killed = outcomes(&output);

    let calm = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("in/new.jsonl");
    let args = ["batch", "--input", path(&input), "--output", path(calm.path())];
    let ran = hark(&[&args[..], &["--accept-gates"]].concat());
    assert_eq!(ran.code, 3, "one episode has no audio: {}", ran.err);
    assert_eq!(states(&killed), states(&outcomes(calm.path())));
    assert_eq!(objects(&output), objects(calm.path()), "the same previews, byte by byte");
    assert_eq!(count(&killed, "published"), 3);
}

#[test]
fn a_death_between_any_two_durable_steps_loses_and_changes_nothing() {
    let text = |river: &str| (0..9).map(|year| format!("In {year} years the {river} was wide. ")).collect::<String>();
    let spoken = |id: &str, published: u64, river: &str| json!({"id": id, "title": id, "published": published, "transcript": {"text": text(river)}});
    let episodes = [
        spoken("first", 1, "river of the north"),
        spoken("other", 2, "small stream behind our house"),
        json!({"id": "gone", "withdrawn": true}),
        json!({"id": "no audio", "title": "x", "audio": "nowhere.mp3"}),
    ];
    let calm = folder();
    announce(calm.path(), &episodes);
    let input = calm.path().join("in/new.jsonl");
    let output = calm.path().join("out");
    let ran = hark(&["batch", "--input", path(&input), "--output", path(&output), "--accept-gates"]);
    assert_eq!(ran.code, 3, "one episode has no audio: {}", ran.err);
    for death in ["objects:1", "objects:2", "acknowledged:1", "rows:1", "facts:1", "positions:1"] {
        let folder = folder();
        announce(folder.path(), &episodes);
        let dying = Running::start(folder.path(), &["--accept-gates", "--die-after", death]);
        assert_eq!(dying.end(), None, "{death}: it died by a signal");
        let run = Running::start(folder.path(), &["--accept-gates"]);
        run.wait_until("all to have ended", |run| {
            run.metric("hark_in_flight_episodes") == 0.0
                && recorded(&folder.path().join("out"), "TRUE") == episodes.len()
                && run.metric("hark_rows_compared") == 1.0
        });
        assert_eq!(run.stop(), Some(0), "{death}");
        assert_eq!(differences(&folder.path().join("out"), &output), [""; 0], "{death}");
    }
}

#[test]
fn an_episode_whose_row_outlived_what_was_known_of_it_is_still_somebodys_copy() {
    let folder = folder();
    let words = crate::job::words("one talk");
    let spoken = |id: &str, published: u64| json!({"id": id, "title": id, "published": published, "transcript": {"text": words}});
    announce(folder.path(), &[spoken("copy", 2)]);
    let die = |more: &[&str]| {
        let dying = Running::start(folder.path(), &[&["--accept-gates", "--die-after"], more].concat());
        assert_eq!(dying.end(), None, "it died by a signal");
    };
    // Before the first commit; and once more after one, in which the words are not, for they are not read yet.
    die(&["rows:1"]);
    die(&["facts:1", "--drill", "transcript=hang"]);
    let output = folder.path().join("out");
    assert_eq!(count(&outcomes(&output), "published"), 1, "the row is there");
    announce(folder.path(), &[spoken("original", 1)]);
    let run = Running::start(folder.path(), &["--accept-gates"]);
    run.wait_until("the copy to be known for one", |_| {
        outcomes(&output).get("copy").is_some_and(|copy| copy["duplicate_of"] == "original")
    });
    assert_eq!(run.stop(), Some(0));
    assert_eq!(count(&outcomes(&output), "published"), 1);
}

#[test]
fn what_cannot_run_is_refused_with_a_remedy() {
    let folder = folder();
    let output = folder.path().join("out");
    let run = |more: &[&str]| hark(&[&["run", "--embedded", "--output", path(&output)], more].concat());
    let nowhere = folder.path().join("nowhere");
    let ran = run(&["--input", path(&nowhere), "--listen", "127.0.0.1:0"]);
    assert!(ran.code == 1 && ran.err.contains("nowhere") && ran.err.contains("--input"), "{}", ran.err);
    let input = folder.path().join("in");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let ran = run(&["--input", path(&input), "--listen", &address]);
    assert!(ran.code == 1 && ran.err.contains(&address) && ran.err.contains("--listen"), "{}", ran.err);
    let first = Running::start(folder.path(), &[]);
    let ran = run(&["--input", path(&input), "--listen", "127.0.0.1:0"]);
    assert!(ran.code == 1 && ran.err.contains("another process"), "{}", ran.err);
    assert_eq!(first.stop(), Some(0));
    let known = || {
        let listed = std::fs::read_dir(output.join("known")).expect("a job that goes on leaves what it knows");
        listed.flatten().map(|file| file.file_name()).collect::<BTreeSet<_>>()
    };
    let before = known();
    let layout = folder.path().join("no-layout.toml");
    let ran = run(&["--input", path(&input), "--listen", "127.0.0.1:0", "--layout", path(&layout)]);
    assert!(ran.code == 1 && ran.err.contains("no-layout.toml"), "{}", ran.err);
    assert!(!before.is_empty() && known() == before, "however often that is tried, nothing grows");
}
