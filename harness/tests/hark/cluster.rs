//! Several processes that are one cluster, any of which may be killed, stopped or started again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::{chaos, hark, outcomes, path, recorded, root};
use crate::live::announce;
use crate::oracle::differences;
use crate::running::Running;

/// A wait longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(300);

/// Announcements that appear little by little, and the folder of a cluster that works on them.
pub struct Workload {
    folder: tempfile::TempDir,
    episodes: Vec<Value>,
    announced: usize,
}

impl Workload {
    /// Short talks and texts; one in ten a copy, one in twenty no audio.
    pub fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let input = folder.path().join("in");
        std::fs::create_dir(&input).expect("a new folder");
        std::fs::write(input.join("noise.mp3"), b"this is no audio").expect("a new folder");
        let source = root().join("examples/audio/counter-talk-1.m4a");
        let episode = |at: usize| {
            let mut episode =
                json!({"id": format!("ep-{at}"), "show": "s", "title": format!("Episode {at}"), "published": at + 1});
            let talk = format!("talk-{at}.wav");
            match at % 20 {
                // Of a file that another episode has.
                9 | 19 => episode["audio"] = json!(format!("talk-{}.wav", at / 20 * 20)),
                13 => episode["audio"] = json!("noise.mp3"),
                0 | 5 | 10 | 15 => {
                    cut(&source, at as f64 % 120.0, 2.0 + (at % 9) as f64, &input.join(&talk));
                    episode["audio"] = json!(talk);
                    episode["transcript"] = json!({"text": words(at)});
                }
                _ => episode["transcript"] = json!({"text": words(at)}),
            }
            episode
        };
        let episodes = (0..count).map(episode).collect();
        Self { folder, episodes, announced: 0 }
    }

    /// So many more appear.
    pub fn announce(&mut self, more: usize) {
        let until = (self.announced + more).min(self.episodes.len());
        announce(self.folder.path(), &self.episodes[self.announced..until]);
        self.announced = until;
    }

    /// Where a test may put its own things too.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// What `hark run` is told of all this.
    pub fn args(&self) -> Vec<String> {
        let (input, output) = (self.folder.path().join("in"), self.output());
        let args = ["--embedded", "--input", path(&input), "--output", path(&output), "--accept-gates"];
        args.map(str::to_owned).into()
    }

    /// How many have their outcome.
    pub fn ended(&self) -> usize {
        recorded(&self.output(), "TRUE")
    }

    /// Whether each that was announced has its outcome.
    pub fn is_done(&self) -> bool {
        self.ended() >= self.announced
    }

    /// Waits until each that was announced has its outcome.
    pub fn wait(&self, cluster: &mut Cluster) {
        cluster.wait_until("an outcome of each", || self.is_done());
    }

    /// What was left wrong by whatever happened last is corrected by the next start: waits for that.
    fn settle(&self) {
        let run = Running::start(self.folder.path(), &["--accept-gates"]);
        run.wait_until("rows to be compared", |run| run.metric("hark_rows_compared") == 1.0);
        run.wait_until("an outcome of each", |run| run.metric("hark_in_flight_episodes") == 0.0 && self.is_done());
        assert_eq!(run.stop(), Some(0));
    }

    /// What is durable is what a batch makes of the same announcements, byte by byte.
    pub fn assert_as_without_faults(&self) {
        self.settle();
        let calm = tempfile::tempdir().expect("a temporary folder");
        let input = self.folder.path().join("in/new.jsonl");
        let ran = hark(&["batch", "--input", path(&input), "--output", path(calm.path()), "--accept-gates"]);
        assert!([0, 3].contains(&ran.code), "{}", ran.err);
        assert_eq!(outcomes(&self.output()).len(), self.announced, "each has exactly one outcome");
        assert_eq!(differences(&self.output(), calm.path()), [""; 0]);
    }
}

/// Some seconds of a talk.
fn cut(source: &Path, from: f64, seconds: f64, to: &Path) {
    let (from, seconds) = (from.to_string(), seconds.to_string());
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-ss",
        &from,
        "-t",
        &seconds,
        "-i",
        path(source),
        "-ac",
        "1",
        "-ar",
        "16000",
        path(to),
    ]);
    assert!(ffmpeg.status().is_ok_and(|status| status.success()), "ffmpeg is there, the build needs it");
}

/// Some sentences that nobody else says.
fn words(at: usize) -> String {
    let word = |n: usize| ["river", "market", "winter", "signal", "garden", "letter", "engine"][(at * 5 + n * n) % 7];
    let sentence = |n: usize| format!("In year {} the {} met the {} of place {at}.", 1900 + n, word(n), word(n + at));
    (0..12).map(sentence).collect::<Vec<_>>().join(" ")
}

/// A cluster and its supervisor.
pub struct Cluster {
    supervisor: Child,
}

impl Cluster {
    fn start(load: &Workload, processes: usize, workers: usize) -> Self {
        Self::launch(processes, workers, &load.args())
    }

    /// Of processes that are told this.
    pub fn launch(processes: usize, workers: usize, run: &[String]) -> Self {
        let run = [&["-w".to_owned(), workers.to_string()], run].concat();
        Self::sized(&["-n", &processes.to_string()], processes, &run)
    }

    /// Of so many processes, as `size` says, that are told this.
    pub fn sized(size: &[&str], processes: usize, run: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hark"));
        command.arg("cluster").args(size).args(["--listen", "127.0.0.1:0", "--failed-starts", "1000"]).args(run);
        command.env("RUST_LOG", "warn").stderr(Stdio::null());
        let supervisor = command.spawn().expect("the binary was built");
        let id = supervisor.id();
        let mut cluster = Self { supervisor };
        // Before that it does not listen to signals.
        cluster.wait_until("all processes to be started", || children(id).len() == processes);
        cluster
    }

    /// Waits for something, as long as the cluster has not given up.
    pub fn wait_until(&mut self, what: &str, holds: impl Fn() -> bool) {
        let started = Instant::now();
        while !holds() {
            std::thread::sleep(Duration::from_millis(100));
            assert!(self.supervisor.try_wait().expect("it is our child").is_none(), "the cluster has given up");
            assert!(started.elapsed() < PATIENCE, "{what} does not come to hold");
        }
    }

    /// Waits until it is so many processes of so many workers.
    pub fn wait_for_size(&mut self, processes: usize, workers: usize) {
        let (id, said) = (self.supervisor.id(), format!("\0--workers\0{workers}\0"));
        let command = |process: &u32| std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        self.wait_until("its size", || {
            let members = children(id);
            members.len() == processes && members.iter().all(|member| command(member).contains(&said))
        });
    }

    /// As a machine loses it.
    pub fn kill_one(&self, at: usize) {
        self.signal(self.members()[at], "-KILL");
    }

    /// The processes that are there at this moment.
    pub fn members(&self) -> Vec<u32> {
        children(self.supervisor.id())
    }

    fn signal(&self, process: u32, signal: &str) {
        // It may have gone just now.
        drop(Command::new("kill").args([signal, &process.to_string()]).stderr(Stdio::null()).status());
    }

    /// As an orchestrator stops it.
    pub fn drain(mut self) -> ExitStatus {
        self.signal(self.supervisor.id(), "-TERM");
        self.supervisor.wait().expect("it is our child")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.supervisor.kill());
        drop(self.supervisor.wait());
    }
}

/// The processes that a process has started.
fn children(of: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn whichever_process_is_killed_and_however_often_every_episode_ends_once_and_as_without() {
    let rounds: usize = if chaos() { 100 } else { 12 };
    let mut load = Workload::new(rounds * 5);
    let mut dice = Dice(7);
    load.announce(5);
    let mut cluster = Cluster::start(&load, 2, 1);
    for round in 0..rounds {
        load.announce(5);
        // One round in five kills at once again, as a crash loop does.
        let gap = if round % 5 == 4 { 50 } else { dice.below(4_000) };
        std::thread::sleep(Duration::from_millis(gap));
        let members = cluster.members();
        if !members.is_empty() {
            cluster.signal(members[dice.below(members.len() as u64) as usize], "-KILL");
        }
    }
    load.wait(&mut cluster);
    assert!(cluster.drain().success());
    load.assert_as_without_faults();
}

#[test]
fn a_drained_cluster_goes_on_with_any_other_number_of_processes_and_workers() {
    let rounds = if chaos() { 4 } else { 1 };
    let mut load = Workload::new(rounds * 60);
    for (processes, workers) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2)].repeat(rounds) {
        load.announce(12);
        let mut cluster = Cluster::start(&load, processes, workers);
        if processes == 2 {
            load.wait(&mut cluster);
        } else {
            // In the middle of its work, which the next takes up.
            std::thread::sleep(Duration::from_millis(2_500));
        }
        let began = Instant::now();
        assert!(cluster.drain().success());
        eprintln!("{processes} x {workers} drained in {:.1} s", began.elapsed().as_secs_f64());
        assert!(began.elapsed() < Duration::from_secs(40), "it drains within its deadline");
    }
    load.assert_as_without_faults();
}

#[test]
fn a_process_that_stands_still_holds_up_the_others_and_loses_nothing() {
    let mut load = Workload::new(20);
    load.announce(20);
    let mut cluster = Cluster::start(&load, 2, 1);
    std::thread::sleep(Duration::from_secs(2));
    let still = cluster.members()[1];
    cluster.signal(still, "-STOP");
    std::thread::sleep(Duration::from_secs(if chaos() { 30 } else { 12 }));
    cluster.signal(still, "-CONT");
    load.wait(&mut cluster);
    assert!(cluster.members().contains(&still), "nobody took it for gone");
    assert!(cluster.drain().success());
    load.assert_as_without_faults();
}

#[test]
fn a_cluster_that_cannot_run_says_why_and_gives_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("out");
    let nowhere = folder.path().join("nowhere");
    let cluster = |more: &[&str]| hark(&[&["cluster", "-n", "2", "--listen", "127.0.0.1:0"], more].concat());
    let ran = cluster(&["--failed-starts", "2", "--embedded", "--input", path(&nowhere), "--output", path(&output)]);
    assert!(ran.code == 1 && ran.err.contains("nowhere") && ran.err.contains("2 starts in a row"), "{}", ran.err);
    let ran = cluster(&["--no-such-option"]);
    assert!(ran.code == 2 && ran.err.contains("--no-such-option"), "{}", ran.err);
    let alone = ["run", "--embedded", "--input", path(folder.path()), "--output", path(&output), "--processes", "2"];
    let ran = hark(&alone);
    assert!(ran.code == 1 && ran.err.contains("--hosts") && ran.err.contains("--cluster-token"), "{}", ran.err);
}
