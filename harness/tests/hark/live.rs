//! A job that goes on: a folder that is watched, by a process that may be killed at any moment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::{count, hark, objects, outcomes, path, root};

/// A wait longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(600);

/// A `hark run` on a folder.
pub struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        let (input, output) = (folder.join("in"), folder.join("out"));
        let mut args = vec!["run", "--embedded", "--input", path(&input), "--output", path(&output)];
        args.extend(["--listen", "127.0.0.1:0", "--log", "json", "--workers", "2"]);
        args.extend(more);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hark"));
        let mut child = command.args(args).stderr(Stdio::piped()).spawn().expect("the binary was built");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let address = lines.find_map(|line| {
            let line: Value = serde_json::from_str(&line.expect("its log is text")).ok()?;
            line["address"].as_str()?.parse().ok()
        });
        // Nobody may block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("it says where it listens before it ends") }
    }

    /// Status and body of a page.
    fn get(&self, page: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        write!(stream, "GET {page} HTTP/1.0\r\n\r\n").expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer.split_once("\r\n\r\n").expect("a body").1.to_owned())
    }

    /// The sum of a metric over its labels.
    fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values = text.lines().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.fold(0.0, |sum, value| sum + value)
    }

    pub fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !holds(self) {
            assert!(started.elapsed() < PATIENCE, "{what} does not come to hold: {}", self.get("/metrics").1);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn wait_for_outcomes(&self, count: f64) {
        self.wait_until("enough outcomes", |run| run.metric("hark_outcomes_total") >= count);
    }

    /// As an orchestrator stops it; its exit status.
    pub fn stop(mut self) -> Option<i32> {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.is_ok_and(|told| told.success()), "it still runs");
        self.child.wait().expect("it is our child").code()
    }

    /// As a machine loses it.
    pub fn kill(mut self) {
        self.child.kill().expect("it still runs");
        self.child.wait().expect("it is our child");
    }
}

/// A folder with `in`, and audio beside the announcements.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a new folder");
    for audio in ["small-wonders-1.mp3", "small-wonders-1-other-host.opus", "small-wonders-2.m4a", "long-ledger-2.mp3"]
    {
        std::fs::copy(root().join("examples/audio").join(audio), folder.path().join("in").join(audio))
            .expect("a new folder");
    }
    folder
}

/// Appends announcements to what the job watches.
pub fn announce(folder: &Path, episodes: &[Value]) {
    let mut file = File::options().create(true).append(true).open(folder.join("in/new.jsonl")).expect("a new folder");
    for episode in episodes {
        writeln!(file, "{episode}").expect("the folder is writable");
    }
}

fn episode(id: &str, published: u64, audio: &str) -> Value {
    json!({"id": id, "show": "s", "title": id, "published": published, "audio": audio})
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
    run.wait_until("all to have ended", |run| run.get("/readyz").0 == 200 && ended(&output, &all));
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

/// Whether each of these has its outcome, as far as can be read while the job runs.
fn ended(output: &Path, all: &[Value]) -> bool {
    let listed = hark(&["outcomes", "--output", path(output), "--json"]);
    listed.code == 0 && listed.out.lines().count() == all.len()
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
}
