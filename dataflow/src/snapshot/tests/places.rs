//! Folders and object stores; one writer.

use std::fs;

use super::*;

fn folder() -> (tempfile::TempDir, Arc<dyn Store>) {
    let temporary = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Folder::open(&temporary.path().join("state/snapshots")).unwrap());
    (temporary, store)
}

#[test]
fn a_folder_and_an_object_store_hold_the_same_files() {
    let (_temporary, folder) = folder();
    let remote = memory();
    for store in [&folder, &remote] {
        let snapshots = open(store);
        for commit in 1..=3 {
            let facts: Vec<Fact> = (0..50).map(|number| fact(number * commit)).collect();
            snapshots.append(&facts, &positions(commit as i64), commit as i64).unwrap();
            snapshots.full(|_| true).unwrap();
        }
        assert_eq!(snapshots.size().unwrap().files, files(store).len() as u64);
    }
    assert_eq!(files(&folder), files(&remote));
    assert_eq!(state(&folder), state(&remote));
}

fn files(store: &Arc<dyn Store>) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<String> = store.list().unwrap().into_iter().map(|(name, _)| name).collect();
    names.retain(|name| name != "lock");
    names.sort();
    names.into_iter().map(|name| (name.clone(), store.read(&name).unwrap())).collect()
}

#[test]
fn a_second_process_is_refused_while_the_first_lives_and_readers_are_not() {
    let (_temporary, store) = folder();
    let first = open(&store);
    first.append(&[fact(0)], &positions(1), 1).unwrap();
    let refused = Snapshots::open(Arc::clone(&store), 2, TINY).err().unwrap();
    assert!(matches!(refused, SnapshotError::Held { .. }));
    assert!(refused.to_string().contains("another process holds these snapshots; stop it first"), "{refused}");
    assert_eq!(state(&store).0.len(), 1);
    drop(first);
    Snapshots::open(store, 2, TINY).unwrap();
}

#[test]
fn of_two_processes_at_an_object_store_the_one_behind_is_refused_at_its_next_commit() {
    let store = memory();
    let first = open(&store);
    first.append(&[fact(0)], &positions(1), 1).unwrap();
    let second = Snapshots::open(Arc::clone(&store), 2, TINY).unwrap();
    second.append(&[fact(1)], &positions(2), 2).unwrap();
    let refused = first.append(&[fact(2)], &positions(2), 3).unwrap_err();
    assert!(matches!(refused, SnapshotError::Superseded { .. }), "{refused}");
    assert!(matches!(first.full(|_| true).unwrap_err(), SnapshotError::Broken { .. }));
    second.full(|_| true).unwrap();
    assert_eq!(state(&store).0, BTreeSet::from([fact(0), fact(1)]));
}

#[test]
fn a_process_of_an_earlier_generation_is_refused() {
    let store = memory();
    Snapshots::open(Arc::clone(&store), 7, TINY).unwrap().append(&[], &positions(1), 1).unwrap();
    let refused = Snapshots::open(Arc::clone(&store), 6, TINY).err().unwrap();
    assert!(matches!(refused, SnapshotError::Generation { found: 7, given: 6, .. }), "{refused}");
    Snapshots::open(store, 7, TINY).unwrap();
}

#[test]
fn half_written_files_of_a_dead_process_are_not_read_and_go_at_the_next_start() {
    let (temporary, store) = folder();
    open(&store).append(&[fact(0)], &positions(1), 1).unwrap();
    let half = temporary.path().join("state/snapshots/told-0000000000000001.snap.part");
    fs::write(&half, "half").unwrap();
    assert_eq!(state(&store).0.len(), 1);
    let next = open(&store);
    assert!(!half.exists());
    next.append(&[fact(1)], &positions(2), 2).unwrap();
}

#[test]
fn an_unreadable_place_is_an_error_with_its_name_and_never_an_empty_state() {
    let (temporary, store) = folder();
    open(&store).append(&[fact(0)], &positions(1), 1).unwrap();
    let file = temporary.path().join("state/snapshots/told-0000000000000000.snap");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    fs::write(temporary.path().join("state/snapshots/told-0000000000000001.snap"), "x").unwrap();
    assert!(matches!(load(Arc::clone(&store), 0, 1), Err(SnapshotError::Damaged { .. })));
    fs::remove_dir_all(temporary.path().join("state")).unwrap();
    let gone = load(store, 0, 1).err().unwrap();
    assert!(gone.to_string().contains("state/snapshots"), "{gone}");
}

#[test]
fn a_failed_append_is_told_again_after_a_new_start() {
    let store = memory();
    let dying = Snapshots::open(Dies::at(&store, 0, true), 1, TINY).unwrap();
    assert!(matches!(dying.append(&[fact(1)], &positions(1), 1), Err(SnapshotError::Store { .. })));
    assert!(matches!(dying.append(&[fact(1)], &positions(1), 1), Err(SnapshotError::Broken { .. })));
    let next = open(&store);
    next.append(&[fact(1), fact(4)], &positions(1), 1).unwrap();
    assert_eq!(state(&store).0, BTreeSet::from([fact(1), fact(4)]));
}
