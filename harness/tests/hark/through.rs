//! A stretch of the past through the job that is running.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::command::{hark, objects, outcomes, path};
use crate::job::{Job, day, talk};

/// Previews half as long as they are by themselves.
const SHORT: &str = "[length]
shortest_candidate = 15.0
longest_candidate = 30.0
ideal_from = 18.0
ideal_to = 25.0
";

#[test]
fn what_has_ended_is_chosen_anew_with_the_weights_of_now_and_asked_for_twice_once() {
    let job = Job::new(Broker::shared(), "through");
    let mut all: Vec<Value> = (1..=6).map(|at| talk(&format!("talk {at}"), at)).collect();
    all.push(json!({"id": "talk 3", "withdrawn": true}));
    all.push(json!({"id": "nowhere", "title": "x", "audio": "/nowhere.mp3"}));
    job.send(&all);
    let ann = job.of("ann");
    let run = job.run();
    job.wait_for(&run, 7);
    run.wait_until("the withdrawal", |_| outcomes(&job.output())["talk 3"]["state"] == "taken_down");
    assert_eq!(run.stop(), Some(0));
    let (asked, before) = (jiff::Timestamp::now().to_string(), objects(&job.output()));

    let weights = job.folder.path().join("short.toml");
    std::fs::write(&weights, SHORT).expect("the folder is ours");
    job.broker.topic("through-again", 2, &[]);
    let run = job.run_with(&["--announcements", "through-again", "--weights", path(&weights)]);
    let address = job.broker.address();
    let (from, to) = (day(-1), day(2));
    let backfill = |more: &[&str]| {
        let args = ["backfill", "--brokers", &address, "--announcements", &ann, "--from", &from, "--to", &to];
        let ran = hark(&[&args[..], &["--through", "through-again", "--older-than", &asked], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("--older-than"), "{}", ran.err);
        ran.out
    };
    let said = backfill(&[]);
    assert!(said.contains("announced 7 ") && said.contains("passed over 1 "), "{said}");
    run.wait_until("five previews and a failure", |run| run.metric("hark_outcomes_total") >= 6.0);
    backfill(&["--rate", "50"]);
    run.wait_until("the repeats", |run| run.metric("hark_repeated_announcements_total") >= 8.0);
    run.wait_until("nothing to be on its way", |run| run.metric("hark_in_flight_episodes") == 0.0);
    assert_eq!(run.metric("hark_outcomes_total"), 6.0, "nothing was done for the second call");
    assert_eq!(run.stop(), Some(0));
    assert_eq!(job.listed(), 7, "each has the one row that it had");
    assert_ne!(objects(&job.output()), before, "other weights give other previews");
    for message in job.broker.read("through-again") {
        assert_eq!(message.headers["hark_priority"], "backfill");
    }
    job.is_as_a_batch_with(&all, &["--weights", path(&weights)]);
}

#[test]
fn a_stretch_goes_somewhere_and_at_some_rate() {
    let backfill = |more: &[&str]| {
        let args = ["backfill", "--brokers", "127.0.0.1:9", "--announcements", "a", "--from", "2026-01-01"];
        hark(&[&args[..], &["--to", "2026-01-02"], more].concat())
    };
    for (more, told) in [
        (&[][..], "--through"),
        (&["--through", "b", "--rate", "0"], "a number of messages"),
        (&["--through", "b", "--output", "out"], "cannot be used with"),
        (&["--through", "b", "--promote"], "cannot be used with"),
    ] {
        let ran = backfill(more);
        assert!(ran.code == 2 && ran.err.contains(told), "{more:?}: {}", ran.err);
    }
}
