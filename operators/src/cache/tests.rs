//! What is given is what was put, or nothing, whatever befell the file.

use std::io::{Seek, SeekFrom, Write};

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;

/// More than any of these tests puts.
const ROOM: u64 = 100_000_000;

fn open(folder: &Path, bytes: u64) -> Arc<Cache> {
    Arc::new(Cache::open(folder, bytes).unwrap())
}

fn results(cache: &Arc<Cache>) -> Results {
    Results::new(cache.clone(), Stage::Speech, "a model")
}

/// The value of an entry of these tests, as long as an embedding.
fn value(at: u32) -> Vec<u8> {
    (0..384).flat_map(|place| (at * 1000 + place).to_le_bytes()).collect()
}

fn put(cache: &Arc<Cache>, entries: impl IntoIterator<Item = u32>) {
    let results = results(cache);
    for at in entries {
        results.put(results.key(&[&at.to_le_bytes()]), value(at));
    }
    cache.settle();
}

/// Of each entry whether it is known. What is given is always the right value.
fn known(cache: &Arc<Cache>, entries: impl IntoIterator<Item = u32>) -> Vec<bool> {
    let mut results = results(cache);
    let mut is_known = |at: u32| {
        let key = results.key(&[&at.to_le_bytes()]);
        let found = results.get(&key);
        assert!(found.as_ref().is_none_or(|found| *found == value(at)), "another value under the key of {at}");
        found.is_some()
    };
    entries.into_iter().map(&mut is_known).collect()
}

/// Copies what a process that was killed now would leave.
fn killed(from: &Path, to: &Path) {
    for part in ["hark-cache.db", "hark-cache.db-wal"] {
        std::fs::copy(from.join(part), to.join(part)).unwrap();
    }
}

#[test]
fn a_result_outlives_its_process_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let bits: Vec<u8> =
        [f32::NAN, -0.0, f32::MIN_POSITIVE / 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let cache = open(folder.path(), ROOM);
    let mut here = results(&cache);
    let key = here.key(&[b"content"]);
    assert_eq!(here.get(&key), None);
    here.put(key, bits.clone());
    cache.settle();
    assert_eq!(here.get(&key), Some(bits.clone()));
    drop((here, cache));
    assert_eq!(results(&open(folder.path(), ROOM)).get(&key), Some(bits));
}

#[test]
fn another_stage_maker_or_content_is_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), ROOM);
    let key = |stage, maker: &str, content: &[u8]| Results::new(cache.clone(), stage, maker).key(&[content]);
    let keys = [
        key(Stage::Speech, "weights 1 f32", b"content"),
        key(Stage::Embed, "weights 1 f32", b"content"),
        key(Stage::Speech, "weights 2 f32", b"content"),
        key(Stage::Speech, "weights 1 bf16", b"content"),
        key(Stage::Speech, "weights 1 f32", b"Content"),
    ];
    let different: std::collections::BTreeSet<Key> = keys.into_iter().collect();
    assert_eq!(different.len(), keys.len());
    assert_eq!(keys[0], key(Stage::Speech, "weights 1 f32", b"content"));
}

#[test]
fn processes_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path(), ROOM), open(folder.path(), ROOM));
    put(&one, 0..50);
    put(&other, 50..100);
    assert!(known(&one, 0..100).iter().all(|known| *known));
    assert!(known(&other, 0..100).iter().all(|known| *known));
}

#[test]
fn a_killed_process_leaves_whole_results_wherever_its_journal_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), ROOM);
    put(&cache, 0..100);
    // In the journal, not in the file.
    let results = results(&cache);
    for at in 100..200 {
        results.put(results.key(&[&u32::to_le_bytes(at)]), value(at));
    }
    let journal = folder.path().join("hark-cache.db-wal");
    while std::fs::metadata(&journal).unwrap().len() < 150_000 {
        std::thread::yield_now();
    }
    let copy = tempfile::tempdir().unwrap();
    killed(folder.path(), copy.path());
    let whole = std::fs::read(copy.path().join("hark-cache.db-wal")).unwrap();
    for length in [0, 10, 32, whole.len() / 3, whole.len() - 1000] {
        let torn = tempfile::tempdir().unwrap();
        killed(copy.path(), torn.path());
        std::fs::write(torn.path().join("hark-cache.db-wal"), &whole[..length]).unwrap();
        let again = open(torn.path(), ROOM);
        let whole = known(&again, 0..200).iter().filter(|known| **known).count();
        assert!((100..200).contains(&whole), "{whole} results of {length} bytes of journal");
        put(&again, 100..200);
        assert!(known(&again, 0..200).iter().all(|known| *known));
    }
}

/// Writes noise over a part of a file.
fn damage(file: &Path, from: u64, length: usize) {
    let mut file = File::options().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    let noise: Vec<u8> = (0..length).map(|at| (at * 7919 % 251) as u8 | 1).collect();
    file.write_all(&noise).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn damage_anywhere_costs_misses_and_never_a_wrong_value_and_is_mended(place in 0.0..1.0f64, length in 1usize..20_000) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hark-cache.db");
        put(&open(folder.path(), ROOM), 0..200);
        let whole = std::fs::metadata(&file).unwrap().len();
        damage(&file, (whole as f64 * place) as u64, length);
        let cache = open(folder.path(), ROOM);
        // What is given is right, which `known` sees to; who finds the damage may lose what it puts. Only keys
        // that were harmed and still look like keys may cost a miss for good: too few bytes to be drawn here.
        for _ in 0..3 {
            known(&cache, 0..200);
            put(&cache, 0..200);
        }
        prop_assert!(known(&cache, 0..200).iter().all(|known| *known));
    }
}

#[test]
fn a_flipped_bit_of_a_value_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    put(&open(folder.path(), ROOM), 0..3);
    let table = Connection::open(folder.path().join("hark-cache.db")).unwrap();
    let flipped: Vec<u8> = table.query_row("SELECT value FROM results WHERE id = 2", [], |row| row.get(0)).unwrap();
    let flipped: Vec<u8> = flipped.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 700)).collect();
    table.execute("UPDATE results SET value = ?1 WHERE id = 2", [flipped]).unwrap();
    // And one whose key now names another's value.
    table.execute("UPDATE results SET value = (SELECT value FROM results WHERE id = 1) WHERE id = 3", []).unwrap();
    let cache = open(folder.path(), ROOM);
    assert_eq!(known(&cache, 0..3), [true, false, false]);
    put(&cache, 0..3);
    assert_eq!(known(&cache, 0..3), [true; 3]);
}

#[test]
fn what_is_no_database_is_replaced_and_anothers_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hark-cache.db");
    std::fs::write(&file, "no database".repeat(1000)).unwrap();
    put(&open(folder.path(), ROOM), 0..3);
    assert_eq!(known(&open(folder.path(), ROOM), 0..3), [true; 3]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hark-cache.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (precious TEXT)").unwrap();
    let error = Cache::open(folder.path(), ROOM).err().unwrap();
    assert!(matches!(error, CacheError::Foreign { .. }) && error.to_string().contains("--cache"), "{error}");
    assert!(Connection::open(&file).unwrap().prepare("SELECT precious FROM theirs").is_ok());

    let error = Cache::open(Path::new("/proc/hark"), ROOM).err().unwrap();
    assert!(error.to_string().contains("/proc/hark"), "{error}");
}

#[test]
fn the_file_stays_within_its_room_and_keeps_what_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let room = 4_000_000;
    let cache = open(folder.path(), room);
    put(&cache, 0..10);
    // 20 MB, of which the first ten entries are used from time to time.
    for block in 1..50 {
        put(&cache, block * 250..(block + 1) * 250);
        assert!(known(&cache, 0..10).iter().all(|known| *known), "what is used stays, until block {block}");
        cache.settle();
        assert!(cache.bytes() <= room, "{} bytes", cache.bytes());
        assert_eq!(cache.bytes(), std::fs::metadata(folder.path().join("hark-cache.db")).unwrap().len());
    }
    assert!(known(&cache, 250..260).iter().all(|known| !known), "what was never used again went");
    let last = known(&cache, 49 * 250..50 * 250);
    assert!(last.iter().all(|known| *known), "what came last is there");
    let kept = known(&cache, 0..50 * 250).iter().filter(|known| **known).count() as u64;
    assert!(kept * 1600 > room / 2, "{kept} entries use the room");

    // With less room at the next start the file gives some back, and what came last stays.
    put(&cache, 20_000..20_010);
    drop(cache);
    let cache = open(folder.path(), room / 2);
    cache.settle();
    assert!(cache.bytes() <= room / 2, "{} bytes", cache.bytes());
    assert_eq!(known(&cache, 20_000..20_010), [true; 10]);
}

#[test]
fn a_disk_that_stands_still_holds_up_nobody() {
    let (orders, _nobody_reads) = bounded(1);
    let cache = Arc::new(Cache { shared: Arc::default(), orders, _keeper: Thread(None) });
    let results = results(&cache);
    for at in 0..10u32 {
        results.put(results.key(&[&at.to_le_bytes()]), value(at)); // would wait for ever
    }
    assert!(cache.shared.overrun.load(Ordering::Relaxed), "it was said");
}
