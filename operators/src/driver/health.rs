//! What all lanes of a process know of a stage's model: whether it works, and how much its device holds.
//!
//! ```text
//!          3 failures in a row            REST over                 it works
//! working ─────────────────────▶ resting ───────────▶ one batch ─────────────▶ working
//!                                   ▲                     │ it fails
//!                                   └─────────────────────┘
//! ```
//! While it rests, its records fail at once, so that episodes take the light way instead of waiting
//! for a device that is not there. Only what fails alone is counted: of a batch that fails nobody knows yet
//! whether the model or an item is at fault, and its items are tried again to find out. Failures of one episode
//! are one: its pieces are alike, and what is wrong with them is wrong with none of the others'.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::record::EpisodeKey;

/// Failures in a row after which a model rests.
pub const STRIKES: u32 = 3;

/// How long it rests before a batch is tried.
pub const REST: Duration = Duration::from_secs(30);

/// The state of one stage's model.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
    /// Most items for which its device had room.
    items: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    strikes: u32,
    /// Whose item the last strike was.
    last: Option<EpisodeKey>,
    /// When the next batch may be tried.
    until: Option<Instant>,
}

impl Default for Health {
    fn default() -> Self {
        Self { state: Mutex::default(), items: AtomicUsize::new(usize::MAX) }
    }
}

impl Health {
    /// Whether a batch may run now. Of a model that rests, the first one after its rest may, alone.
    pub fn allows(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.until {
            Some(until) if now < until => false,
            Some(_) => {
                state.until = Some(now + REST); // the others wait for what comes of it
                true
            }
            None => true,
        }
    }

    /// A batch came back.
    pub fn works(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// The model failed on an item of this episode alone. Tells whether it rests because of this.
    pub fn strike(&self, episode: &EpisodeKey, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.as_ref() != Some(episode) || state.until.is_some() {
            state.strikes += 1;
        }
        state.last = Some(episode.clone());
        let rests = state.strikes >= STRIKES;
        if rests {
            state.until = Some(now + REST);
        }
        rests
    }

    /// Its device had no room for more than so many items.
    pub fn holds(&self, items: usize) {
        self.items.fetch_min(items, Ordering::Relaxed);
    }

    /// Most items that a batch should have, as far as its device has been found to be too small.
    pub fn most_items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::EpisodeId;

    fn episode(name: &str) -> EpisodeKey {
        EpisodeKey { episode: EpisodeId::from(name), revision: 0 }
    }

    #[test]
    fn the_third_failure_in_a_row_lets_a_model_rest_until_a_batch_works() {
        let (health, now) = (Health::default(), Instant::now());
        let [a, b, c] = ["a", "b", "c"].map(episode);
        assert!(!health.strike(&a, now) && !health.strike(&b, now) && health.allows(now));
        assert!(health.strike(&c, now), "the third");
        assert!(!health.allows(now) && !health.allows(now + REST / 2));
        assert!(health.allows(now + REST), "one is tried");
        assert!(!health.allows(now + REST), "one alone");
        assert!(health.strike(&c, now + REST), "it failed, so the model rests again");
        assert!(!health.allows(now + REST + REST / 2));
        assert!(health.allows(now + REST * 3));
        health.works();
        assert!(health.allows(now + REST * 3) && health.allows(now + REST * 3));
    }

    #[test]
    fn failures_with_a_success_between_them_are_no_row() {
        let (health, now) = (Health::default(), Instant::now());
        for _ in 0..10 {
            assert!(!health.strike(&episode("a"), now) && !health.strike(&episode("b"), now));
            health.works();
        }
        assert!(health.allows(now));
    }

    #[test]
    fn an_episode_whose_every_piece_fails_is_one_failure() {
        let (health, now) = (Health::default(), Instant::now());
        let (bad, other) = (episode("bad"), episode("other"));
        assert!((0..100).all(|_| !health.strike(&bad, now)) && health.allows(now));
        assert!(!health.strike(&other, now), "the second that fails");
        assert!(health.strike(&bad, now), "the third in a row");
        assert!(health.allows(now + REST) && health.strike(&bad, now + REST), "what is tried next fails again");
    }

    #[test]
    fn the_smallest_size_that_was_too_much_counts_for_all_lanes() {
        let health = Health::default();
        assert_eq!(health.most_items(), usize::MAX);
        health.holds(8);
        health.holds(16);
        assert_eq!(health.most_items(), 8);
    }
}
