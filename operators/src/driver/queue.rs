//! The queue before a pool of lanes: urgent first, with a floor for the rest, among jobs of one class
//! what is nearest to its end, and of one operator's those of its workers in turn.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::floor::{CLASSES, Floor};
use crate::record::Priority;

/// Who sends jobs: an operator, by its position in the layout, at one of the workers that share the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sender {
    /// Later operators go first, so that episodes are finished before new ones are begun and memory stays
    /// bounded.
    pub operator: usize,
    /// Which of the workers.
    pub worker: usize,
}

/// Orders jobs of one class; the greatest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rank {
    from: Sender,
    /// Senders of one operator take turns: this counts its sender's, from that on which the operator is.
    turn: u64,
    /// Counts all jobs of the queue: of one turn the earlier goes first.
    arrival: u64,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let by = |rank: &Self| (rank.from.operator, Reverse(rank.turn), Reverse(rank.arrival), rank.from.worker);
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
    /// How many jobs more the lanes have room for: each for one, and one may wait, so that no lane starves
    /// between two. Less than none while jobs wait that could not stay with who sent them.
    room: isize,
    arrivals: u64,
    /// The turn on which each operator is.
    turns: HashMap<usize, u64>,
    /// The last that each sender has sent a job for.
    sent: HashMap<Sender, u64>,
    open: bool,
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        let jobs = std::array::from_fn(|_| BinaryHeap::new());
        let (turns, sent) = (HashMap::new(), HashMap::new());
        let state = State { jobs, floor: Floor::default(), room: 1, arrivals: 0, turns, sent, open: true };
        Self { state: Mutex::new(state), arrived: Condvar::new() }
    }
}

impl<J> State<J> {
    fn next(&mut self) -> Option<J> {
        let class = self.floor.next(std::array::from_fn(|class| !self.jobs[class].is_empty()))?;
        let job = self.jobs[class].pop()?;
        Some(self.taken(job))
    }

    fn taken(&mut self, Ranked(rank, job): Ranked<J>) -> J {
        let turn = self.turns.entry(rank.from.operator).or_default();
        *turn = rank.turn.max(*turn);
        job
    }

    /// The greatest job of the most pressing class that has one of an operator that is preferred. What is urgent
    /// ends the turn of those that are.
    fn preferred(&mut self, prefers: &dyn Fn(usize) -> bool) -> Option<J> {
        let such = |job: &Ranked<J>| prefers(job.0.from.operator);
        let urgent = &self.jobs[Priority::Urgent as usize];
        let all = if urgent.is_empty() { &mut self.jobs[..] } else { &mut self.jobs[..=Priority::Urgent as usize] };
        let jobs = all.iter_mut().find(|jobs| jobs.iter().any(such))?;
        let (mut such, others): (Vec<_>, Vec<_>) = std::mem::take(jobs).into_iter().partition(such);
        such.sort();
        let greatest = such.pop();
        jobs.extend(such.into_iter().chain(others));
        greatest.map(|job| self.taken(job))
    }
}

impl<J> Queue<J> {
    /// For one job more: a lane was added, or has done one.
    pub fn add_room(&self) {
        self.state().room += 1;
    }

    /// Whether a batch whose most pressing record is of this class should be sent now: the lanes have room, or
    /// it `cannot_wait` for that and no job of that class or a more pressing one waits of its sender's.
    ///
    /// So each sender has its place in the queue, which knows what is to go first; else those whose own jobs
    /// end, and who are woken by that, would take every room before the others have looked.
    pub fn takes(&self, from: Sender, priority: Priority, cannot_wait: bool) -> bool {
        let state = self.state();
        let waits = || state.jobs[..=priority as usize].iter().flatten().any(|Ranked(rank, _)| rank.from == from);
        state.room > 0 || cannot_wait && !waits()
    }

    /// Adds a job.
    pub fn push(&self, from: Sender, priority: Priority, job: J) {
        let mut state = self.state();
        let last = state.sent.get(&from).copied().unwrap_or_default();
        let (arrival, turn) =
            (state.arrivals, 1 + last.max(state.turns.get(&from.operator).copied().unwrap_or_default()));
        state.arrivals += 1;
        state.room -= 1;
        state.sent.insert(from, turn);
        state.jobs[priority as usize].push(Ranked(Rank { from, turn, arrival }, job));
        drop(state);
        self.arrived.notify_one();
    }

    /// How many jobs of an operator wait.
    pub fn count(&self, operator: usize) -> usize {
        self.state().jobs.iter().flatten().filter(|Ranked(rank, _)| rank.from.operator == operator).count()
    }

    /// Waits for the next job; `None` once the queue is closed and empty. Jobs of operators that the lane
    /// `prefers` go before all others.
    pub fn pop(&self, prefers: &dyn Fn(usize) -> bool) -> Option<J> {
        let mut state = self.state();
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
        self.state().open = false;
        self.arrived.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(operator: usize) -> Sender {
        Sender { operator, worker: 0 }
    }

    #[test]
    fn urgent_jobs_go_first_then_later_operators_then_earlier_arrivals() {
        let queue = Queue::default();
        queue.push(by(9), Priority::Backfill, "backfill");
        queue.push(by(1), Priority::Normal, "normal, early operator");
        queue.push(by(2), Priority::Normal, "normal, late operator, first");
        queue.push(by(2), Priority::Normal, "normal, late operator, second");
        queue.push(by(0), Priority::Urgent, "urgent");
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
                queue.push(by(operator), Priority::Normal, (operator, arrival));
            }
        }
        queue.push(by(2), Priority::Urgent, (2, 9));
        assert_eq!(queue.count(0), 3);
        assert_eq!(queue.pop(&|operator| operator == 0), Some((2, 9)), "it is urgent, and waits for nobody's turn");
        let first: Vec<_> = (0..3).filter_map(|_| queue.pop(&|operator| operator == 0)).collect();
        assert_eq!(first, [(0, 0), (0, 1), (0, 2)]);
        queue.push(by(1), Priority::Urgent, (1, 9));
        queue.push(by(2), Priority::Urgent, (2, 9));
        assert_eq!(queue.pop(&|operator| operator == 1), Some((1, 9)), "of two that are, the preferred one goes first");
        assert_eq!(queue.pop(&|operator| operator == 0), Some((2, 9)), "none waits: as ever");
        queue.close();
        assert_eq!(std::iter::from_fn(|| queue.pop(&|operator| operator == 1)).count(), 6);
    }

    /// Two workers with more than enough to do for one lane. The first always looks first: it is woken when its
    /// job has ended.
    struct Rivals(Queue<usize>);

    impl Rivals {
        fn new() -> Self {
            let queue = Queue::default();
            queue.add_room();
            Self(queue)
        }

        /// Worker `worker` sends all that it may, each batch full.
        fn look(&self, worker: usize) {
            let from = Sender { operator: 3, worker };
            while self.0.takes(from, Priority::Normal, true) {
                self.0.push(from, Priority::Normal, worker);
            }
        }

        /// The lane takes the next job; it has done it before anybody looks again.
        fn does(&self) -> usize {
            let job = self.0.pop(&|_| false).expect("there is always one");
            self.0.add_room();
            job
        }
    }

    #[test]
    fn workers_that_share_a_lane_have_equal_parts_of_it_whoever_looks_first() {
        let rivals = Rivals::new();
        let turns = (0..100).map(|_| {
            rivals.look(0);
            rivals.look(1);
            rivals.does()
        });
        let second: usize = turns.sum();
        assert!((48..=52).contains(&second), "{second} of 100 turns");
    }

    #[test]
    fn what_is_urgent_at_one_worker_is_next_however_much_of_another_waits() {
        let rivals = Rivals::new();
        rivals.look(1);
        rivals.look(0);
        let urgent = Sender { operator: 3, worker: 1 };
        assert!(!rivals.0.takes(urgent, Priority::Normal, true), "one that waits is enough");
        assert!(!rivals.0.takes(urgent, Priority::Urgent, false), "the lanes have no room");
        assert!(rivals.0.takes(urgent, Priority::Urgent, true));
        rivals.0.push(urgent, Priority::Urgent, 9);
        assert!(!rivals.0.takes(urgent, Priority::Urgent, true), "the next one waits for this one");
        assert_eq!(rivals.does(), 9);
    }

    #[test]
    fn room_is_what_it_was_once_all_has_been_done() {
        let rivals = Rivals::new();
        (0..9).for_each(|worker| rivals.look(worker));
        assert_eq!(rivals.0.count(3), 2 + 8, "two have room, the others a place each");
        let done: Vec<usize> = (0..10).map(|_| rivals.does()).collect();
        assert_eq!((done.len(), rivals.0.state().room), (10, 2));
    }
}
