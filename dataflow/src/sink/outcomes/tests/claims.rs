//! The claims that hold on either database.

use hark_operators::record::outcome::{Gate, Outcome, State};
use proptest::prelude::*;

use super::super::{Inside, Recorded, Spared, Which, columns};
use super::ground::Ground;
use crate::sink::SinkError;
use crate::sink::sample::{failed, outcome, published};

/// Makes of each claim a test on SQLite and one on Postgres.
macro_rules! on_both {
    ($($claim:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $claim() { if let Some(ground) = super::Ground::sqlite() { super::$claim(&ground) } })*
        }
        mod on_postgres {
            $(#[test] fn $claim() { if let Some(ground) = super::Ground::postgres() { super::$claim(&ground) } })*
        }
    };
}

on_both! {
    what_is_recorded_is_what_is_read_in_order_of_show_episode_revision
    a_correction_replaces_and_an_identical_rewrite_changes_nothing
    revisions_that_fell_to_a_later_one_are_not_read_again
    committed_outcomes_survive_a_crash_and_later_ones_do_not
    workers_share_one_table
    columns_answer_a_person_who_asks_the_database
    what_cannot_be_measured_is_read_back_as_such
    what_duplicates_spared_is_summed_up
    an_absent_table_is_not_made_by_reading
    another_schema_is_refused_by_its_number
    what_another_program_made_is_refused_and_left_as_it_was
    a_damaged_row_is_named
    after_a_failed_write_no_commit_passes_for_one
    ids_and_names_of_any_length_have_their_rows
    hostile_text_and_any_number_round_trip
}

fn one_of_each() -> Vec<Outcome> {
    let duplicate = State::Duplicate { of: "b".into(), level: "digest".into(), via: "b".into(), similarity: 1.0 };
    vec![
        published("A", "b", 0),
        published("A", "b", 1),
        outcome("A", "c", 0, duplicate),
        failed("B", "a"),
        outcome("C", "a2", 0, State::TakenDown { revised_by: Some(u64::MAX) }),
    ]
}

fn what_is_recorded_is_what_is_read_in_order_of_show_episode_revision(ground: &Ground) {
    let table = ground.table();
    let outcomes = one_of_each();
    for outcome in outcomes.iter().rev() {
        assert_eq!(table.record(outcome).unwrap(), Recorded::New);
    }
    assert_eq!(table.recorded(Which::Episode("b")).unwrap(), outcomes[..2], "before it is durable");
    assert_eq!(table.read(Which::All).unwrap(), outcomes);
    assert_eq!(table.read(Which::Published).unwrap(), outcomes[..2]);
    assert_eq!(table.read(Which::Duplicates).unwrap(), outcomes[2..3]);
    assert_eq!(table.read(Which::Failed).unwrap(), outcomes[3..4]);
    assert_eq!(table.read(Which::TakenDown).unwrap(), outcomes[4..]);
    assert_eq!(table.read(Which::Episode("b")).unwrap(), outcomes[..2]);
    assert_eq!(table.read(Which::After("b", 0)).unwrap(), outcomes[1..2]);
    assert_eq!(table.read(Which::After("b", 1)).unwrap(), []);
    assert_eq!(table.one("b", 1).unwrap().as_ref(), Some(&outcomes[1]));
    assert_eq!(table.one("b", 2).unwrap(), None);
    let counts = table.counts().unwrap();
    assert_eq!((counts["published"], counts["failed"], counts.values().sum::<u64>()), (2, 1, 5));
}

fn a_correction_replaces_and_an_identical_rewrite_changes_nothing(ground: &Ground) {
    let table = ground.table();
    let first = failed("A", "a");
    let corrected = published("A", "a", 0);
    assert_eq!(table.record(&first).unwrap(), Recorded::New);
    assert_eq!(table.record(&first).unwrap(), Recorded::Unchanged);
    assert_eq!(table.record(&corrected).unwrap(), Recorded::Replaced);
    table.commit().unwrap();
    assert_eq!(table.record(&corrected).unwrap(), Recorded::Unchanged);
    assert_eq!(table.read(Which::All).unwrap(), [corrected]);
}

fn revisions_that_fell_to_a_later_one_are_not_read_again(ground: &Ground) {
    let table = ground.table();
    let ended = |revision, state| outcome("A", "a", revision, state);
    let outcomes = [
        ended(0, State::TakenDown { revised_by: Some(1) }),
        published("A", "a", 1),
        ended(2, State::TakenDown { revised_by: None }),
        published("A", "a", u64::MAX - 1),
        ended(u64::MAX, State::TakenDown { revised_by: Some(0) }),
    ];
    for outcome in &outcomes {
        table.record(outcome).unwrap();
    }
    let standing = |upto| table.recorded(Which::Standing("a", upto)).unwrap();
    assert_eq!(standing(0), outcomes[..1], "but for the one that is asked for");
    assert_eq!(standing(1), outcomes[1..2]);
    assert_eq!(standing(9), outcomes[1..3]);
    assert_eq!(standing(u64::MAX - 1), outcomes[1..4], "beyond the numbers that a table can tell in order");
    assert_eq!(standing(u64::MAX), outcomes[1..]);
    let after = |revision| table.recorded(Which::After("a", revision)).unwrap();
    assert_eq!([0, 2, u64::MAX - 1, u64::MAX].map(|revision| after(revision).len()), [4, 2, 1, 0]);
}

fn committed_outcomes_survive_a_crash_and_later_ones_do_not(ground: &Ground) {
    let table = ground.table();
    table.record(&failed("A", "kept")).unwrap();
    assert_eq!(table.commit().unwrap(), 1);
    assert_eq!(table.commit().unwrap(), 0);
    table.record(&failed("A", "lost")).unwrap();
    let (found, _folder) = ground.after_a_crash();
    assert_eq!(found.read(Which::All).unwrap(), [failed("A", "kept")]);
}

fn workers_share_one_table(ground: &Ground) {
    let table = ground.table();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let table = &table;
            scope.spawn(move || {
                for item in 0..25 {
                    table.record(&failed("A", &format!("{worker}/{item}"))).unwrap();
                    if item % 7 == 0 {
                        table.commit().unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(table.read(Which::Failed).unwrap().len(), 100);
}

fn columns_answer_a_person_who_asks_the_database(ground: &Ground) {
    let table = ground.table();
    for outcome in one_of_each() {
        table.record(&outcome).unwrap();
    }
    table.commit().unwrap();
    let limit = if ground.is_postgres() {
        "(gates::json #>> '{duration,limit}')"
    } else {
        "json_extract(gates, '$.duration.limit')"
    };
    insta::allow_duplicates! {
        insta::assert_snapshot!(ground.answer(&format!(
            "SELECT preview_latency_seconds || ' ' || start_seconds || ' ' || {limit} \
             FROM outcomes WHERE episode = 'b' AND revision = 1"
        )), @"12.5 61.37 15..=120");
        insta::assert_snapshot!(ground.answer("SELECT stage || ' ' || reason || ' ' || chain FROM outcomes WHERE state = 'failed'"), @r#"decode decode.truncated ["end of stream"]"#);
    }
}

fn what_cannot_be_measured_is_read_back_as_such(ground: &Ground) {
    let table = ground.table();
    let mut silent = published("A", "a", 0);
    silent.completed_at = f64::NAN;
    let State::Published { selection, clips } = &mut silent.state else { unreachable!() };
    clips[0].loudness_lufs = f64::NEG_INFINITY;
    selection.scores.insert("speech".into(), f64::NAN);
    selection
        .gates
        .insert("loudness".into(), Gate { pass: false, measured: Some(f64::NEG_INFINITY), limit: "-16".into() });
    table.record(&silent).unwrap();
    let found = table.one("a", 0).unwrap().unwrap();
    let State::Published { selection, clips } = found.state else { unreachable!() };
    assert_eq!(clips[0].loudness_lufs, -200.0);
    assert!(!selection.scores.contains_key("speech"));
    assert_eq!(selection.gates["loudness"].measured, None);
    assert_eq!(found.completed_at, 0.0);
}

fn what_duplicates_spared_is_summed_up(ground: &Ground) {
    let table = ground.table();
    for outcome in one_of_each() {
        table.record(&outcome).unwrap();
    }
    // Its canonical has two revisions of 600 s, whose stages before the models took all the time.
    assert_eq!(table.spared().unwrap(), Spared { bytes: 0, decoded_seconds: 1200.0, computing_seconds: 0.0 });
}

fn an_absent_table_is_not_made_by_reading(ground: &Ground) {
    for _ in 0..2 {
        let error = ground.existing().err().unwrap();
        assert!(matches!(error, SinkError::Absent { .. }), "{error}");
    }
}

fn another_schema_is_refused_by_its_number(ground: &Ground) {
    drop(ground.table());
    ground.run(if ground.is_postgres() { "UPDATE hark_schema SET version = 7" } else { "PRAGMA user_version = 7" });
    let error = ground.open().err().unwrap();
    assert!(matches!(error, SinkError::Schema { found: 7, known: columns::VERSION, .. }), "{error}");
    assert!(error.to_string().contains(": holds outcomes of schema 7"), "{error}");
}

fn what_another_program_made_is_refused_and_left_as_it_was(ground: &Ground) {
    ground.run("CREATE TABLE outcomes (x integer); INSERT INTO outcomes VALUES (1)");
    let error = ground.open().err().unwrap();
    assert!(matches!(error, SinkError::Foreign { .. }), "{error}");
    assert_eq!(ground.answer("SELECT 'x is ' || x FROM outcomes"), "x is 1");
}

fn a_damaged_row_is_named(ground: &Ground) {
    let table = ground.table();
    table.record(&failed("A", "the one")).unwrap();
    table.commit().unwrap();
    ground.run("UPDATE outcomes SET models = '[{'");
    let error = table.read(Which::All).unwrap_err().to_string();
    let place = table.place().to_string();
    assert!(error.contains(&place) && error.contains("the one") && error.contains("models"), "{error}");
}

fn after_a_failed_write_no_commit_passes_for_one(ground: &Ground) {
    let table = ground.table();
    table.record(&failed("A", "kept")).unwrap();
    table.commit().unwrap();
    match &table.inside {
        Inside::Sqlite(table) => table.limit_pages(12),
        Inside::Postgres(_) => ground.run("ALTER TABLE outcomes ADD CHECK (length(announcement) < 100000)"),
    }
    let mut big = failed("A", "big");
    big.announcement.description = "x".repeat(1 << 20);
    table.record(&failed("A", "pending")).unwrap();
    let error = table.record(&big).unwrap_err();
    assert!(matches!(error, SinkError::Unwritable { .. } | SinkError::Refused { .. }), "{error}");
    assert!(matches!(table.commit(), Err(SinkError::Broken { lost: 2, .. })));
    assert!(matches!(table.record(&failed("A", "next")), Err(SinkError::Broken { .. })));
}

fn ids_and_names_of_any_length_have_their_rows(ground: &Ground) {
    let table = ground.table();
    // Such that no compression makes them short.
    let long = |seed: &str| -> String {
        (0..200u32).map(|i| blake3::hash(format!("{seed}{i}").as_bytes()).to_hex().to_string()).collect()
    };
    let outcomes = [failed(&long("show"), &(long("id") + "1")), failed(&long("show"), &(long("id") + "2"))];
    for outcome in &outcomes {
        assert_eq!(table.record(outcome).unwrap(), Recorded::New);
    }
    assert_eq!(table.read(Which::All).unwrap(), outcomes);
    assert_eq!(table.read(Which::Episode(&outcomes[1].episode)).unwrap(), outcomes[1..]);
}

/// Any text and number comes back as it went in, and rows come in the order of Rust's strings.
fn hostile_text_and_any_number_round_trip(ground: &Ground) {
    let table = ground.table();
    let cases = if ground.is_postgres() { 16 } else { 48 };
    // The one character that Postgres cannot keep.
    let kept = |text: &str| if ground.is_postgres() { text.replace('\0', "\u{fffd}") } else { text.to_owned() };
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let texts = prop::collection::vec((any::<String>(), any::<String>(), any::<u64>()), 1..6);
    let expected = std::cell::RefCell::new(std::collections::BTreeMap::new());
    let strategy = (texts, prop::collection::vec(-1e12f64..1e12, 4));
    proptest::test_runner::TestRunner::new(config)
        .run(&strategy, |(texts, numbers)| {
            let mut expected = expected.borrow_mut();
            for (show, episode, revision) in texts {
                let (show, episode) = (kept(&show), kept(&episode));
                let mut outcome = published(&show, &episode, revision);
                outcome.title = format!("{show}\0{episode}");
                outcome.ingested_at = numbers[0];
                let State::Published { selection, clips } = &mut outcome.state else { unreachable!() };
                selection.transcript = episode.clone() + "\0 \\u0000";
                selection.scores.insert(show.clone(), numbers[1]);
                selection.span.start.0 = numbers[2];
                clips[0].loudness_lufs = numbers[3];
                table.record(&outcome).unwrap();
                outcome.title = kept(&outcome.title);
                let State::Published { selection, .. } = &mut outcome.state else { unreachable!() };
                selection.transcript = kept(&selection.transcript);
                expected.retain(|_, old: &mut Outcome| {
                    (old.episode.as_str(), old.revision) != (episode.as_str(), revision)
                });
                expected.insert((show, episode, revision), outcome);
            }
            prop_assert_eq!(table.read(Which::All).unwrap(), expected.values().cloned().collect::<Vec<_>>());
            Ok(())
        })
        .unwrap();
}
