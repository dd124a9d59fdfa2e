//! Finding keys in a batch: keys are hashes, so where one stands is known within a few rows.
//!
//! Three guesses by proportion end within a handful of rows at ten million keys; a binary search
//! needs 23 steps, most of them into memory that no cache holds. Guesses for several keys are made
//! in turns, so that the memory answers them together.
//!
//! Invariant: a key is found whether or not keys are uniform; where they are not, it takes longer.

use std::ops::Range;

use differential_dataflow::trace::implementations::BatchContainer;

use super::members::MemberRef;
use super::{Batch, Key, KnownAt};

/// Proportional guesses before plain search takes over.
const GUESSES: usize = 3;
/// Keys that are sought together: as many reads as a core keeps under way.
const TOGETHER: usize = 16;

/// The members of one key in one batch.
#[derive(Clone)]
pub(super) struct Rows<'a> {
    batch: &'a Batch,
    range: Range<usize>,
}

/// The rows of the key at `index`.
pub(super) fn rows(batch: &Batch, index: usize) -> Rows<'_> {
    let (from, to) = batch.storage.vals.bounds(index);
    Rows { batch, range: from..to }
}

impl<'a> Rows<'a> {
    /// How many members, present or not.
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    /// The least member.
    pub(super) fn first(&self) -> Option<MemberRef<'a>> {
        (!self.range.is_empty()).then(|| self.batch.storage.vals.get_abs(self.range.start))
    }

    /// Leaves the least member behind; returns what its updates sum up to.
    pub(super) fn step(&mut self) -> isize {
        let count = self.updates_at(self.range.start).map(|(_time, diff)| diff).sum();
        self.range.start += 1;
        count
    }

    /// What a member's updates sum up to; 0 where it is absent.
    pub(super) fn count(&self, member: MemberRef<'_>) -> isize {
        let Range { start: mut from, end: mut to } = self.range;
        while from < to {
            let middle = from + (to - from) / 2;
            match self.batch.storage.vals.get_abs(middle).cmp(&member) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => return self.updates_at(middle).map(|(_time, diff)| diff).sum(),
            }
        }
        0
    }

    /// Every update: when, who, by how much.
    pub(super) fn updates(&self) -> impl Iterator<Item = (KnownAt, MemberRef<'a>, isize)> {
        self.range.clone().flat_map(|row| {
            let member = self.batch.storage.vals.get_abs(row);
            self.updates_at(row).map(move |(time, diff)| (time, member, diff))
        })
    }

    fn updates_at(&self, row: usize) -> impl Iterator<Item = (KnownAt, isize)> + use<'a> {
        let upds = &self.batch.storage.upds;
        let (from, to) = upds.bounds(row);
        (from..to).map(|at| (upds.times[at], upds.diffs[at]))
    }
}

/// Calls `found` with the index and the rows of each key that the batch has.
pub(super) fn find<'a>(batch: &'a Batch, sought: &[Key], mut found: impl FnMut(usize, Rows<'a>)) {
    let keys = &batch.storage.keys;
    for (turn, together) in sought.chunks(TOGETHER).enumerate() {
        let mut near = [0_usize; TOGETHER];
        for _ in 0..GUESSES {
            // No branch depends on what is read: the next key's read begins before this one ends.
            for (near, key) in near.iter_mut().zip(together) {
                *near = near.saturating_add_signed(rows_between(&keys[*near], key, keys.len())).min(keys.len() - 1);
            }
        }
        for (index, (near, key)) in near.iter().zip(together).enumerate() {
            let at = position(keys, *near, key);
            if keys.get(at) == Some(key) {
                found(turn * TOGETHER + index, rows(batch, at));
            }
        }
    }
}

/// The first index whose key is not less than `key`, sought from `near` outwards in doubling steps;
/// the length where there is none.
fn position(keys: &[Key], near: usize, key: &Key) -> usize {
    // Everything before `low` is less than the key, everything from `high` on is not.
    let (mut low, mut high) = (0, keys.len());
    let mut step = 4;
    if keys[near] < *key {
        low = near + 1;
        while low + step < high && keys[low + step] < *key {
            low += step + 1;
            step *= 2;
        }
        high = high.min(low + step);
    } else {
        high = near;
        while high > step && keys[high - step] >= *key {
            high -= step;
            step *= 2;
        }
        low = low.max(high.saturating_sub(step));
    }
    low + keys[low..high].partition_point(|other| other < key)
}

/// How many of `rows` uniform keys lie from one key up to another; negative when it lies below.
fn rows_between(from: &Key, to: &Key, rows: usize) -> isize {
    let distance = i128::from(to.high) - i128::from(from.high);
    ((distance * rows as i128) >> u64::BITS) as isize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_found_whatever_their_distribution(
            mut keys in prop::collection::vec((any::<u64>(), 0..4_u32), 1..100),
            sought in prop::collection::vec((any::<u64>(), 0..4_u32), 1..50),
        ) {
            // Shifts make crowds at the low end, where proportion misleads.
            let key = |(high, shift): (u64, u32)| Key { high: high >> (shift * 16), low: high & 1 };
            keys.sort_by_key(|pair| key(*pair));
            let keys: Vec<Key> = keys.into_iter().map(key).collect();
            for key in sought.into_iter().map(key).chain(keys.iter().copied()) {
                for near in 0..keys.len() {
                    prop_assert_eq!(position(&keys, near, &key), keys.partition_point(|other| *other < key));
                }
            }
        }
    }
}
