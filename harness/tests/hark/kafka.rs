//! Announcements in, previews and outcomes out, on a real broker.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::cluster::Cluster;
use crate::command::{Ran, beside, chaos, hark, outcomes, path, root};
use crate::job::{Job, day, talk, words};
use crate::oracle::differences;
use crate::running::Running;

#[test]
fn announcements_become_previews_outcomes_and_dead_letters_and_all_of_it_is_committed() {
    let job = Job::new(Broker::shared(), "walk");
    // A topic that takes more than hark reads: the dead letter has to fit all the same.
    job.broker.topic("walk-large", 1, &[("max.message.bytes", "4000000")]);
    job.send(&[talk("first", 1), talk("second", 2), json!({"id": "away", "title": "x", "audio": "/nowhere.mp3"})]);
    let ann = job.of("ann");
    let trace = [("trace", "4711"), ("ce_id", "17"), ("ce_specversion", "1.0")];
    job.broker.send_with(&ann, [("broken", Some(b"{\"id\": \"broken\"".to_vec()))], &trace);
    let large = vec![b'x'; 2_000_000];
    job.broker.send("walk-large", [("large", Some(large.clone()))]);
    let (address, output) = (job.broker.address(), job.output());
    let run = Running::launch(&[
        "--brokers",
        &address,
        "--announcements",
        &ann,
        "--announcements",
        "walk-large",
        "--previews",
        "walk-previews",
        "--outcomes-topic",
        "walk-outcomes",
        "--group",
        "walk",
        "--output",
        path(&output),
        "--accept-gates",
    ]);
    job.wait_for(&run, 5);
    job.send(&[json!({"id": "second", "revision": 1, "withdrawn": true}), talk("third", 3)]);
    job.wait_for(&run, 7);
    run.wait_until("no lag", |run| run.metric("hark_source_lag_messages") == 0.0);
    assert_eq!(run.metric("hark_dead_letters_total"), 3.0);
    assert_eq!(run.stop(), Some(0));
    job.all_is_committed();

    let previews = job.broker.read("walk-previews");
    assert_eq!(job.broker.compacted("walk-previews").into_keys().collect::<Vec<_>>(), ["first", "third"]);
    let withdrawn: Vec<_> = previews.iter().filter(|message| message.key.as_deref() == Some("second")).collect();
    assert_eq!(
        withdrawn.last().map(|last| (last.value.is_none(), last.headers["ce_type"].as_str())),
        Some((true, "hark.preview.withdrawn"))
    );
    let first = previews.iter().find(|message| message.key.as_deref() == Some("first")).expect("it is there");
    assert_eq!(
        (first.headers["ce_type"].as_str(), first.headers["ce_source"].as_str()),
        ("hark.preview", "/hark/walk")
    );
    assert!(
        first.headers.contains_key("hark_ingested_at") && !first.text().contains("ingested_at"),
        "{}",
        first.text()
    );
    let told = job.told();
    assert_eq!(told["away"]["reason"], "fetch.outside_root", "{told:#?}");
    assert_eq!(told["second"]["state"], "taken_down", "{told:#?}");

    let dead = job.broker.read("walk-ann.dlq");
    let broken = dead.iter().find(|letter| letter.key.as_deref() == Some("broken")).expect("it is there");
    assert_eq!(broken.text(), "{\"id\": \"broken\"", "the bytes that came");
    assert_eq!((broken.headers["trace"].as_str(), broken.headers["ce_id"].as_str()), ("4711", "17"));
    assert_eq!(
        (broken.headers["hark_topic"].as_str(), broken.headers["hark_code"].as_str()),
        ("walk-ann", "source.json")
    );
    assert!(dead.iter().any(|letter| letter.headers["hark_episode"] == "away"), "{dead:?}");
    let dead = job.broker.read("walk-large.dlq");
    assert_eq!((dead.len(), dead[0].value.as_deref()), (1, Some(&large[..])), "all of it fits");
    assert_eq!(dead[0].headers["hark_code"], "source.too_long");
}

#[test]
fn killed_anywhere_it_gives_what_a_batch_gives() {
    let job = Job::new(Broker::shared(), "killed");
    let mut all: Vec<Value> = (1..=10).map(|at| talk(&format!("talk {at}"), at)).collect();
    let folder = job.folder.path();
    let [first, copy] =
        ["small-wonders-1.mp3", "small-wonders-1-other-host.opus"].map(|name| beside(folder, "audio", name));
    // With its words, so that none have to be recognised.
    let words = beside(folder, "transcripts", "small-wonders-1.vtt");
    all.push(json!({"id": "spoken", "show": "s", "title": "x", "published": 20, "audio": first, "transcript": words}));
    all.push(json!({"id": "copy", "show": "s", "title": "x", "published": 21, "audio": copy, "transcript": words}));
    all.push(json!({"id": "missing", "show": "s", "title": "x", "audio": path(&folder.join("no.mp3"))}));
    job.send(&all);
    for death in ["messages:2", "acknowledged:2"] {
        assert_eq!(job.run_with(&["--die-after", death]).end(), None, "{death}: it died by a signal");
    }
    for pause in [600, 1_200, 2_000, 3_000] {
        let run = job.run();
        std::thread::sleep(Duration::from_millis(pause));
        run.kill();
    }
    let run = job.run();
    job.wait_for(&run, all.len());
    assert_eq!(run.stop(), Some(0));
    job.is_as_a_batch_of(&all);
    job.all_is_committed();
}

#[test]
fn in_transactions_readers_see_a_preview_with_its_outcome_or_neither_wherever_it_dies() {
    let job = Job::new(Broker::shared(), "together");
    let all: Vec<Value> = (1..=12).map(|at| talk(&format!("talk {at}"), at)).collect();
    job.send(&all[..6]);
    let together = || {
        let seen = |kind: &str| {
            let found = job.broker.read(&job.of(kind)).into_iter();
            found.filter_map(|message| message.key).collect::<std::collections::BTreeSet<_>>()
        };
        // All of these episodes have a preview. A commit reaches one partition after the other.
        let began = Instant::now();
        while seen("previews") != seen("outcomes") {
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}, {:?}", seen("previews"), seen("outcomes"));
        }
    };
    for death in ["messages:3", "acknowledged:1", "rows:1"] {
        assert_eq!(job.run_with(&["--transactions", "--die-after", death]).end(), None, "{death}: it died by a signal");
        together();
    }
    let run = job.run_with(&["--transactions"]);
    job.send(&all[6..]);
    run.wait_until("some to have ended", |_| job.listed() >= 7);
    run.kill();
    together();
    let run = job.run_with(&["--transactions"]);
    job.wait_for(&run, all.len());
    assert_eq!(run.stop(), Some(0));
    job.is_as_a_batch_of(&all);
    job.all_is_committed();
}

#[test]
fn a_broker_that_goes_away_and_comes_back_stops_nothing() {
    let broker = Broker::start();
    let job = Job::new(&broker, "away");
    let (rounds, seconds) = if chaos() { (10, 60) } else { (1, 6) };
    let all: Vec<Value> = (1..=4 + rounds * 4).map(|at| talk(&format!("away {at}"), at as u64)).collect();
    job.send(&all[..4]);
    let run = job.run();
    job.wait_for(&run, 1);
    for ended in (4..all.len()).step_by(4) {
        broker.kill();
        std::thread::sleep(Duration::from_secs(seconds));
        assert_eq!(run.get("/healthz").0, 200, "it waits");
        broker.restart();
        job.send(&all[ended..ended + 4]);
        let back = Instant::now();
        job.wait_for(&run, ended + 4);
        eprintln!("all have ended {:.1} s after the broker was back", back.elapsed().as_secs_f64());
    }
    broker.signal("STOP");
    std::thread::sleep(Duration::from_secs(2));
    broker.signal("CONT");
    assert_eq!(run.stop(), Some(0));
    job.is_as_a_batch_of(&all);
    job.all_is_committed();
}

#[test]
fn twice_and_in_any_order_gives_the_same_set() {
    let job = Job::new(Broker::shared(), "shuffled");
    let mut all: Vec<Value> = (1..=10).map(|at| talk(&format!("talk {at}"), at)).collect();
    // The same words under another name: which of the two is the copy depends on the dates alone.
    let mut copy = talk("talk 3", 99);
    copy["id"] = json!("copy of 3");
    all.push(copy);
    let mut shuffled: Vec<Value> = all.iter().chain(&all).cloned().collect();
    let mut seed = 4_711_usize;
    for at in (1..shuffled.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        shuffled.swap(at, (seed >> 33) % (at + 1));
    }
    job.send(&shuffled);
    let run = job.run();
    job.wait_for(&run, all.len());
    run.wait_until("all to be read", |run| run.metric("hark_repeated_announcements_total") >= all.len() as f64);
    assert_eq!(run.stop(), Some(0));
    job.is_as_a_batch_of(&all);
    job.all_is_committed();
}

#[test]
fn two_processes_share_the_partitions_one_commits_for_all_and_either_may_be_killed() {
    let job = Job::new(Broker::shared(), "shared");
    let all: Vec<Value> = (0..24).map(|at| talk(&format!("shared-{at}"), at + 1)).collect();
    job.send(&all[..12]);
    let mut cluster = Cluster::launch(2, 1, &job.args());
    cluster.wait_until("the first half to have ended", || job.listed() >= 12);
    cluster.kill_one(1);
    job.send(&all[12..]);
    cluster.wait_until("the rest to have ended", || job.listed() >= 24);
    assert!(cluster.drain().success());
    job.is_as_a_batch_of(&all);
    job.all_is_committed();
}

#[test]
fn what_a_topic_held_replayed_as_a_backfill_gives_the_same_outcomes_and_bytes() {
    let broker = Broker::shared();
    let job = Job::new(broker, "backfill");
    let mut all: Vec<Value> = (0..8).map(|at| talk(&format!("past-{at}"), at + 1)).collect();
    all.push(json!({"id": "past-3", "withdrawn": true}));
    all.push(json!({"id": "past-nowhere", "title": "x", "audio": "/nowhere.mp3"}));
    job.send(&all);
    let run = job.run();
    job.wait_for(&run, 9);
    run.wait_until("nothing to be on its way", |run| run.metric("hark_in_flight_episodes") == 0.0);
    assert_eq!(run.stop(), Some(0));
    let (ann, address, again) = (job.of("ann"), broker.address(), job.folder.path().join("again"));
    let backfill = |from: &str, to: &str| {
        let args = ["backfill", "--brokers", &address, "--announcements", &ann, "--from", from, "--to", to];
        hark(&[&args[..], &["--output", path(&again), "--promote", "--accept-gates"]].concat())
    };
    let ran = backfill(&day(-1), &day(2));
    assert_eq!(ran.code, 3, "one has no audio: {}", ran.err);
    assert_eq!(differences(&again.join("current"), &job.output()), [""; 0]);
    let ran = backfill(&day(-9), &day(-8));
    assert_eq!(ran.code, 0, "nothing was announced then: {}", ran.err);
    assert!(outcomes(&again.join("current")).is_empty());
}

#[test]
fn a_dead_letter_that_is_replayed_twice_is_published_once() {
    let job = Job::new(Broker::shared(), "again");
    let file = job.folder.path().join("late.txt");
    job.send(&[
        json!({"id": "late", "show": "s", "title": "Its file comes late", "transcript": path(&file)}),
        talk("other", 2),
    ]);
    let run = job.run();
    job.wait_for(&run, 2);
    assert_eq!(job.told()["late"]["state"], "failed");
    std::fs::write(&file, words("late")).expect("the folder is writable");
    let (address, ann) = (job.broker.address(), job.of("ann"));
    let replay = || {
        let ran = hark(&["replay", "--dead-letters", "--brokers", &address, "--announcements", &ann]);
        assert!(ran.code == 0 && ran.out.contains("1 dead letters"), "{} {}", ran.out, ran.err);
    };
    replay();
    run.wait_until("the preview", |run| run.metric("hark_preview_latency_seconds_count") >= 2.0);
    replay();
    run.wait_until("the repeat", |run| run.metric("hark_repeated_announcements_total") >= 1.0);
    assert_eq!(run.stop(), Some(0));
    let told = job.broker.read(&job.of("outcomes"));
    let of_late: Vec<&str> = told
        .iter()
        .filter(|message| message.key.as_deref() == Some("late"))
        .map(|message| if message.text().contains("\"published\"") { "published" } else { "failed" })
        .collect();
    assert_eq!(of_late, ["failed", "published"]);
    assert!(job.broker.compacted(&job.of("previews")).contains_key("late"));
    job.all_is_committed();
}

#[test]
fn what_is_wrong_with_brokers_and_topics_is_told_within_ten_seconds() {
    let broker = Broker::shared();
    broker.topic("wrong-ann", 1, &[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("out");
    let config = folder.path().join("client.properties");
    let run = |more: &[&str], properties: &str| -> Ran {
        std::fs::write(&config, properties).expect("the folder is writable");
        let args = ["run", "--output", path(&output), "--listen", "127.0.0.1:0", "--kafka-config", path(&config)];
        let started = Instant::now();
        let ran = hark(&[&args, more].concat());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}: {}", started.elapsed(), ran.err);
        assert_eq!(ran.code, 1, "{}", ran.err);
        ran
    };
    let (address, sasl) = (broker.address(), broker.sasl_address());
    let nobody = run(&["--brokers", "127.0.0.1:9", "--announcements", "wrong-ann"], "");
    assert!(nobody.err.contains("127.0.0.1:9") && nobody.err.contains("check --brokers"), "{}", nobody.err);
    let missing = run(&["--brokers", &address, "--announcements", "no-such"], "");
    assert!(missing.err.contains("no-such") && missing.err.contains("--announcements"), "{}", missing.err);
    let login = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=hark\nsasl.password=hunter2\n";
    let refused = run(&["--brokers", &sasl, "--announcements", "wrong-ann"], login);
    assert!(refused.err.contains("refuses the login") && refused.err.contains("sasl.password"), "{}", refused.err);
    assert!(!refused.err.contains("hunter2"), "{}", refused.err);
    let tls = run(&["--brokers", &address, "--announcements", "wrong-ann"], "security.protocol=SSL\n");
    assert!(tls.err.contains("TLS") && tls.err.contains("security.protocol"), "{}", tls.err);
    let unknown = run(&["--brokers", &address, "--announcements", "wrong-ann"], "sasl.pasword=hunter2\n");
    assert!(unknown.err.contains("sasl.pasword") && !unknown.err.contains("hunter2"), "{}", unknown.err);
    let none = run(&["--brokers", &address], "");
    assert!(none.err.contains("--announcements"), "{}", none.err);
    let right = login.replace("hunter2", "right");
    std::fs::write(&config, right).expect("the folder is writable");
    let lets_in = hark(&[
        "announce",
        "--brokers",
        &sasl,
        "--kafka-config",
        path(&config),
        "--topic",
        "wrong-ann",
        "--input",
        path(&root().join("examples/episodes.jsonl")),
    ]);
    assert_eq!(lets_in.code, 0, "{}", lets_in.err);
}
