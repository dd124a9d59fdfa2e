//! Wrong use and bad input: what is said, and the exit status.

use crate::command::{batch, hark, outcomes, path, root, write_episodes};
use serde_json::json;

#[test]
fn wrong_use_exits_2_and_says_what_is_right() {
    assert_eq!(hark::<&str>(&[]).code, 2);
    let ran = hark(&["batch", "--output", "x"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--input"), "{}", ran.err);
    assert_eq!(hark(&["batch", "--input", "x", "--output", "y", "--workers", "0"]).code, 2);
}

#[test]
fn what_cannot_be_opened_exits_1_with_the_name_and_a_remedy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = path(folder.path());
    let missing = hark(&["batch", "--input", "no-such-feed.xml", "--output", output]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("no-such-feed.xml"), "{}", missing.err);
    let feed = root().join("examples/feed.xml");
    let layout = hark(&["batch", "--input", path(&feed), "--output", output, "--layout", "dense"]);
    assert_eq!(layout.code, 1);
    assert!(layout.err.contains("fused, split"), "names the layouts there are: {}", layout.err);
    let unwritable = hark(&["batch", "--input", path(&feed), "--output", "/proc/hark"]);
    assert_eq!(unwritable.code, 1);
    assert!(unwritable.err.contains("/proc/hark"), "{}", unwritable.err);
    assert_eq!(hark(&["outcomes", "--output", output]).code, 1, "a folder without a job has no outcomes");
}

#[test]
fn bad_episodes_stop_nobody_else_and_can_be_replayed_once_mended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("episodes.jsonl");
    let output = folder.path().join("out");
    let words = "This sentence is one of many that tell of rivers. ".repeat(60);
    write_episodes(
        &input,
        [
            json!({"id": "text", "show": "s", "title": "Only words", "transcript": {"text": words, "media_type": "text/plain"}}),
            json!({"id": "gone", "show": "s", "title": "Its file is missing", "audio": "gone.mp3"}),
            json!({"id": "outside", "show": "s", "title": "Reaches out", "audio": "/etc/hostname"}),
            json!({"id": "private", "show": "s", "title": "Reaches in", "audio": "http://127.0.0.1:9/x.mp3"}),
        ],
    );
    let mut text = std::fs::read_to_string(&input).expect("just written");
    text.push_str("{\"id\": \"broken\"\n");
    std::fs::write(&input, text).expect("the folder is writable");

    let (ran, ends) = batch(&input, &output, &["--accept-gates"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(ends.len(), 5, "{ends:#?}");
    assert_eq!(ends["text"]["state"], "published", "{ends:#?}");
    assert_eq!(ends["gone"]["reason"], "fetch.not_found", "{ends:#?}");
    assert_eq!(ends["outside"]["reason"], "fetch.outside_root", "{ends:#?}");
    assert_eq!(ends["private"]["reason"], "fetch.private_address", "{ends:#?}");

    std::fs::copy(root().join("examples/audio/small-wonders-1.mp3"), folder.path().join("gone.mp3"))
        .expect("the folder is writable");
    let replayed = hark(&["replay", "--failed", "--output", path(&output), "--accept-gates"]);
    assert_eq!(replayed.code, 3, "three stay broken: {}", replayed.err);
    assert_eq!(outcomes(&output)["gone"]["state"], "published");
}
