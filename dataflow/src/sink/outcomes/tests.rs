use hark_operators::record::outcome::{Gate, State};
use proptest::prelude::*;

use super::*;
use crate::sink::sample::{failed, outcome, published};

fn table() -> (tempfile::TempDir, OutcomeTable) {
    let folder = tempfile::tempdir().unwrap();
    let table = OutcomeTable::open(folder.path()).unwrap();
    (folder, table)
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

#[test]
fn what_is_recorded_is_what_is_read_in_order_of_show_episode_revision() {
    let (_folder, table) = table();
    let outcomes = one_of_each();
    for outcome in outcomes.iter().rev() {
        assert_eq!(table.record(outcome).unwrap(), Recorded::New);
    }
    assert_eq!(table.read(Which::All).unwrap(), outcomes);
    assert_eq!(table.read(Which::Published).unwrap(), outcomes[..2]);
    assert_eq!(table.read(Which::Duplicates).unwrap(), outcomes[2..3]);
    assert_eq!(table.read(Which::Failed).unwrap(), outcomes[3..4]);
    assert_eq!(table.read(Which::TakenDown).unwrap(), outcomes[4..]);
    assert_eq!(table.read(Which::Episode("b")).unwrap(), outcomes[..2]);
    assert_eq!(table.one("b", 1).unwrap().as_ref(), Some(&outcomes[1]));
    assert_eq!(table.one("b", 2).unwrap(), None);
    let counts = table.counts().unwrap();
    assert_eq!((counts["published"], counts["failed"], counts.values().sum::<u64>()), (2, 1, 5));
}

#[test]
fn a_correction_replaces_and_an_identical_rewrite_changes_nothing() {
    let (_folder, table) = table();
    let first = failed("A", "a");
    let corrected = published("A", "a", 0);
    assert_eq!(table.record(&first).unwrap(), Recorded::New);
    assert_eq!(table.record(&first).unwrap(), Recorded::Unchanged);
    assert_eq!(table.record(&corrected).unwrap(), Recorded::Replaced);
    table.commit().unwrap();
    assert_eq!(table.record(&corrected).unwrap(), Recorded::Unchanged);
    assert_eq!(table.read(Which::All).unwrap(), [corrected]);
}

#[test]
fn committed_outcomes_survive_a_crash_and_later_ones_do_not() {
    let (folder, table) = table();
    table.record(&failed("A", "kept")).unwrap();
    assert_eq!(table.commit().unwrap(), 1);
    assert_eq!(table.commit().unwrap(), 0);
    table.record(&failed("A", "lost")).unwrap();
    // A crash: the files as they lie on disk, without the process that wrote them.
    let after = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "db-shm") {
            std::fs::copy(&path, after.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let found = OutcomeTable::existing(after.path()).unwrap().read(Which::All).unwrap();
    assert_eq!(found, [failed("A", "kept")]);
}

#[test]
fn workers_share_one_table() {
    let (_folder, table) = table();
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

#[test]
fn columns_answer_a_person_with_the_sqlite_shell() {
    let (folder, table) = table();
    for outcome in one_of_each() {
        table.record(&outcome).unwrap();
    }
    table.commit().unwrap();
    let shell = Connection::open(folder.path().join(OutcomeTable::FILE)).unwrap();
    let row = |sql: &str| shell.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    insta::assert_snapshot!(row(
        "SELECT preview_latency_seconds || ' ' || start_seconds || ' ' || json_extract(gates, '$.duration.limit') \
         FROM outcomes WHERE episode = 'b' AND revision = 1"
    ), @"12.5 61.37 15..=120");
    insta::assert_snapshot!(row("SELECT stage || ' ' || reason || ' ' || chain FROM outcomes WHERE state = 'failed'"), @r#"decode decode.truncated ["end of stream"]"#);
}

#[test]
fn what_cannot_be_measured_is_read_back_as_such() {
    let (_folder, table) = table();
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

#[test]
fn an_absent_table_is_not_made_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let error = OutcomeTable::existing(folder.path()).err().unwrap();
    assert!(matches!(error, SinkError::Absent { .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn another_schema_is_refused_by_its_number_and_left_alone() {
    let (folder, table) = table();
    drop(table);
    let file = folder.path().join(OutcomeTable::FILE);
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = OutcomeTable::open(folder.path()).err().unwrap();
    assert!(matches!(error, SinkError::Schema { found: 7, known: schema::VERSION, .. }), "{error}");
    assert!(error.to_string().contains("outcomes.db: holds outcomes of schema 7"), "{error}");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(OutcomeTable::FILE);
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)").unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = OutcomeTable::open(folder.path()).err().unwrap();
    assert!(matches!(error, SinkError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_damaged_file_and_a_damaged_row_are_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(OutcomeTable::FILE), "no database at all ".repeat(100)).unwrap();
    let error = OutcomeTable::open(folder.path()).err().unwrap();
    assert!(matches!(error, SinkError::Corrupt { .. }), "{error}");

    let (folder, table) = table();
    table.record(&failed("A", "the one")).unwrap();
    table.commit().unwrap();
    let shell = Connection::open(folder.path().join(OutcomeTable::FILE)).unwrap();
    shell.execute("UPDATE outcomes SET models = '[{'", []).unwrap();
    let error = table.read(Which::All).unwrap_err().to_string();
    assert!(error.contains("outcomes.db") && error.contains("the one") && error.contains("models"), "{error}");
}

#[test]
fn a_table_held_by_another_process_says_so_and_loses_nothing() {
    let (folder, table) = table();
    let file = folder.path().join(OutcomeTable::FILE);
    let impatient = OutcomeTable::open_waiting(&file, Duration::ZERO).unwrap();
    table.record(&failed("A", "a")).unwrap();
    let error = impatient.record(&failed("A", "b")).unwrap_err();
    assert!(matches!(error, SinkError::Locked { .. }), "{error}");
    table.commit().unwrap();
    impatient.record(&failed("A", "b")).unwrap();
    impatient.commit().unwrap();
    assert_eq!(table.read(Which::All).unwrap().len(), 2);
}

#[test]
fn a_folder_that_cannot_be_written_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for output in [file.join("below"), "/proc/hark".into()] {
        let error = OutcomeTable::open(&output).err().unwrap();
        assert!(matches!(error, SinkError::Unwritable { .. }), "{error}");
        assert!(error.to_string().contains("--output"), "{error}");
    }
}

#[test]
fn after_a_failed_write_no_commit_passes_for_one() {
    let (_folder, table) = table();
    table.record(&failed("A", "kept")).unwrap();
    table.commit().unwrap();
    table.writer().connection.pragma_update(None, "max_page_count", 12).unwrap();
    let mut big = failed("A", "big");
    big.announcement.description = "x".repeat(1 << 20);
    table.record(&failed("A", "pending")).unwrap();
    let error = table.record(&big).unwrap_err();
    assert!(matches!(error, SinkError::Unwritable { .. }), "{error}");
    assert!(matches!(table.commit(), Err(SinkError::Broken { lost: 2, .. })));
    assert!(matches!(table.record(&failed("A", "next")), Err(SinkError::Broken { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text and number comes back as it went in, and rows come in the order of Rust's strings.
    #[test]
    fn hostile_text_and_any_number_round_trip(
        texts in prop::collection::vec((any::<String>(), any::<String>(), any::<u64>()), 1..6),
        numbers in prop::collection::vec(-1e12f64..1e12, 4),
    ) {
        let (_folder, table) = table();
        let mut expected = std::collections::BTreeMap::new();
        for (show, episode, revision) in texts {
            let mut outcome = published(&show, &episode, revision);
            outcome.title = format!("{show}\0{episode}");
            outcome.ingested_at = numbers[0];
            let State::Published { selection, clips } = &mut outcome.state else { unreachable!() };
            selection.transcript = episode.clone();
            selection.scores.insert(show.clone(), numbers[1]);
            selection.span.start.0 = numbers[2];
            clips[0].loudness_lufs = numbers[3];
            table.record(&outcome).unwrap();
            expected.retain(|_, old: &mut Outcome| (old.episode.as_str(), old.revision) != (episode.as_str(), revision));
            expected.insert((show, episode, revision), outcome);
        }
        prop_assert_eq!(table.read(Which::All).unwrap(), expected.into_values().collect::<Vec<_>>());
    }
}
