//! A budget of bytes in flight: reserved before they exist, given back when they are dropped.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

thread_local! {
    /// How long this thread has waited in [`Budget::reserve`].
    static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How long this thread has waited for bytes in all its life: what a lane waits, it does not compute.
pub(super) fn waited() -> Duration {
    WAITED.get()
}

/// A number of bytes that may be in memory at once. Cheap to clone; clones share the budget.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    held: Mutex<usize>,
    returned: Condvar,
}

/// Some of a budget's bytes; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    of: Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Shared { limit, held: Mutex::new(0), returned: Condvar::new() }))
    }

    /// Waits until `bytes` are free, then takes them. Something larger than the whole budget
    /// passes when nothing else is held: it is slow then, rather than stuck.
    /// Only for threads that may block: never in an operator.
    pub fn reserve(&self, bytes: usize) -> Permit {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        while *held > 0 && *held + bytes > self.0.limit {
            let since = Instant::now();
            held = self.0.returned.wait(held).unwrap_or_else(PoisonError::into_inner);
            WAITED.set(WAITED.get() + since.elapsed());
        }
        *held += bytes;
        Permit { of: self.clone(), bytes }
    }

    /// Takes bytes at once, also beyond the limit: for what must not wait. Whoever begins such a
    /// thing asks [`has_room`](Self::has_room) before.
    pub fn take(&self, bytes: usize) -> Permit {
        let mut permit = Permit { of: self.clone(), bytes: 0 };
        permit.grow(bytes);
        permit
    }

    /// Whether the limit is not reached.
    pub fn has_room(&self) -> bool {
        self.held() < self.0.limit
    }

    /// Bytes held at this moment.
    pub fn held(&self) -> usize {
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Takes more, as [`Budget::take`] does.
    pub fn grow(&mut self, bytes: usize) {
        *self.of.0.held.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        self.bytes += bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.of.0.held.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.of.0.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_waits_until_enough_is_given_back() {
        let budget = Budget::new(10);
        let first = budget.reserve(8);
        let waiting = std::thread::spawn({
            let budget = budget.clone();
            move || budget.reserve(5).bytes
        });
        assert_eq!(budget.held(), 8, "the second reservation does not fit");
        drop(first);
        assert_eq!(waiting.join().expect("it gets its bytes"), 5);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn something_larger_than_the_budget_passes_alone() {
        let budget = Budget::new(10);
        assert_eq!(budget.reserve(50).bytes, 50);
    }
}
