//! How much is written, and that nothing is kept for ever.

use super::*;

/// An episode with a print of 4 KB.
fn told(number: u64, body: u64) -> [Fact; 2] {
    let episode = EpisodeId::from(format!("episode {number}"));
    let key = EpisodeKey { episode: episode.clone(), revision: 0 };
    let body: Vec<u8> = (0..4_096_u64).map(|at| (at * 31 + body * 17 + (body >> 8)) as u8).collect();
    let print = Likeness { bands: [7].into(), moments: [].into(), body: body.into() };
    [Fact::Announced(episode, announced(0, number)), Fact::Print(key, print)]
}

#[test]
fn bodies_are_copied_once_and_then_stay_where_they_are() {
    let store = memory();
    let snapshots = Snapshots::open(Arc::clone(&store), 1, Limits { body_file_bytes: 64 << 10, ..TINY }).unwrap();
    let all: Vec<Fact> = (0..160).flat_map(|number| told(number, number)).collect();
    for (facts, at) in all.chunks(32).zip(0..) {
        snapshots.append(facts, &positions(at), at).unwrap();
    }
    let first = snapshots.full(|_| true).unwrap();
    assert!((160 * 4_096..160 * 4_120).contains(&first.copied), "{first:?}");
    // Only the last file may hold too little to be left alone.
    assert!(snapshots.full(|_| true).unwrap().copied < 64 << 10);
    assert!(snapshots.full(|_| true).unwrap().copied < 64 << 10);
    assert_eq!(state(&store).0, all.into_iter().collect());
    let size = snapshots.size().unwrap();
    assert!(size.body_bytes < 160 * 4_096 * 5 / 4, "{size:?}");
    assert!(size.full_bytes < 2 * 160 * 200 + 2 * 20_000, "{size:?}");
}

#[test]
fn a_body_that_is_told_again_takes_no_room() {
    let store = memory();
    let snapshots = open(&store);
    for at in 0..6 {
        let facts: Vec<Fact> = (0..20).flat_map(|number| told(number, 1)).collect();
        snapshots.append(&facts, &positions(at), at).unwrap();
    }
    snapshots.full(|_| true).unwrap();
    snapshots.full(|_| true).unwrap();
    let size = snapshots.size().unwrap();
    assert!(size.body_bytes < 2 * 4_300, "twenty episodes with one body: {size:?}");
    assert_eq!(state(&store).0.len(), 40);
}

#[test]
fn the_room_that_dropped_facts_took_is_given_back() {
    let store = memory();
    let snapshots = open(&store);
    for at in 0..30 {
        let facts: Vec<Fact> = (0..20).flat_map(|number| told(at * 20 + number, at * 20 + number)).collect();
        snapshots.append(&facts, &positions(at as i64), at as i64).unwrap();
        if snapshots.full_is_due() {
            let oldest = format!("episode {}", at * 20);
            let kept = |id: &str| id.len() >= oldest.len() && id >= oldest.as_str();
            snapshots.full(|fact| kept(fact.episode().as_str())).unwrap();
        }
    }
    for _ in 0..2 {
        snapshots.full(|_| false).unwrap();
    }
    snapshots.append(&[], &positions(31), 31).unwrap();
    let size = snapshots.size().unwrap();
    assert_eq!(size.body_bytes, 0, "{size:?}");
    assert!(size.told_bytes < 1_000 && size.full_bytes < 30_000, "{size:?}");
    assert_eq!(state(&store).0.len(), 0);
}
