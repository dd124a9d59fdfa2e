//! Where records of an operator wait for a batch: one line per class of priority.

use std::collections::VecDeque;
use std::time::Instant;

use super::floor::{CLASSES, Floor};
use crate::record::{Priority, Record};

/// A record that waits, with what its driver keeps beside it.
pub(super) struct Waiting<C> {
    pub(super) kept: C,
    pub(super) record: Record,
    pub(super) since: Instant,
}

/// The lines of one operator.
pub(super) struct Lines<C> {
    lines: [VecDeque<Waiting<C>>; CLASSES],
    floor: Floor,
}

impl<C> Default for Lines<C> {
    fn default() -> Self {
        Self { lines: Default::default(), floor: Floor::default() }
    }
}

impl<C> Lines<C> {
    pub(super) fn push(&mut self, kept: C, record: Record, since: Instant) {
        let class = record.episode.announcement.priority as usize;
        self.lines[class].push_back(Waiting { kept, record, since });
    }

    pub(super) fn len(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(VecDeque::is_empty)
    }

    /// When the record came that waits longest.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.lines.iter().filter_map(VecDeque::front).map(|item| item.since).min()
    }

    /// Up to `most` records: of the most pressing class, but one place in ten for those below, and
    /// within a class the oldest with those nearest to it in length, so that little of a batch is
    /// padding.
    pub(super) fn take(&mut self, most: usize) -> Vec<Waiting<C>> {
        let mut left: [usize; CLASSES] = std::array::from_fn(|class| self.lines[class].len());
        let mut wanted = [0; CLASSES];
        for _ in 0..most {
            let Some(class) = self.floor.next(left.map(|left| left > 0)) else { break };
            left[class] -= 1;
            wanted[class] += 1;
        }
        self.lines.iter_mut().zip(wanted).flat_map(|(line, wanted)| like_the_oldest(line, wanted)).collect()
    }
}

/// How many times what is wanted of a line is looked through for records of like length.
const LOOKED_THROUGH: usize = 16;

/// Takes the oldest record of a line and those nearest to it in length; the others keep their order.
fn like_the_oldest<C>(line: &mut VecDeque<Waiting<C>>, wanted: usize) -> Vec<Waiting<C>> {
    let looked = if wanted < 2 { wanted } else { line.len().min(wanted * LOOKED_THROUGH) };
    let mut front: Vec<Waiting<C>> = line.drain(..looked).collect();
    if front.len() > wanted {
        let length = front[0].record.length();
        front[1..].sort_by_key(|item| item.record.length().abs_diff(length));
        let mut others = front.split_off(wanted);
        others.sort_by_key(|item| item.since);
        others.into_iter().rev().for_each(|item| line.push_front(item));
    }
    front
}

// The order of classes is the order in which they are taken.
const _: () =
    assert!(Priority::Urgent as usize == 0 && Priority::Normal as usize == 1 && Priority::Backfill as usize == 2);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sample::passage;
    use super::*;

    /// Lines with records of these classes and lengths, and what a batch of `most` takes.
    fn taken(waiting: &[(Priority, usize)], most: usize) -> (Lines<usize>, Vec<usize>) {
        let mut lines = Lines::default();
        let start = Instant::now();
        for (at, &(priority, length)) in waiting.iter().enumerate() {
            lines.push(at, passage(at as u32, priority, length), start + Duration::from_millis(at as u64));
        }
        let batch = lines.take(most).into_iter().map(|item| item.kept).collect();
        (lines, batch)
    }

    #[test]
    fn a_batch_is_the_oldest_and_those_nearest_in_length_and_the_rest_keep_their_order() {
        use Priority::Normal;
        let (mut lines, batch) = taken(&[(Normal, 9), (Normal, 90), (Normal, 10), (Normal, 50), (Normal, 8)], 3);
        assert_eq!(batch, [0, 2, 4]);
        assert_eq!(lines.take(1).into_iter().map(|item| item.kept).collect::<Vec<_>>(), [1]);
        assert_eq!(lines.len(), 1);
    }

    #[test]
    fn an_urgent_record_overtakes_ten_thousand_of_a_backfill() {
        let mut waiting = vec![(Priority::Backfill, 5); 10_000];
        waiting.push((Priority::Urgent, 5));
        let (_, batch) = taken(&waiting, 1);
        assert_eq!(batch, [10_000]);
    }

    #[test]
    fn one_place_in_ten_is_for_those_below() {
        let waiting: Vec<_> = (0..40).flat_map(|_| [(Priority::Urgent, 5), (Priority::Backfill, 5)]).collect();
        let (_, batch) = taken(&waiting, 20);
        assert_eq!(batch.iter().filter(|&&at| at % 2 == 1).count(), 2);
    }
}
