//! Results of models that are kept: a replay with another ranker asks no model, and gives what it would have
//! given without a cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hark_dataflow::sink::{OutcomeTable, Which};
use hark_operators::record::finding::Variant;
use serde_json::{Value, json};

use crate::command::{Ran, bring_example, examples, hark, objects, path, recorded, root, write_episodes};
use crate::examples::stable;
use crate::live::announce;
use crate::oracle::differences;
use crate::running::Running;

/// Another ranker: it wants previews half as long.
const OTHER: &str = "[length]\nideal_from = 32.0\nideal_to = 36.0\n\n[rank]\nlength = 20.0\n";

/// Episodes and a cache in one folder.
struct Ground {
    folder: tempfile::TempDir,
    input: PathBuf,
}

impl Ground {
    fn new(episodes: Vec<Value>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let input = folder.path().join("episodes.jsonl");
        write_episodes(&input, episodes);
        std::fs::write(folder.path().join("other.toml"), OTHER).expect("the folder is writable");
        Self { folder, input }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What every run is told.
    fn args(&self, name: &str, more: &[&str]) -> Vec<String> {
        let (examples, output) = (root().join("examples"), self.at(name));
        let common = ["batch", "--input", path(&self.input), "--output", path(&output), "--workers", "2"];
        let common = [&common[..], &["--accept-gates", "--allow-root", path(&examples)], more].concat();
        common.into_iter().map(str::to_owned).collect()
    }

    /// A run into a folder of this name.
    fn run(&self, name: &str, more: &[&str]) -> Ran {
        let ran = hark(&self.args(name, more));
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran
    }

    fn variants(&self, name: &str) -> Vec<Variant> {
        let table = OutcomeTable::existing(&self.at(name)).expect("the run left a table");
        table.read(Which::All).expect("it is readable").iter().map(|outcome| outcome.variant).collect()
    }

    fn same(&self, here: &str, there: &str) {
        assert_eq!(differences(&self.at(here), &self.at(there)), [""; 0]);
        assert_eq!(stable(&self.at(here)), stable(&self.at(there)));
    }
}

/// Of each stage how many results were known, of how many: as the summary tells it.
fn known(ran: &Ran) -> BTreeMap<String, (u64, u64)> {
    let line = ran.err.lines().find(|line| line.starts_with("cache: ")).expect("the summary tells of the cache");
    let (_, stages) = line.split_once('(').expect("by stage");
    let (stages, _) = stages.split_once(')').expect("by stage");
    let count = |word: &str| word.parse().expect("a count");
    let stage = |part: &str| {
        let words: Vec<&str> = part.split(' ').collect();
        (words[0].to_owned(), (count(words[1]), count(words[3])))
    };
    stages.split(", ").map(stage).collect()
}

/// Two episodes with their words, and one whose words must be recognised.
fn episodes() -> Vec<Value> {
    let mut episodes = examples(&["small-wonders-1", "small-wonders-2", "counter-talk-2"]);
    for episode in &mut episodes {
        if episode["id"] == "counter-talk-2" {
            episode.as_object_mut().expect("an object").remove("transcript");
        }
    }
    episodes
}

#[test]
fn a_replay_with_another_ranker_asks_no_model_and_gives_what_it_would_without_a_cache() {
    let ground = Ground::new(episodes());
    let (cache, other) = (ground.at("cache"), ground.at("other.toml"));
    let (cache, other) = (["--cache", path(&cache)], ["--weights", path(&other)]);
    let both = [cache, other].concat();

    let first = known(&ground.run("first", &cache));
    for stage in ["speech", "embed", "transcribe"] {
        assert!(first[stage].0 < first[stage].1, "{stage} is asked: {first:?}");
    }
    let replay = known(&ground.run("replay", &both));
    for stage in ["speech", "embed"] {
        assert!(replay[stage].0 > 0 && replay[stage].0 == replay[stage].1, "{stage} is known: {replay:?}");
    }
    let plain = ground.run("plain", &other);
    assert!(!plain.err.contains("cache: "), "{}", plain.err);
    ground.same("replay", "plain");
    assert!(objects(&ground.at("first")) != objects(&ground.at("replay")), "the other ranker chooses otherwise");

    // Now the words of the spans that it looks at are known, too.
    let again = known(&ground.run("again", &both));
    assert!(again.values().all(|(hits, of)| hits == of), "{again:?}");
    assert!(again["transcribe"].0 > 0, "{again:?}");
    ground.same("again", "plain");
}

#[test]
fn a_job_that_is_killed_leaves_whole_results_and_the_next_one_ends_as_if_there_were_no_cache() {
    let ground = Ground::new(examples(&["small-wonders-1", "small-wonders-2", "long-ledger-2", "small-wonders-3"]));
    let cache = ground.at("cache");
    let args = ground.args("killed", &["--cache", path(&cache)]);
    let mut killed = Command::new(env!("CARGO_BIN_EXE_hark"))
        .args(args)
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary was built with the tests");
    let began = Instant::now();
    while recorded(&ground.at("killed"), "true") == 0 {
        assert!(began.elapsed() < Duration::from_secs(300), "no episode ends");
        std::thread::sleep(Duration::from_millis(10));
    }
    killed.kill().expect("it is our child"); // SIGKILL
    killed.wait().expect("it is our child");

    let after = known(&ground.run("after", &["--cache", path(&cache)]));
    assert!(after["speech"].0 > 0 && after["embed"].0 > 0, "what was heard before the kill is known: {after:?}");
    ground.run("plain", &[]);
    ground.same("after", "plain");
}

#[test]
fn a_drill_is_felt_where_results_are_known_and_what_it_does_is_not_kept() {
    let ground = Ground::new(examples(&["small-wonders-3"]));
    let cache = ground.at("cache");
    let cache = ["--cache", path(&cache)];
    ground.run("first", &cache);
    for (name, drill) in [("known", "embed=fail"), ("broken", "embed=break")] {
        ground.run(name, &[&cache[..], &["--drill", drill]].concat());
        assert_eq!(ground.variants(name), [Variant::Light], "{drill}");
    }
    let after = known(&ground.run("after", &cache));
    assert!(after.values().all(|(hits, of)| hits == of), "{after:?}");
    assert_eq!(ground.variants("after"), [Variant::Full]);
    ground.same("after", "first");
}

#[test]
fn a_damaged_cache_costs_computing_and_nothing_else() {
    let ground = Ground::new(examples(&["small-wonders-3"]));
    let cache = ground.at("cache");
    let args = ["--cache", path(&cache)];
    ground.run("first", &args);
    let file = cache.join("hark-cache.db");
    let bytes = std::fs::metadata(&file).expect("it is there").len();
    std::fs::write(&file, vec![0x5a; usize::try_from(bytes).expect("a size")]).expect("it is ours");
    let after = known(&ground.run("after", &args));
    assert!(after.values().all(|(hits, _)| *hits == 0), "{after:?}");
    ground.same("after", "first");
    let again = known(&ground.run("again", &args));
    assert!(again.values().all(|(hits, of)| hits == of), "it has mended itself: {again:?}");
}

#[test]
fn a_job_that_goes_on_shows_what_was_known() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a new folder");
    let words = bring_example(&folder.path().join("in"), "small-wonders-3.opus");
    let episode = json!({"id": "e", "show": "s", "title": "t", "audio": "small-wonders-3.opus", "transcript": words});
    announce(folder.path(), &[episode]);
    let cache = folder.path().join("cache");
    let run = || {
        let run = Running::start(folder.path(), &["--accept-gates", "--cache", path(&cache)]);
        run.wait_for_outcomes(1.0);
        let count = |what: &str| run.metric(&format!("hark_cache_{what}_total"));
        let counted = (count("hits"), count("misses"));
        run.wait_until("results on disk", |run| run.metric("hark_cache_bytes") > 10_000.0);
        assert_eq!(run.stop(), Some(0));
        counted
    };
    let (hits, misses) = run();
    assert!(hits == 0.0 && misses > 1.0, "{hits} {misses}");
    // Another job on the same episode.
    std::fs::rename(folder.path().join("out"), folder.path().join("before")).expect("the job has ended");
    assert_eq!(run(), (misses, 0.0));
    assert_eq!(differences(&folder.path().join("out"), &folder.path().join("before")), [""; 0]);
}

#[test]
fn a_comparison_of_layouts_takes_no_cache() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("episodes.jsonl");
    write_episodes(&input, examples(&["small-wonders-3"]));
    for cache in [&["--cache", "somewhere"][..], &["--cache=somewhere"]] {
        let args = ["bench", "--layouts", "fused", "--input", path(&input), "--output", path(folder.path()), "--"];
        let ran = hark(&[&args, cache].concat());
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains("--cache"), "{}", ran.err);
    }
}

#[test]
fn a_cache_that_cannot_be_is_named_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("episodes.jsonl");
    write_episodes(&input, examples(&["small-wonders-3"]));
    let said = |cache: &Path| {
        let output = folder.path().join("out");
        let ran = hark(&["batch", "--input", path(&input), "--output", path(&output), "--cache", path(cache)]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        ran.err
    };
    assert!(said(Path::new("/proc/hark")).contains("/proc/hark"));
    let theirs = folder.path().join("theirs");
    std::fs::create_dir(&theirs).expect("a new folder");
    let table = rusqlite::Connection::open(theirs.join("hark-cache.db")).expect("the folder is writable");
    table.execute_batch("CREATE TABLE precious (it TEXT)").expect("a new table");
    assert!(said(&theirs).contains("not a database that hark made"));
    assert_eq!(hark(&["batch", "--input", "x", "--output", "y", "--cache-mb", "100"]).code, 2, "of which cache?");
}
