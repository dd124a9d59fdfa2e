//! Where records of an operator wait for a batch: one line per class of priority.
//!
//! ```text
//! urgent   ─┐  class by class, as the floor says
//! normal   ─┼─▶ next of like length ─▶ fits the limits? ─▶ batch
//! backfill ─┘                              └ no: the batch is closed, it goes back to its place
//!    └ after ten minutes ─▶ normal
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::floor::{CLASSES, Floor};
use super::limits::{Limits, Load};
use crate::record::{Priority, Record};

/// A record that waits, with what its driver keeps beside it.
pub(super) struct Waiting<C> {
    pub(super) kept: C,
    pub(super) record: Record,
    pub(super) since: Instant,
    load: Load,
    light_from: Option<f64>,
}

impl<C> Waiting<C> {
    /// Its class by now. What has waited for long in the lowest one counts as of the one above; nothing becomes
    /// urgent by waiting.
    pub(super) fn class(&self, now: Instant) -> Priority {
        let class = self.record.episode.announcement.priority;
        let aged = class == Priority::Backfill && now.saturating_duration_since(self.since) >= AGED;
        if aged { Priority::Normal } else { class }
    }
}

/// The lines of one operator.
pub(super) struct Lines<C> {
    lines: [VecDeque<Waiting<C>>; CLASSES],
    floor: Floor,
    load: Load,
    /// When the first that waits is to go the light way.
    light_from: Option<f64>,
}

impl<C> Default for Lines<C> {
    fn default() -> Self {
        Self { lines: Default::default(), floor: Floor::default(), load: Load::default(), light_from: None }
    }
}

impl<C> Lines<C> {
    /// `light_from` is when it need not wait any more: seconds since 1970 UTC.
    pub(super) fn push(&mut self, kept: C, record: Record, since: Instant, light_from: Option<f64>) {
        let class = record.episode.announcement.priority as usize;
        let load = Load::of(&record);
        self.load = self.load.with(load);
        self.light_from = earlier(self.light_from, light_from);
        self.lines[class].push_back(Waiting { kept, record, since, load, light_from });
    }

    /// All that waits.
    pub(super) fn load(&self) -> Load {
        self.load
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(VecDeque::is_empty)
    }

    /// The most pressing class of which any waits.
    pub(super) fn most_pressing(&self) -> Option<Priority> {
        let classes = [Priority::Urgent, Priority::Normal, Priority::Backfill];
        classes.into_iter().find(|&class| !self.lines[class as usize].is_empty())
    }

    /// When the record came that waits longest.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.lines.iter().filter_map(VecDeque::front).map(|item| item.since).min()
    }

    /// As many records as the limits allow: of the most pressing class, but one place in ten for those
    /// below, and within a class the oldest with those nearest to it in length, so that little of a
    /// batch is padding. A batch with urgent records is not filled up with others: it would take longer.
    pub(super) fn take(&mut self, limits: &Limits) -> Vec<Waiting<C>> {
        let wanted = self.wanted(limits.items);
        let mut near: [VecDeque<Waiting<C>>; CLASSES] =
            std::array::from_fn(|class| like_the_oldest(&mut self.lines[class], wanted[class]));
        let (mut batch, mut held) = (Vec::new(), Load::default());
        loop {
            let before = self.floor.clone();
            let waits = std::array::from_fn(|class| !near[class].is_empty() || !self.lines[class].is_empty());
            let Some(class) = self.floor.next(waits) else { break };
            let Some(item) = near[class].pop_front() else {
                self.floor = before; // the batch has what was wanted; whose turn it is begins the next one
                break;
            };
            if !limits.hold(held.with(item.load)) {
                near[class].push_front(item);
                self.floor = before; // its turn comes in the next batch
                break;
            }
            held = held.with(item.load);
            batch.push(item);
        }
        self.lines.iter_mut().zip(near).for_each(|(line, left)| put_back(line, left.into()));
        self.load = self.load.without(held);
        batch
    }

    /// Those that are to go the light way by now.
    pub(super) fn late(&mut self, now: f64) -> Vec<Waiting<C>> {
        let is_late = |from: Option<f64>| from.is_some_and(|from| now >= from);
        if !is_late(self.light_from) {
            return Vec::new();
        }
        self.remove(|item| is_late(item.light_from))
    }

    /// Takes out what is such, of all classes.
    pub(super) fn remove(&mut self, such: impl Fn(&Waiting<C>) -> bool) -> Vec<Waiting<C>> {
        let mut gone = Vec::new();
        self.light_from = None;
        for line in &mut self.lines {
            let (removed, stay): (VecDeque<_>, VecDeque<_>) = line.drain(..).partition(&such);
            self.light_from = stay.iter().fold(self.light_from, |first, item| earlier(first, item.light_from));
            gone.extend(removed);
            *line = stay;
        }
        self.load = gone.iter().fold(self.load, |load, item| load.without(item.load));
        gone
    }

    /// Moves what has waited for long up a class: however much of that one arrives, its turn comes.
    pub(super) fn age(&mut self, now: Instant) {
        let backfill = &mut self.lines[Priority::Backfill as usize];
        let mut moved = Vec::new();
        while backfill.front().is_some_and(|item| item.class(now) < Priority::Backfill) {
            moved.extend(backfill.pop_front());
        }
        put_back(&mut self.lines[Priority::Normal as usize], moved);
    }

    /// How many records of each class may be in a batch of so many.
    fn wanted(&self, items: usize) -> [usize; CLASSES] {
        const URGENT: usize = Priority::Urgent as usize;
        let mut floor = self.floor.clone();
        let mut left: [usize; CLASSES] = std::array::from_fn(|class| self.lines[class].len());
        let mut wanted = [0; CLASSES];
        for _ in 0..items {
            if wanted[URGENT] > 0 && left[URGENT] == 0 {
                break;
            }
            let Some(class) = floor.next(left.map(|left| left > 0)) else { break };
            left[class] -= 1;
            wanted[class] += 1;
        }
        wanted
    }
}

fn earlier(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    [a, b].into_iter().flatten().min_by(f64::total_cmp)
}

/// How long a record waits in the lowest class before it counts as one of the class above.
const AGED: Duration = Duration::from_secs(600);

/// How many times what is wanted of a line is looked through for records of like length.
const LOOKED_THROUGH: usize = 16;

/// Takes the oldest record of a line and those nearest to it in length; the others keep their order.
fn like_the_oldest<C>(line: &mut VecDeque<Waiting<C>>, wanted: usize) -> VecDeque<Waiting<C>> {
    let looked = if wanted < 2 { wanted } else { line.len().min(wanted * LOOKED_THROUGH) };
    let mut front: Vec<Waiting<C>> = line.drain(..looked).collect();
    if front.len() > wanted {
        let length = front[0].record.length();
        front[1..].sort_by_key(|item| item.record.length().abs_diff(length));
        put_back(line, front.split_off(wanted));
    }
    front.into()
}

/// Puts records back to the front of their line, in the order in which they came.
fn put_back<C>(line: &mut VecDeque<Waiting<C>>, mut items: Vec<Waiting<C>>) {
    items.sort_by_key(|item| item.since);
    items.into_iter().rev().for_each(|item| line.push_front(item));
}

// The order of classes is the order in which they are taken.
const _: () =
    assert!(Priority::Urgent as usize == 0 && Priority::Normal as usize == 1 && Priority::Backfill as usize == 2);

#[cfg(test)]
mod tests;
