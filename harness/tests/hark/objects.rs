//! Clips and snapshots in an object store: the real binary and a real store, which may fail at any request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::{
    Ran, bring_example, count, examples, hark, objects, outcomes, path, previews, recorded, root, write_episodes,
};
use crate::flaky::Flaky;
use crate::live::{announce, states};
use crate::running::Running;
use crate::s3::{KEY, S3, SECRET, credentials};

/// Two talks with their words, and one file that is not there.
fn input(folder: &Path) -> PathBuf {
    let mut episodes = examples(&["small-wonders-1", "small-wonders-2"]);
    episodes.push(json!({"id": "gone", "show": "s", "title": "Its file is missing", "audio": "gone.mp3"}));
    let input = folder.join("episodes.jsonl");
    write_episodes(&input, episodes);
    input
}

/// A batch of `input`, with these arguments besides.
fn run(input: &Path, output: &Path, more: &[&str]) -> Ran {
    let examples = root().join("examples");
    let args = ["batch", "--input", path(input), "--output", path(output), "--allow-root", path(&examples)];
    hark(&[&args[..], &["--accept-gates", "--workers", "2"], more].concat())
}

/// How episodes ended: state and reason.
fn ends(output: &Path) -> BTreeMap<String, (Value, Value)> {
    let told = |end: Value| (end["state"].clone(), end["reason"].clone());
    outcomes(output).into_iter().map(|(id, end)| (id, told(end))).collect()
}

/// What is told of previews, but for times, with addresses as they would be in the output folder.
fn told(output: &Path, base: &str) -> Vec<Value> {
    let mut told = previews(output);
    for preview in &mut told {
        let fields = preview.as_object_mut().expect("a preview is an object");
        fields.retain(|name, _| !["ingested_at", "completed_at", "preview_latency_seconds"].contains(&name.as_str()));
        for uri in ["/clip/uri", "/clips/0/uri"] {
            let uri = preview.pointer_mut(uri).expect("each was cut from audio, in two formats");
            let name = uri.as_str().and_then(|uri| uri.strip_prefix(base)).expect("it lies below the base").to_owned();
            *uri = name.into();
        }
    }
    told
}

#[test]
fn a_batch_leaves_the_same_objects_in_a_bucket_as_in_a_folder_once_and_a_takedown_removes_them() {
    let store = S3::shared();
    let bucket = store.bucket("clips-of-a-batch");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, output, twin) = (input(folder.path()), folder.path().join("out"), folder.path().join("twin"));
    let secret = credentials(folder.path(), SECRET);
    let watched = Flaky::before(store.address(), None);
    let endpoint = watched.endpoint();
    let address = "s3://clips-of-a-batch/of/hark";
    let at = ["--objects", address, "--objects-endpoint", &endpoint, "--objects-credentials", &secret];
    let ran = run(&input, &output, &at);
    assert_eq!(ran.code, 3, "one file is missing: {}", ran.err);
    assert_eq!(run(&input, &twin, &[]).code, 3);
    let there = bucket.join("of/hark");
    let all = objects(&twin);
    assert!(all.len() >= 6, "two clips and a line of each: {:?}", all.keys());
    assert_eq!(objects(&there), all, "the same names and bytes");
    assert!(objects(&output).is_empty(), "none lies in the output folder");
    assert_eq!(ends(&output), ends(&twin));
    assert_eq!(told(&output, "s3://clips-of-a-batch/of/hark/"), told(&twin, ""));
    let page = std::fs::read_to_string(output.join("index.html")).expect("a batch leaves its page");
    assert!(!page.contains("<audio") && page.contains("s3://clips-of-a-batch/of/hark/previews/"));

    let puts = watched.requests("PUT");
    assert_eq!(puts, all.len() as u64);
    assert_eq!(run(&input, &output, &at).code, 3);
    assert_eq!(watched.requests("PUT"), puts, "what lies there is not put again");
    assert_eq!(objects(&there), all);

    let gone = folder.path().join("gone.jsonl");
    write_episodes(&gone, [json!({"id": "small-wonders-1", "revision": 1, "withdrawn": true})]);
    let ran = run(&gone, &output, &at);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ends(&output)["small-wonders-1"].0, "taken_down");
    let other = previews(&twin).into_iter().find(|preview| preview["episode"] == "small-wonders-2");
    let other = other.and_then(|preview| Some(preview["clip"]["uri"].as_str()?.replace(".m4a", ".")));
    let other = other.expect("it was published with a clip");
    let of_other = all.into_iter().filter(|(name, _)| path(name).starts_with(&other)).collect();
    assert_eq!(objects(&there), of_other);
}

#[test]
fn a_store_that_refuses_resets_breaks_off_and_dawdles_changes_no_outcome_and_no_object() {
    let store = S3::shared();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, twin) = (input(folder.path()), folder.path().join("twin"));
    let secret = credentials(folder.path(), SECRET);
    assert_eq!(run(&input, &twin, &[]).code, 3);
    for seed in [1, 2] {
        let name = format!("clips-with-faults-{seed}");
        let (bucket, output) = (store.bucket(&name), folder.path().join(&name));
        let flaky = Flaky::before(store.address(), Some(seed));
        let (address, endpoint) = (format!("s3://{name}"), flaky.endpoint());
        let at = ["--objects", &address, "--objects-endpoint", &endpoint, "--objects-credentials", &secret];
        let ran = run(&input, &output, &at);
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(flaky.spoiled() > 5, "there were faults: {}", flaky.spoiled());
        assert_eq!(ends(&output), ends(&twin), "seed {seed}");
        assert_eq!(objects(&bucket), objects(&twin), "seed {seed}");
    }
}

#[test]
fn a_store_that_cannot_be_used_is_told_within_seconds_with_a_remedy_and_no_secret() {
    let store = S3::shared();
    store.bucket("clips-for-nobody");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = input(folder.path());
    let [nobody] = crate::java::free_ports();
    let (here, nowhere) = (store.endpoint(), format!("http://127.0.0.1:{nobody}"));
    let wrong = "hunter2-hunter2-hunter2";
    let cases = [
        ("s3://clips-that-are-not", &*here, SECRET, "make it"),
        ("s3://clips-for-nobody/x", &here, wrong, "AWS_SECRET_ACCESS_KEY"),
        ("s3://clips-for-nobody", &nowhere, SECRET, "--objects-endpoint"),
        ("s3://hark:hunter2@clips-for-nobody", &here, SECRET, "s3://BUCKET/PREFIX"),
        ("https://clips-for-nobody", &here, SECRET, "s3://BUCKET/PREFIX"),
        ("s3://clips-for-nobody", "127.0.0.1:9000", SECRET, "http://HOST:PORT"),
    ];
    for (address, endpoint, secret, remedy) in cases {
        for option in ["--objects", "--snapshots"] {
            let began = Instant::now();
            let output = folder.path().join("out");
            let (input, live) = (path(&input), option == "--snapshots");
            let job = if live { ["run", "--embedded"].as_slice() } else { &["batch"] };
            let input = if live { path(folder.path()) } else { input };
            let key = credentials(folder.path(), secret);
            let args = ["--input", input, "--output", path(&output), option, address];
            let at = ["--objects-endpoint", endpoint, "--objects-credentials", &key];
            let ran = hark(&[job, &args, &at].concat());
            assert_eq!(ran.code, 1, "{option} {address}: {}", ran.err);
            assert!(ran.err.contains(remedy), "{option} {address}: {}", ran.err);
            assert!(!ran.err.contains("hunter2") && !ran.err.contains(SECRET), "{}", ran.err);
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}: {}", began.elapsed(), ran.err);
        }
    }
    let output = folder.path().join("out");
    let ran = run(&input, &output, &["--objects", "s3://clips-for-nobody", "--objects-credentials", "/nowhere"]);
    assert!(ran.code == 1 && ran.err.contains("--objects-credentials"), "{}", ran.err);
}

#[test]
fn credentials_of_the_environment_will_do_and_a_folder_is_a_place_too() {
    let store = S3::shared();
    let bucket = store.bucket("clips-by-environment");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = "This sentence is one of many that tell of rivers. ".repeat(60);
    let input = folder.path().join("words.jsonl");
    write_episodes(&input, [json!({"id": "words", "title": "Words", "transcript": {"text": words}})]);
    let run = |objects: &str, name: &str| {
        let output = folder.path().join(name);
        let ran = Command::new(env!("CARGO_BIN_EXE_hark"))
            .args(["batch", "--accept-gates", "--input", path(&input), "--output", path(&output)])
            .args(["--objects", objects, "--objects-endpoint", &store.endpoint()])
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .output()
            .expect("the binary was built");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    let other = folder.path().join("other");
    run("s3://clips-by-environment", "first");
    run(path(&other), "second");
    assert_eq!(objects(&bucket).len(), 2, "captions and the soundbite line");
    assert_eq!(objects(&bucket), objects(&other));
}

#[test]
fn what_is_known_may_lie_in_a_bucket_and_a_process_that_was_killed_goes_on_from_there() {
    let store = S3::shared();
    let (clips, known) = (store.bucket("clips-of-a-run"), store.bucket("known-of-a-run"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a new folder");
    let episode = |id: &str, published: u64, audio: &str| {
        let words = bring_example(&folder.path().join("in"), audio);
        let named = format!("{id}.words");
        std::fs::rename(folder.path().join("in").join(words), folder.path().join("in").join(&named))
            .expect("the same folder");
        json!({"id": id, "show": "s", "title": id, "published": published, "audio": audio, "transcript": named})
    };
    let flaky = Flaky::before(store.address(), Some(7));
    let (endpoint, secret) = (flaky.endpoint(), credentials(folder.path(), SECRET));
    let start = || {
        let at = ["--objects-endpoint", &endpoint, "--objects-credentials", &secret, "--accept-gates"];
        let places = ["--objects", "s3://clips-of-a-run/clips", "--snapshots", "s3://known-of-a-run/of/hark"];
        Running::start(folder.path(), &[&at[..], &places].concat())
    };
    let output = folder.path().join("out");
    announce(folder.path(), &[episode("first", 1, "small-wonders-1.mp3"), episode("other", 2, "small-wonders-2.m4a")]);
    let run = start();
    run.wait_for_outcomes(2.0);
    run.wait_until("a commit of what is known", |run| run.metric("hark_snapshot_facts_total") >= 6.0);
    run.kill();
    let before = objects(&clips.join("clips"));
    assert!(before.len() >= 6, "two clips and a line of each: {:?}", before.keys());
    assert!(!output.join("known").exists(), "nothing of it lies in the output folder");
    let kept = std::fs::read_dir(known.join("of/hark")).expect("it lies in the bucket").count();
    assert!(kept > 0);

    // A copy of what only the process that is gone has heard.
    announce(folder.path(), &[episode("copy", 3, "small-wonders-1-other-host.opus")]);
    let run = start();
    run.wait_until("a duplicate", |run| run.metric("hark_duplicates_total") >= 1.0);
    run.wait_until("all to have ended", |run| {
        run.metric("hark_in_flight_episodes") == 0.0 && recorded(&output, "TRUE") == 3
    });
    assert_eq!(run.stop(), Some(0));
    let ended = outcomes(&output);
    let right = BTreeMap::from([("first", "published"), ("other", "published"), ("copy", "duplicate")]);
    assert_eq!(states(&ended), right);
    assert_eq!((count(&ended, "duplicate"), &ended["copy"]["reason"]), (1, &json!("acoustic")));
    assert_eq!(objects(&clips.join("clips")), before, "what was published is what it was");
}
