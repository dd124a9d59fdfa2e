//! Copies, revisions and withdrawals: what is left when all facts are known, in whatever order they
//! came.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::command::{batch, bring_example, hark, objects, path, previews, write_episodes};
use crate::job::{Job, talk};

/// A folder with the same audio under two names, and other audio.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (from, to) in
        [("small-wonders-1.mp3", "a.mp3"), ("small-wonders-1.mp3", "b.mp3"), ("small-wonders-2.m4a", "c.m4a")]
    {
        let words = bring_example(folder.path(), from);
        std::fs::copy(folder.path().join(from), folder.path().join(to)).expect("a new folder");
        std::fs::copy(folder.path().join(words), folder.path().join(format!("{to}.words"))).expect("a new folder");
    }
    folder
}

fn episode(id: &str, published: u64, audio: &str) -> Value {
    let words = format!("{audio}.words");
    json!({"id": id, "show": "s", "title": id, "published": published, "audio": audio, "transcript": words})
}

/// State and canonical of each revision, what is in `previews.jsonl`, how many objects there are.
type Left = (BTreeMap<(String, u64), (String, Option<String>)>, Vec<String>, usize);

fn left(folder: &Path, name: &str, episodes: Vec<Value>, workers: &str) -> Left {
    let input = folder.join(format!("{name}.jsonl"));
    write_episodes(&input, episodes);
    let output = folder.join(name);
    let args = ["batch", "--input", path(&input), "--output", path(&output), "--accept-gates", "--workers", workers];
    let ran = hark(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let table = hark_dataflow::sink::OutcomeTable::existing(&output).expect("the run left a table");
    let outcomes = table.read(hark_dataflow::sink::Which::All).expect("it is readable");
    let ends = outcomes.iter().map(|outcome| {
        let state = serde_json::to_value(&outcome.state).expect("plain values");
        let of = state["of"].as_str().map(str::to_owned);
        ((outcome.episode.clone(), outcome.revision), (state["state"].as_str().unwrap_or_default().to_owned(), of))
    });
    let published = previews(&output).iter().map(|preview| preview["episode"].to_string()).collect();
    (ends.collect(), published, objects(&output).len())
}

fn end(state: &str, of: Option<&str>) -> (String, Option<String>) {
    (state.to_owned(), of.map(str::to_owned))
}

#[test]
fn the_successor_of_a_withdrawn_canonical_is_published_in_whatever_order_facts_arrive() {
    let folder = folder();
    let facts = [
        episode("first", 1_700_000_001, "a.mp3"),
        episode("copy", 1_700_000_002, "b.mp3"),
        episode("mirror", 1_700_000_003, "a.mp3"),
        json!({"id": "first", "withdrawn": true}),
    ];
    let mut all = Vec::new();
    for (order, workers) in [([0, 1, 2, 3], "1"), ([3, 2, 1, 0], "2"), ([2, 0, 3, 1], "2"), ([1, 3, 0, 2], "4")] {
        let name = format!("{order:?}").replace([' ', ','], "");
        all.push(left(folder.path(), &name, order.iter().map(|&at| facts[at].clone()).collect(), workers));
    }
    let (ends, published, objects) = &all[0];
    assert_eq!(ends[&("first".to_owned(), 0)], end("taken_down", None));
    assert_eq!(ends[&("copy".to_owned(), 0)], end("published", None));
    assert_eq!(ends[&("mirror".to_owned(), 0)], end("duplicate", Some("copy")));
    assert_eq!(published, &["\"copy\""]);
    assert!(*objects > 0);
    let output = folder.path().join("[3210]");
    let said = hark(&["dedupe", "explain", "mirror", "--output", path(&output)]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("mirror has the same bytes as copy"), "{}", said.out);
    let unknown = hark(&["dedupe", "explain", "nobody", "--output", path(&output)]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("no episode nobody"), "{}", unknown.err);
    for other in &all {
        assert_eq!(other, &all[0], "the order of arrival changes nothing");
    }
}

#[test]
fn of_two_episodes_with_one_enclosure_the_later_is_not_fetched() {
    let folder = folder();
    // Neither file exists: the earlier fails, the later is settled before anybody looks.
    let input = folder.path().join("gone.jsonl");
    write_episodes(&input, [episode("early", 1_700_000_001, "gone.mp3"), episode("late", 1_700_000_002, "gone.mp3")]);
    let (ran, ends) = batch(&input, &folder.path().join("gone"), &[]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(ends["early"]["reason"], "fetch.not_found");
    assert_eq!((&ends["late"]["state"], &ends["late"]["reason"]), (&json!("duplicate"), &json!("enclosure")));
}

#[test]
fn a_later_revision_takes_the_place_of_the_earlier() {
    let folder = folder();
    let revised = |revision: u64, audio: &str| {
        let mut episode = episode("talk", 1_700_000_001, audio);
        episode["revision"] = revision.into();
        episode
    };
    for (name, facts) in
        [("up", [revised(1, "a.mp3"), revised(2, "c.m4a")]), ("down", [revised(2, "c.m4a"), revised(1, "a.mp3")])]
    {
        let (ends, published, _) = left(folder.path(), name, facts.to_vec(), "2");
        assert_eq!(ends[&("talk".to_owned(), 1)], end("taken_down", None), "{name}");
        assert_eq!(ends[&("talk".to_owned(), 2)], end("published", None), "{name}");
        assert_eq!(published.len(), 1, "{name}");
    }
}

#[test]
fn of_an_episode_that_is_revised_again_and_again_each_revision_is_told_when_it_ends_and_when_it_falls() {
    const REVISIONS: usize = 12;
    let job = Job::new(Broker::shared(), "revised");
    let run = job.run();
    for revision in 0..REVISIONS {
        let mut episode = talk("often", 1);
        episode["revision"] = revision.into();
        job.send(&[episode]);
        job.wait_for(&run, revision + 1);
    }
    run.wait_until("all to be corrected", |run| run.metric("hark_open_corrections") == 0.0);
    assert_eq!(run.stop(), Some(0));
    let told = job.broker.read(&job.of("outcomes"));
    assert_eq!(told.len(), 2 * REVISIONS - 1, "and none is told anew of each that comes later");
    assert_eq!(job.broker.compacted(&job.of("previews")).len(), 1);
}

#[test]
fn a_later_run_takes_down_what_an_earlier_one_published() {
    let folder = folder();
    let (_, published, there) = left(folder.path(), "talk", vec![episode("talk", 1_700_000_001, "a.mp3")], "2");
    assert_eq!((published.len(), there > 0), (1, true));
    let (ends, published, there) =
        left(folder.path(), "talk", vec![json!({"id": "talk", "revision": 1, "withdrawn": true})], "2");
    assert_eq!(ends[&("talk".to_owned(), 0)], end("taken_down", None));
    assert_eq!((published.len(), there), (0, 0), "neither line nor object is left");
}
