//! A stream as it was live, and all of it once more as a backfill.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::command::{beside, chaos, count, hark, path, revisions, write_episodes};
use crate::job::{Job, day, talk, words};
use crate::oracle::differences;

/// What a stream brings: new episodes, with and without sound, and what becomes of them later.
struct Arrivals {
    drawn: fastrand::Rng,
    sound: Vec<String>,
    /// Id, words and the latest revision of each so far.
    episodes: Vec<(String, String, u64)>,
}

impl Arrivals {
    fn next(&mut self) -> Value {
        let id = format!("hour-{}", self.episodes.len());
        let published = self.drawn.u64(1..1_000_000);
        match self.drawn.u8(0..100) {
            0..60 => self.born(id.clone(), words(&id), published, None),
            60..66 => {
                let sound = self.drawn.choice(&self.sound).cloned();
                self.born(id.clone(), words(&id), published, sound)
            }
            66..70 => self.born(id, String::new(), published, Some("/nowhere.mp3".to_owned())),
            70..82 => match self.earlier() {
                // The same words under another name, published before or after.
                Some(at) => self.born(id, self.episodes[at].1.clone(), published, None),
                None => self.born(id.clone(), words(&id), published, None),
            },
            82..92 => self.later(false),
            _ => self.later(true),
        }
    }

    fn born(&mut self, id: String, words: String, published: u64, sound: Option<String>) -> Value {
        let mut episode = talk(&id, published);
        episode["transcript"]["text"] = words.clone().into();
        if words.is_empty() {
            episode.as_object_mut().expect("an object").remove("transcript");
        }
        if let Some(sound) = sound {
            episode["audio"] = sound.into();
        }
        self.episodes.push((id, words, 0));
        episode
    }

    fn earlier(&mut self) -> Option<usize> {
        (!self.episodes.is_empty()).then(|| self.drawn.usize(0..self.episodes.len()))
    }

    /// An earlier one in other words, or withdrawn.
    fn later(&mut self, withdrawn: bool) -> Value {
        let Some(at) = self.earlier() else { return self.next() };
        let (id, said, revision) = &mut self.episodes[at];
        *revision += 1;
        if withdrawn {
            return json!({"id": id, "revision": revision, "withdrawn": true});
        }
        *said = words(&format!("{id}-{revision}"));
        let mut episode = talk(id, 1_000_000 + *revision);
        episode["revision"] = (*revision).into();
        episode["transcript"]["text"] = said.clone().into();
        episode
    }
}

#[test]
fn a_stream_of_all_that_happens_replayed_as_a_backfill_gives_the_same_outcomes_and_bytes() {
    let (seconds, pace) = if chaos() { (3_600, 1.0) } else { (20, 4.0) };
    let job = Job::new(Broker::shared(), "hour");
    let sound = ["small-wonders-1.mp3", "small-wonders-2.m4a", "long-ledger-2.mp3"];
    let sound = sound.map(|name| beside(job.folder.path(), "audio", name)).to_vec();
    let mut arrivals = Arrivals { drawn: fastrand::Rng::with_seed(42), sound, episodes: Vec::new() };
    let run = job.run();
    let (began, mut due, mut sent) = (Instant::now(), Duration::ZERO, 0.0);
    while due < Duration::from_secs(seconds) {
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        job.send(&[arrivals.next()]);
        sent += 1.0;
        due += Duration::from_secs_f64(-(1.0 - arrivals.drawn.f64()).ln() / pace);
    }
    run.wait_until("all to be taken in", |run| run.metric("hark_announcements_total") >= sent);
    // What is corrected sets out once more a moment later.
    for _ in 0..5 {
        run.wait_until("nothing to be on its way", |run| run.metric("hark_in_flight_episodes") == 0.0);
        std::thread::sleep(Duration::from_secs(1));
    }
    assert_eq!(run.stop(), Some(0));
    let live = revisions(&job.output());
    for state in ["published", "duplicate", "failed", "taken_down"] {
        assert!(count(&live, state) > 0, "the stream has some of each: {state}");
    }
    let (address, ann, again) = (job.broker.address(), job.of("ann"), job.folder.path().join("again"));
    let (from, to) = (day(-1), day(2));
    let args = ["backfill", "--brokers", &address, "--announcements", &ann, "--from", &from, "--to", &to];
    let more = ["--output", path(&again), "--promote", "--accept-gates", "--allow-root", path(job.folder.path())];
    let ran = hark(&[&args[..], &more].concat());
    assert_eq!(ran.code, 3, "some have no audio: {}", ran.err);
    assert_eq!(differences(&again.join("current"), &job.output()), [""; 0], "of {sent} announcements");
    println!(
        "{sent} announcements in {seconds} s, {} published: the same outcomes and bytes",
        count(&live, "published")
    );
}

#[test]
fn a_batch_in_two_processes_gives_the_same_outcomes_and_bytes_as_in_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sound = ["small-wonders-1.mp3", "small-wonders-2.m4a"];
    let sound = sound.map(|name| beside(folder.path(), "audio", name)).to_vec();
    let mut arrivals = Arrivals { drawn: fastrand::Rng::with_seed(7), sound, episodes: Vec::new() };
    let input = folder.path().join("episodes.jsonl");
    write_episodes(&input, (0..80).map(|_| arrivals.next()));
    let output = |name: &str| folder.path().join(name);
    let batch = |to: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hark"));
        command.args(["batch", "--accept-gates", "--workers", "1", "--log", "json", "--input"]).arg(&input);
        // What it does to meanings is not in question here, and takes most of the time.
        command.args(["--drill", "embed=fail"]);
        command.arg("--output").arg(to).env("RUST_LOG", "error").stderr(Stdio::piped());
        command
    };
    let ended = |child: Child| {
        let ended = child.wait_with_output().expect("it was started");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(matches!(ended.status.code(), Some(0 | 3)), "{said}");
        said
    };
    ended(batch(&output("one")).spawn().expect("the binary was built"));
    let (hosts, token) = (output("hosts"), output("token"));
    let free = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let lines: String = free.iter().map(|port| format!("{}\n", port.local_addr().expect("it is bound"))).collect();
    std::fs::write(&hosts, lines).expect("the folder is writable");
    std::fs::write(&token, [b'x'; 40]).expect("the folder is writable");
    drop(free);
    let processes = ["0", "1"].map(|process| {
        let mut command = batch(&output("two"));
        command.args(["--process", process, "--hosts"]).arg(&hosts).arg("--cluster-token").arg(&token);
        command.spawn().expect("the binary was built")
    });
    let said = processes.map(ended);
    assert!(said.iter().all(|said| !said.contains("\n0 published")), "both had some: {said:?}");
    assert_eq!(differences(&output("two"), &output("one")), [""; 0]);
    let one = revisions(&output("one"));
    for state in ["published", "duplicate", "failed", "taken_down"] {
        assert!(count(&one, state) > 0, "the input has some of each: {state}");
    }
    assert!(output("two").join("index.html").exists() && !output("two").join(".staging").exists());
}
