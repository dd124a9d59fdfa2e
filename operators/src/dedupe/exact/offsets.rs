//! Ascending offsets at four bytes each, however far they go.
//!
//! Differential's own list asks three questions at each look-up, and a merge looks up six for every
//! row. Here a look-up is one read, until an arrangement passes 4 GiB of ids.
//!
//! Invariant: offsets never fall, and no two neighbours are 4 GiB apart.

use differential_dataflow::trace::implementations::BatchContainer;

/// A list of ascending offsets.
#[derive(Default)]
pub(super) struct Offsets {
    low: Vec<u32>,
    /// Where the offset passes a multiple of 2^32.
    carries: Vec<usize>,
}

impl Offsets {
    /// Appends an offset that is not less than the last one.
    pub(super) fn push(&mut self, offset: usize) {
        let low = offset as u32;
        if (offset >> u32::BITS) > self.carries.len() {
            self.carries.push(self.low.len());
        }
        self.low.push(low);
    }
}

impl BatchContainer for Offsets {
    type Owned = usize;
    type ReadItem<'a> = usize;

    fn into_owned(item: usize) -> usize {
        item
    }

    fn reborrow<'b, 'a: 'b>(item: usize) -> usize {
        item
    }

    fn push_ref(&mut self, item: usize) {
        self.push(item);
    }

    fn push_own(&mut self, item: &usize) {
        self.push(*item);
    }

    fn clear(&mut self) {
        self.low.clear();
        self.carries.clear();
    }

    fn with_capacity(size: usize) -> Self {
        Self { low: Vec::with_capacity(size), carries: Vec::new() }
    }

    fn merge_capacity(one: &Self, other: &Self) -> Self {
        Self::with_capacity(one.len() + other.len())
    }

    fn index(&self, index: usize) -> usize {
        let low = self.low[index] as usize;
        if self.carries.is_empty() {
            return low;
        }
        let carries = self.carries.partition_point(|&carry| carry <= index);
        carries << u32::BITS | low
    }

    fn len(&self) -> usize {
        self.low.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_past_4_gib_are_read_back() {
        let given: Vec<usize> = (0..40).map(|step| step * 700_000_001).collect();
        let mut offsets = Offsets::default();
        given.iter().for_each(|offset| offsets.push(*offset));
        let read: Vec<usize> = (0..offsets.len()).map(|index| offsets.index(index)).collect();
        assert_eq!(read, given);
    }
}
