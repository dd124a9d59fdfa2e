//! The bound: a set of keys on one thread, which knows no takedown, no canonical and no time.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::time::Instant;

use hark_benches::apart::Figures;
use hark_benches::memory;
use hark_operators::dedupe::exact::Key;

use crate::material;

/// Inserts all records' keys, then a million more.
pub fn set(records: u64) -> Figures {
    let before = memory::resident();
    let mut seen: HashSet<Key, BuildHasherDefault<Own>> = HashSet::default();
    let load = rate(&mut seen, 0, records);
    let peak = (memory::peak() - before) / records as f64;
    let bytes = (memory::resident() - before) / records as f64;
    let updates = rate(&mut seen, records, 1_000_000);
    [("load", load), ("peak", peak), ("bytes", bytes), ("10000 per s", updates)]
        .map(|(name, figure)| (name.to_owned(), figure))
        .into()
}

/// Insertions per second.
fn rate(seen: &mut HashSet<Key, BuildHasherDefault<Own>>, first: u64, count: u64) -> f64 {
    let started = Instant::now();
    for number in first..first + count {
        let (key, member) = material::record(number);
        std::hint::black_box((member, seen.insert(key)));
    }
    count as f64 / started.elapsed().as_secs_f64()
}

/// Keys are hashes: the half that is written last will do.
#[derive(Default)]
struct Own(u64);

impl Hasher for Own {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| byte.hash(self));
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
