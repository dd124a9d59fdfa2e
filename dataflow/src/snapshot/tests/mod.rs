//! Claims about what survives.

mod damage;
mod formats;
mod places;
mod room;
mod states;

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hark_operators::dedupe::exact::Key;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};
use object_store::memory::InMemory;

use super::*;
use crate::bucket::Bucket;

/// Files so small that a few facts fill several.
const TINY: Limits = Limits { part_bytes: 300, body_file_bytes: 500, commits: 4, told_bytes: 1 << 20 };

/// One fact of a small world: some repeat, some contradict each other, all four kinds.
fn fact(number: u64) -> Fact {
    let episode = EpisodeId::from(format!("https://feed.example/ep/{}?guid=é", number / 24 % 13));
    let revision = number / 8 % 3;
    let key = EpisodeKey { episode: episode.clone(), revision };
    match number % 4 {
        0 => Fact::Announced(episode, announced(revision, number)),
        1 => Fact::Digest(key, digest(number)),
        2 => Fact::Print(key, likeness(number)),
        _ => Fact::Signature(key, likeness(number)),
    }
}

fn announced(revision: u64, number: u64) -> Announced {
    let enclosure = number.is_multiple_of(8).then(|| digest(number));
    let show = number.is_multiple_of(3).then(|| digest(number + 1));
    Announced { revision, withdrawn: number.is_multiple_of(5), published: i64::MAX - number as i64, enclosure, show }
}

fn digest(number: u64) -> Key {
    Key::of(blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn likeness(number: u64) -> Likeness {
    let bands: Vec<u64> = (0..number % 5).map(|band| band << 40 | number).collect();
    let body: Vec<u8> = (0..number * 7 % 290).map(|at| (at * number) as u8).collect();
    let moments: Vec<u64> = (0..number % 3).map(|moment| !moment ^ number).collect();
    Likeness { bands: bands.into(), moments: moments.into(), body: body.into() }
}

fn positions(commit: i64) -> Positions {
    Positions::from([("announcements/0".to_owned(), commit), ("announcements/1".to_owned(), -1)])
}

fn memory() -> Arc<dyn Store> {
    let address = "s3://hark/snapshots".parse().unwrap();
    Arc::new(Remote::new(Bucket::of(Arc::new(InMemory::new()), &address).unwrap()))
}

fn open(store: &Arc<dyn Store>) -> Snapshots {
    Snapshots::open(Arc::clone(store), 1, TINY).unwrap()
}

/// The state, its header and all warnings; every fact once.
fn state(store: &Arc<dyn Store>) -> (BTreeSet<Fact>, Option<Header>, Vec<Warning>) {
    let mut restored = load(Arc::clone(store), 0, 1).unwrap();
    let facts: Vec<Fact> = restored.facts.by_ref().map(Result::unwrap).collect();
    let set: BTreeSet<Fact> = facts.iter().cloned().collect();
    assert_eq!(set.len(), facts.len(), "a fact came twice");
    (set, restored.header, restored.facts.warnings())
}

/// A store whose process dies at some write: before it takes effect or right after.
struct Dies {
    store: Arc<dyn Store>,
    writes_left: AtomicI64,
    after: bool,
}

impl Dies {
    fn at(store: &Arc<dyn Store>, writes: i64, after: bool) -> Arc<dyn Store> {
        Arc::new(Self { store: Arc::clone(store), writes_left: AtomicI64::new(writes), after })
    }

    fn write(&self, effect: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        match self.writes_left.fetch_sub(1, Ordering::Relaxed) {
            1.. => effect(),
            0 if self.after => effect().and(Err(io::Error::other("died"))),
            _ => Err(io::Error::other("died")),
        }
    }
}

impl Store for Dies {
    fn claim(&self) -> io::Result<Claim> {
        self.store.claim()
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        self.store.list()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.store.read(name)
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        self.store.read_range(name, range)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(|| self.store.create(name, bytes))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.write(|| self.store.remove(name))
    }

    fn place(&self, name: &str) -> String {
        self.store.place(name)
    }
}
