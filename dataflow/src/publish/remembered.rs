//! Which rows of earlier runs say that nothing is left to do.
//!
//! A row is durable at once, what its episode made known with the next commit. Who dies in between leaves a
//! row of which nothing is known: the episode is run once more when its announcement is read again, which is
//! certain, for sources are committed last.

use crate::intake::unix_now;
use crate::snapshot::Header;

/// Whether what an episode made known outlived the run in which it ended.
#[derive(Clone, Copy, Debug)]
pub struct Remembered {
    /// What earlier runs came to know before this, in seconds since 1970 UTC, is durable.
    until: f64,
    /// From here on it is this run that learns.
    began: f64,
}

impl Remembered {
    /// With what an earlier run wrote last, in a run that begins now.
    pub fn of(found: &Header) -> Self {
        Self { until: found.at as f64 / 1000.0, began: unix_now() }
    }

    /// Whether what an episode made known that ended at this time is known to this run, or will be.
    pub(super) fn covers(&self, completed_at: f64) -> bool {
        completed_at < self.until || completed_at >= self.began
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_after_the_last_commit_of_a_run_that_died_is_not_remembered() {
        let remembered = Remembered { until: 100.0, began: 200.0 };
        assert_eq!([99.0, 100.0, 199.0, 200.0].map(|at| remembered.covers(at)), [true, false, false, true]);
        let nothing = Remembered::of(&Header::default());
        assert!(!nothing.covers(1.0) && nothing.covers(unix_now()));
    }
}
