//! Three strikes: a model that fails again and again rests, and is tried again after a while.
//!
//! ```text
//!          3 failures in a row            REST over                 it works
//! working ─────────────────────▶ resting ───────────▶ one batch ─────────────▶ working
//!                                   ▲                     │ it fails
//!                                   └─────────────────────┘
//! ```
//! While it rests, its records fail at once, so that episodes take the light way instead of waiting
//! for a device that is not there.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row after which a model rests.
pub const STRIKES: u32 = 3;

/// How long it rests before a batch is tried.
pub const REST: Duration = Duration::from_secs(30);

/// The state of one stage's model, shared by all lanes of a process.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    strikes: u32,
    /// When the next batch may be tried.
    until: Option<Instant>,
}

impl Breaker {
    /// Whether a batch may run now. Of a model that rests, the first one after its rest may, alone.
    pub fn allows(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// The model failed, not one of its items. Tells whether it rests because of this.
    pub fn strike(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.strikes += 1;
        let rests = state.strikes >= STRIKES;
        if rests {
            state.until = Some(now + REST);
        }
        rests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_failure_in_a_row_lets_a_model_rest_until_a_batch_works() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        assert!(!breaker.strike(now) && !breaker.strike(now) && breaker.allows(now));
        assert!(breaker.strike(now), "the third");
        assert!(!breaker.allows(now) && !breaker.allows(now + REST / 2));
        assert!(breaker.allows(now + REST), "one is tried");
        assert!(!breaker.allows(now + REST), "one alone");
        assert!(breaker.strike(now + REST), "it failed, so the model rests again");
        assert!(!breaker.allows(now + REST + REST / 2));
        assert!(breaker.allows(now + REST * 3));
        breaker.works();
        assert!(breaker.allows(now + REST * 3) && breaker.allows(now + REST * 3));
    }

    #[test]
    fn failures_with_a_success_between_them_are_no_row() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..10 {
            assert!(!breaker.strike(now) && !breaker.strike(now));
            breaker.works();
        }
        assert!(breaker.allows(now));
    }
}
