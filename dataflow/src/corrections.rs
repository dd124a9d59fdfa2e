//! What came to be known that rows do not say yet, and what sets out once more because of it.
//!
//! ```text
//! worker ─ due ─▶ revisions, each once ─ taken ─▶ rows, one commit for all ─ settled
//!                                          └─ again ─▶ announcements ─▶ feed
//! ```
//! Not done where it is found: a commit waits for disks and brokers, and a worker that waits keeps its whole
//! dataflow waiting. What is found meanwhile is corrected together, and what is found twice is corrected once.
//!
//! Invariant: whoever sees nothing open finds all that has to set out again among what [`Corrections::again`]
//! gives.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, unbounded};
use hark_operators::record::{Announcement, EpisodeKey};

/// Most revisions that are corrected with one commit: nobody's correction waits for many others.
const TOGETHER: usize = 64;

/// Corrections of one process: from its workers to who makes them, and from there to its feed.
pub struct Corrections {
    open: Mutex<Open>,
    changed: Condvar,
    again: (Sender<Announcement>, Receiver<Announcement>),
}

#[derive(Default)]
struct Open {
    due: BTreeSet<EpisodeKey>,
    /// How many are being made.
    taken: usize,
    closed: bool,
}

impl Default for Corrections {
    fn default() -> Self {
        Self { open: Mutex::default(), changed: Condvar::new(), again: unbounded() }
    }
}

impl Corrections {
    /// The verdict on a revision or its repeated parts changed, or the verdict on all before it.
    pub fn due(&self, revision: EpisodeKey) {
        self.open().due.insert(revision);
        self.changed.notify_all();
    }

    /// How many are due or being made.
    pub fn count(&self) -> usize {
        let open = self.open();
        open.due.len() + open.taken
    }

    /// An episode has to set out once more.
    pub fn set_out_again(&self, announcement: Announcement) {
        self.again.0.send(announcement).expect("both ends of the channel are here");
    }

    /// The next episode that has to.
    pub(crate) fn again(&self) -> Option<Announcement> {
        self.again.1.try_recv().ok()
    }

    /// Whether nothing is due or being made, and nothing waits to set out again.
    pub(crate) fn are_settled(&self) -> bool {
        self.count() == 0 && self.again.1.is_empty()
    }

    /// Waits for some that are due; `None` after the end, when none is left.
    pub(crate) fn take(&self) -> Option<Vec<EpisodeKey>> {
        let mut open = self.open();
        while open.due.is_empty() && !open.closed {
            open = self.changed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        let taken: Vec<EpisodeKey> = std::iter::from_fn(|| open.due.pop_first()).take(TOGETHER).collect();
        open.taken = taken.len();
        (!taken.is_empty()).then_some(taken)
    }

    /// Those that were taken are made.
    pub(crate) fn settle(&self) {
        self.open().taken = 0;
        self.changed.notify_all();
    }

    /// Nothing more will be due.
    pub(crate) fn close(&self) {
        self.open().closed = true;
        self.changed.notify_all();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(revision: u64) -> EpisodeKey {
        EpisodeKey { episode: "an episode".to_owned().into(), revision }
    }

    #[test]
    fn what_is_due_twice_is_taken_once_and_open_until_it_is_settled() {
        let corrections = Corrections::default();
        [2, 1, 2].into_iter().for_each(|revision| corrections.due(key(revision)));
        assert_eq!(corrections.take(), Some(vec![key(1), key(2)]));
        corrections.due(key(2));
        assert_eq!(corrections.count(), 3, "it changed once more while it was being made");
        corrections.settle();
        assert_eq!(corrections.take(), Some(vec![key(2)]));
        corrections.settle();
        assert!(corrections.are_settled());
    }

    #[test]
    fn the_end_comes_after_all_that_is_due() {
        let corrections = Corrections::default();
        let many = TOGETHER as u64 + 1;
        (0..many).for_each(|revision| corrections.due(key(revision)));
        corrections.close();
        let taken: Vec<usize> = std::iter::from_fn(|| corrections.take()).map(|taken| taken.len()).collect();
        assert_eq!(taken, [TOGETHER, 1]);
    }
}
