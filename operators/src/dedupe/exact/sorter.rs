//! Updates on their way to a batch: members as bytes from the start, sorted once.
//!
//! Differential's own batcher merges runs of whole records in sixteen rounds for ten million; here
//! small entries are sorted when a time is complete, and every member is copied once.
//!
//! Invariant: entries and rows are as many; entry `row` names the member at that row.

use std::rc::Rc;

use differential_dataflow::batcher::{Batcher, Extract};
use differential_dataflow::trace::implementations::BatchContainer;
use differential_dataflow::trace::implementations::ord_neu::layers::{Upds, UpdsBuilder, Vals};
use differential_dataflow::trace::implementations::ord_neu::val_batch::OrdValStorage;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;

use super::members::Members;
use super::{Batch, Key, KnownAt, Layout, Member};

/// Forms batches of what is complete.
#[derive(Default)]
pub(super) struct Sorter {
    members: Members,
    entries: Vec<Entry>,
    kept_from: Antichain<KnownAt>,
}

struct Entry {
    key: Key,
    time: KnownAt,
    diff: isize,
    row: usize,
}

impl Batcher<Vec<((Key, Member), KnownAt, isize)>> for Sorter {
    fn insert(&mut self, updates: &mut Vec<((Key, Member), KnownAt, isize)>) {
        self.entries.reserve(updates.len());
        for ((key, member), time, diff) in updates.drain(..) {
            self.entries.push(Entry { key, time, diff, row: self.members.len() });
            self.members.push(&member);
        }
    }
}

impl Extract for Sorter {
    type Time = KnownAt;
    type Output = Rc<Batch>;

    fn extract<'a>(&'a mut self, upper: AntichainRef<'_, KnownAt>) -> (Option<Rc<Batch>>, AntichainRef<'a, KnownAt>) {
        // Taken, not cleared: a bulk load's buffers go back to the allocator.
        let members = std::mem::take(&mut self.members);
        let mut ready = std::mem::take(&mut self.entries);
        self.kept_from.clear();
        for mut entry in ready.extract_if(.., |entry| upper.less_equal(&entry.time)) {
            self.kept_from.insert(entry.time);
            let member = members.index(entry.row);
            entry.row = self.members.len();
            self.members.push_ref(member);
            self.entries.push(entry);
        }
        (build(ready, &members).map(Rc::new), self.kept_from.borrow())
    }
}

/// Sorts and consolidates; none where everything cancels.
fn build(mut entries: Vec<Entry>, members: &Members) -> Option<Batch> {
    entries.sort_unstable_by(|one, other| {
        one.key.cmp(&other.key).then_with(|| members.index(one.row).cmp(&members.index(other.row)))
    });
    let rows = entries.len();
    let mut storage: OrdValStorage<Layout> = OrdValStorage {
        keys: Vec::with_capacity(rows),
        vals: Vals::with_capacity(rows, rows),
        upds: Upds::with_capacity(rows, 1),
    };
    let mut staging = UpdsBuilder::default();
    for of_key in entries.chunk_by(|one, other| one.key == other.key) {
        let before = storage.vals.vals.len();
        for of_member in of_key.chunk_by(|one, other| members.index(one.row) == members.index(other.row)) {
            for entry in of_member {
                staging.push(entry.time, entry.diff);
            }
            if staging.seal(&mut storage.upds) {
                storage.vals.vals.push_ref(members.index(of_member[0].row));
            }
        }
        if storage.vals.vals.len() > before {
            storage.keys.push(of_key[0].key);
            storage.vals.offs.push(storage.vals.vals.len());
        }
    }
    let updates = staging.total();
    (updates > 0).then_some(Batch { storage, updates })
}
