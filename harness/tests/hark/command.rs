//! Runs the real binary and reads what it left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// One finished run of the command.
pub struct Ran {
    /// Exit status.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `hark` with these arguments.
pub fn hark<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Ran {
    finished(Command::new(env!("CARGO_BIN_EXE_hark")).args(args))
}

fn finished(command: &mut Command) -> Ran {
    let ran = command.output().expect("the binary was built with the tests");
    Ran {
        code: ran.status.code().expect("hark is not killed by a signal"),
        out: String::from_utf8_lossy(&ran.stdout).into_owned(),
        err: String::from_utf8_lossy(&ran.stderr).into_owned(),
    }
}

/// Runs a batch and gives its outcomes by episode: what `hark outcomes --json` prints.
pub fn batch(input: &Path, output: &Path, more: &[&str]) -> (Ran, BTreeMap<String, Value>) {
    let mut args = vec!["batch", "--input", path(input), "--output", path(output)];
    args.extend(more);
    // What it works on stands in its output folder, where the next start finds and removes what a kill left.
    let ran = finished(Command::new(env!("CARGO_BIN_EXE_hark")).args(&args).env("TMPDIR", "/nonexistent"));
    (ran, outcomes(output))
}

/// Outcomes of an output folder by episode, of which none was revised.
pub fn outcomes(output: &Path) -> BTreeMap<String, Value> {
    listed(output, |episode, _revision| episode.to_owned())
}

/// Outcomes of an output folder by episode and revision.
pub fn revisions(output: &Path) -> BTreeMap<String, Value> {
    listed(output, |episode, revision| format!("{episode}, revision {revision}"))
}

fn listed(output: &Path, key: impl Fn(&str, u64) -> String) -> BTreeMap<String, Value> {
    let listed = hark(&["outcomes", "--output", path(output), "--json"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    let mut outcomes = BTreeMap::new();
    for line in listed.out.lines() {
        let outcome: Value = serde_json::from_str(line).expect("each line is a JSON object");
        let episode = outcome["episode"].as_str().expect("every outcome names its episode");
        let key = key(episode, outcome["revision"].as_u64().expect("and its revision"));
        assert!(outcomes.insert(key, outcome).is_none(), "there is exactly one outcome: {line}");
    }
    outcomes
}

/// How many rows the outcomes table has while a job writes it, of those that meet a condition; 0 before
/// there is one. Cheaper than asking the command, which a test that waits does often.
pub fn recorded(output: &Path, condition: &str) -> usize {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let count = Connection::open_with_flags(output.join("outcomes.db"), flags).and_then(|table| {
        table.query_row(&format!("SELECT count(*) FROM outcomes WHERE {condition}"), [], |row| row.get::<_, i64>(0))
    });
    count.map_or(0, |count| usize::try_from(count).expect("a count"))
}

/// Adds a file of the examples to a folder, and names it.
pub fn beside(folder: &Path, kind: &str, name: &str) -> String {
    let at = folder.join(name);
    std::fs::copy(root().join("examples").join(kind).join(name), &at).expect("a new folder");
    path(&at).to_owned()
}

/// Whether faults are to last longer than in the test-suite: `make chaos`.
pub fn chaos() -> bool {
    std::env::var_os("HARK_CHAOS").is_some()
}

/// How many outcomes have this state.
pub fn count(outcomes: &BTreeMap<String, Value>, state: &str) -> usize {
    outcomes.values().filter(|outcome| outcome["state"] == state).count()
}

/// The lines of `previews.jsonl`.
pub fn previews(output: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(output.join("previews.jsonl")).expect("a finished batch leaves previews.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is a JSON object")).collect()
}

/// Every file under `previews/` with its bytes, by path relative to the output.
pub fn objects(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![output.join("previews")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let at = entry.path();
            if at.is_dir() {
                folders.push(at);
            } else {
                let name = at.strip_prefix(output).expect("it lies under the output").to_owned();
                found.insert(name, std::fs::read(&at).expect("it was listed"));
            }
        }
    }
    found
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("harness lies in the repository").to_owned()
}

/// The shared test material, or `None` with a loud line where it is absent.
pub fn shared(test: &str) -> Option<PathBuf> {
    let data = std::env::var_os("HARK_SHARED_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if data.is_dir() {
        return Some(data.canonicalize().expect("it exists"));
    }
    eprintln!("SKIPPED {test}: ../shared/data is absent");
    None
}

/// Writes a JSON Lines file of episodes.
pub fn write_episodes(path: &Path, episodes: impl IntoIterator<Item = Value>) {
    let lines: Vec<String> = episodes.into_iter().map(|episode| episode.to_string() + "\n").collect();
    std::fs::write(path, lines.concat()).expect("the test's folder is writable");
}

/// A path as an argument.
pub fn path(path: &Path) -> &str {
    path.to_str().expect("the tests' paths are UTF-8")
}

/// Brings an example's audio into a folder, under its own name, and its transcript: its file name there.
/// With its words nobody has to recognise them, which takes longer than all else.
pub fn bring_example(folder: &Path, audio: &str) -> String {
    let examples = root().join("examples");
    let copy = |from: &Path, name: &str| std::fs::copy(from, folder.join(name)).expect("the folder is writable");
    copy(&examples.join("audio").join(audio), audio);
    let stem = audio.split('.').next().unwrap_or(audio).trim_end_matches("-other-host").trim_end_matches("-again");
    let transcripts = std::fs::read_dir(examples.join("transcripts")).expect("it is committed").flatten();
    let mut names = transcripts.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let words = names.find(|name| name.split('.').next() == Some(stem)).expect("nearly every example has one");
    copy(&examples.join("transcripts").join(&words), &words);
    words
}

/// Announcements of these examples, whose files stay where they are: jobs need `--allow-root`.
pub fn examples(ids: &[&str]) -> Vec<Value> {
    let examples = root().join("examples");
    let text = std::fs::read_to_string(examples.join("episodes.jsonl")).expect("it is committed");
    let mut episodes: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON Lines")).collect();
    episodes.retain(|episode| ids.contains(&episode["id"].as_str().unwrap_or_default()));
    assert_eq!(episodes.len(), ids.len(), "each of {ids:?} is an example");
    for episode in &mut episodes {
        for uri in ["/audio", "/transcript/uri"] {
            if let Some(uri) = episode.pointer_mut(uri) {
                *uri = path(&examples.join(uri.as_str().expect("a path"))).into();
            }
        }
    }
    episodes
}
