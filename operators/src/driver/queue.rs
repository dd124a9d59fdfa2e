//! The queue before a pool of lanes: urgent first, with a floor for the rest, and among jobs of one
//! class what is nearest to its end.

use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, PoisonError};

use super::floor::{CLASSES, Floor};
use crate::record::Priority;

/// Orders jobs; of one class the greatest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// Class of the batch's most pressing record.
    pub priority: Priority,
    /// Position of the operator in the layout: later ones first, so that episodes are finished
    /// before new ones are begun and memory stays bounded.
    pub operator: usize,
    /// Arrival; earlier first.
    pub arrival: u64,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let by = |rank: &Self| (rank.operator, std::cmp::Reverse(rank.arrival), std::cmp::Reverse(rank.priority));
        by(self).cmp(&by(other))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

struct Ranked<J>(Rank, J);

impl<J> PartialEq for Ranked<J> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<J> Eq for Ranked<J> {}
impl<J> PartialOrd for Ranked<J> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<J> Ord for Ranked<J> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// A priority queue between operators, which never wait, and lanes, which do.
pub struct Queue<J> {
    state: Mutex<State<J>>,
    arrived: Condvar,
}

struct State<J> {
    /// By class.
    jobs: [BinaryHeap<Ranked<J>>; CLASSES],
    floor: Floor,
    open: bool,
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        let jobs = std::array::from_fn(|_| BinaryHeap::new());
        Self { state: Mutex::new(State { jobs, floor: Floor::default(), open: true }), arrived: Condvar::new() }
    }
}

impl<J> State<J> {
    fn next(&mut self) -> Option<J> {
        let class = self.floor.next(std::array::from_fn(|class| !self.jobs[class].is_empty()))?;
        self.jobs[class].pop().map(|Ranked(_, job)| job)
    }

    /// The greatest job of the most pressing class that has one of an operator that is preferred.
    fn preferred(&mut self, prefers: &dyn Fn(usize) -> bool) -> Option<J> {
        let such = |job: &Ranked<J>| prefers(job.0.operator);
        let jobs = self.jobs.iter_mut().find(|jobs| jobs.iter().any(such))?;
        let (mut such, others): (Vec<_>, Vec<_>) = std::mem::take(jobs).into_iter().partition(such);
        such.sort();
        let greatest = such.pop();
        jobs.extend(such.into_iter().chain(others));
        greatest.map(|Ranked(_, job)| job)
    }
}

impl<J> Queue<J> {
    /// Adds a job.
    pub fn push(&self, rank: Rank, job: J) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.jobs[rank.priority as usize].push(Ranked(rank, job));
        drop(state);
        self.arrived.notify_one();
    }

    /// How many jobs of an operator wait.
    pub fn count(&self, operator: usize) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.jobs.iter().flatten().filter(|Ranked(rank, _)| rank.operator == operator).count()
    }

    /// Waits for the next job; `None` once the queue is closed and empty. Jobs of operators that the lane
    /// `prefers` go before all others.
    pub fn pop(&self, prefers: &dyn Fn(usize) -> bool) -> Option<J> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = state.preferred(prefers).or_else(|| state.next()) {
                return Some(job);
            }
            if !state.open {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No more jobs will come.
    pub fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).open = false;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgent_jobs_go_first_then_later_operators_then_earlier_arrivals() {
        let queue = Queue::default();
        let rank = |priority, operator, arrival| Rank { priority, operator, arrival };
        queue.push(rank(Priority::Backfill, 9, 0), "backfill");
        queue.push(rank(Priority::Normal, 1, 1), "normal, early operator");
        queue.push(rank(Priority::Normal, 2, 3), "normal, late operator, second");
        queue.push(rank(Priority::Normal, 2, 2), "normal, late operator, first");
        queue.push(rank(Priority::Urgent, 0, 4), "urgent");
        queue.close();
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(&|_| false)).collect();
        assert_eq!(
            order,
            [
                "urgent",
                "normal, late operator, first",
                "normal, late operator, second",
                "normal, early operator",
                "backfill"
            ]
        );
    }

    #[test]
    fn preferred_operators_go_before_all_others_and_nothing_is_lost() {
        let queue = Queue::default();
        for arrival in 0..3 {
            for operator in 0..3 {
                queue.push(Rank { priority: Priority::Normal, operator, arrival }, (operator, arrival));
            }
        }
        queue.push(Rank { priority: Priority::Urgent, operator: 2, arrival: 9 }, (2, 9));
        assert_eq!(queue.count(0), 3);
        let first: Vec<_> = (0..3).filter_map(|_| queue.pop(&|operator| operator == 0)).collect();
        assert_eq!(first, [(0, 0), (0, 1), (0, 2)]);
        assert_eq!(queue.pop(&|operator| operator == 0), Some((2, 9)), "none waits: as ever");
        queue.close();
        assert_eq!(std::iter::from_fn(|| queue.pop(&|operator| operator == 1)).count(), 6);
    }
}
