//! What only a file can get wrong.

use std::time::Duration;

use rusqlite::Connection;

use super::super::{OutcomeTable, Which};
use crate::sink::SinkError;
use crate::sink::sample::failed;

#[test]
fn an_absent_table_leaves_an_empty_folder_empty() {
    let folder = tempfile::tempdir().unwrap();
    OutcomeTable::existing(folder.path()).err().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_byte_by_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(OutcomeTable::FILE);
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)").unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = OutcomeTable::open(folder.path()).err().unwrap();
    assert!(matches!(error, SinkError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(OutcomeTable::FILE), "no database at all ".repeat(100)).unwrap();
    let error = OutcomeTable::open(folder.path()).err().unwrap();
    assert!(matches!(error, SinkError::Corrupt { .. }) && error.to_string().contains("outcomes.db"), "{error}");
}

#[test]
fn a_table_held_by_another_process_says_so_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let table = OutcomeTable::open(folder.path()).unwrap();
    let impatient = OutcomeTable::open_waiting(&folder.path().join(OutcomeTable::FILE), Duration::ZERO).unwrap();
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
