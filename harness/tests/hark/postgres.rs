//! Outcomes in a database: the real binary and a real server, which may be killed at any moment.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hark_dataflow::sink::previews::stable;
use hark_dataflow::sink::{OutcomeTable, Which};
use hark_operators::record::outcome::Outcome;
use serde_json::{Value, json};

use crate::command::{hark, path, write_episodes};
use crate::live::announce;
use crate::running::Running;
use crate::server::{PASSWORD, Server};

/// Episodes of which there are only words, so that a job with them is short.
fn episodes(numbers: std::ops::Range<usize>) -> Vec<Value> {
    let told = ["rivers", "bridges", "ovens", "glaciers", "ledgers", "lighthouses", "orchards", "tides"];
    // Words that no other episode has, or it would be a copy.
    let words = |about: &str| {
        (0..60).map(|i| format!("The {about}{i} saw a {about}{} near that {about}{}. ", i + 60, i + 120)).collect()
    };
    let episode = |n: usize| {
        let words: String = words(told[n]);
        json!({"id": format!("e{n}"), "show": "s", "title": told[n], "published": n + 1,
               "transcript": {"text": words, "media_type": "text/plain"}})
    };
    numbers.map(episode).collect()
}

fn rows(address: &str) -> Vec<Outcome> {
    let database = address.parse().expect("the test's server has an address");
    let table = OutcomeTable::connect_existing(&database).expect("the job left a table");
    table.read(Which::All).expect("it is readable")
}

fn ids(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.episode.as_str()).collect()
}

#[test]
fn a_batch_leaves_the_same_rows_in_postgres_as_in_sqlite() {
    let Some(server) = Server::start("a_batch_leaves_the_same_rows_in_postgres_as_in_sqlite") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, output, twin) = (folder.path().join("in.jsonl"), folder.path().join("out"), folder.path().join("twin"));
    let mut all = episodes(0..3);
    all.push(json!({"id": "gone", "show": "s", "title": "no audio\u{0} and a NUL", "audio": "gone.mp3"}));
    write_episodes(&input, all);
    let secret = folder.path().join("secret");
    std::fs::write(&secret, format!("{PASSWORD}\n")).expect("a new folder");
    let bare = server.bare_address("postgres");
    let at: [&str; 4] = ["--outcomes", &bare, "--outcomes-password-file", path(&secret)];
    let job = ["batch", "--accept-gates", "--input", path(&input), "--output"];
    let ran = hark(&[&job[..], &[path(&output)], &at].concat());
    assert_eq!(ran.code, 3, "{}", ran.err);
    let ran = hark(&[&job[..], &[path(&twin)]].concat());
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(output.join("index.html").is_file() && !output.join(OutcomeTable::FILE).exists());

    let postgres: Vec<Value> = rows(&server.address("postgres")).iter().map(stable).collect();
    let table = OutcomeTable::existing(&twin).expect("the job left a table");
    let sqlite: Vec<Value> = table.read(Which::All).expect("it is readable").iter().map(stable).collect();
    let sqlite: Value = serde_json::from_str(&json!(sqlite).to_string().replace("\\u0000", "\u{fffd}")).expect("JSON");
    assert_eq!(json!(postgres), sqlite);

    assert_eq!(server.sql("postgres", "SELECT count(*) FROM outcomes WHERE end_seconds > start_seconds"), "3");
    let listed = hark(&[&["outcomes"], &at[..]].concat());
    assert_eq!((listed.code, listed.out.lines().count()), (0, 5), "{}", listed.err);
    let explained = hark(&[&["dedupe", "explain", "e1"], &at[..]].concat());
    assert!(explained.code == 0 && explained.out.contains("e1 revision 0: published"), "{}", explained.err);
    let from_environment = Command::new(env!("CARGO_BIN_EXE_hark"))
        .args(["outcomes", "--failed", "--json", "--outcomes", &bare])
        .env("PGPASSWORD", PASSWORD)
        .output()
        .expect("the binary was built");
    assert_eq!(String::from_utf8_lossy(&from_environment.stdout).lines().count(), 1);
    let replayed = hark(&[&["replay", "--failed", "--output", path(&output)], &at[..]].concat());
    assert_eq!(replayed.code, 3, "its file is still gone: {}", replayed.err);
}

#[test]
fn a_database_that_cannot_be_used_is_told_at_once_with_a_remedy_and_no_password() {
    let Some(server) = Server::start("a_database_that_cannot_be_used_is_told_at_once") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("in.jsonl");
    write_episodes(&input, episodes(0..1));
    let cases = [
        (server.address("postgres").replace("correct", "hunter2"), "--outcomes-password-file"),
        (server.address("nowhere"), "createdb"),
        ("postgres://hark:hunter2@127.0.0.1:1/podcasts".to_owned(), "start the server"),
        ("postgres:/hark:hunter2@127.0.0.1/podcasts".to_owned(), "postgres://USER@HOST/DATABASE"),
    ];
    for (address, remedy) in cases {
        let started = Instant::now();
        let output = folder.path().join("out");
        let ran = hark(&["batch", "--input", path(&input), "--output", path(&output), "--outcomes", &address]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains(remedy), "{}", ran.err);
        assert!(!ran.err.contains("hunter2") && !ran.err.contains("horse"), "{}", ran.err);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}: {}", started.elapsed(), ran.err);
    }
}

fn watched() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a new folder");
    folder
}

fn start(folder: &Path, server: &Server) -> Running {
    Running::start(
        folder,
        &["--accept-gates", "--outcomes", &(server.address("postgres") + "?connect_timeout=2&answer_timeout=3")],
    )
}

#[test]
fn a_job_goes_on_while_its_database_restarts_and_while_it_is_frozen() {
    let Some(mut server) = Server::start("a_job_goes_on_while_its_database_restarts_and_while_it_is_frozen") else {
        return;
    };
    let folder = watched();
    announce(folder.path(), &episodes(0..3));
    let run = start(folder.path(), &server);
    run.wait_for_outcomes(3.0);
    server.kill();
    announce(folder.path(), &episodes(3..6));
    std::thread::sleep(Duration::from_secs(3));
    server.resume();
    run.wait_for_outcomes(6.0);
    server.freeze();
    announce(folder.path(), &episodes(6..8));
    std::thread::sleep(Duration::from_secs(8));
    server.thaw();
    run.wait_for_outcomes(8.0);
    assert_eq!(run.stop(), Some(0));
    assert_eq!(ids(&rows(&server.address("postgres"))), ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7"]);
}

#[test]
fn wherever_hark_is_killed_each_revision_has_one_row() {
    let Some(server) = Server::start("wherever_hark_is_killed_each_revision_has_one_row") else { return };
    let folder = watched();
    announce(folder.path(), &episodes(0..8));
    for pause in [900, 1_600, 2_400] {
        let run = start(folder.path(), &server);
        std::thread::sleep(Duration::from_millis(pause));
        run.kill();
    }
    let run = start(folder.path(), &server);
    run.wait_until("all to have ended", |_| rows(&server.address("postgres")).len() == 8);
    assert_eq!(run.stop(), Some(0));
    let left = rows(&server.address("postgres"));
    let distinct: BTreeSet<_> = left.iter().map(|outcome| (&outcome.episode, outcome.revision)).collect();
    assert_eq!((left.len(), distinct.len()), (8, 8));
}
