//! Which rows of earlier runs say that nothing is left to do.
//!
//! A row is durable at once, what its episode made known with the next commit. Who dies in between leaves a
//! row of which nothing is known: the episode is run once more when its announcement is read again, which is
//! certain, for sources are committed last. Until then any number of runs may die, each after commits of its
//! own; so each commit says of all of them when they may have told what is lost.
//!
//! Nobody reads the announcement of an episode again that had set out once more, because it was fresh after
//! all: a start runs it from its row.

use hark_operators::record::outcome::Outcome;

use crate::durable::doubt;
use crate::intake::unix_now;
use crate::snapshot::Header;

/// Whether what an episode made known outlived the run in which it ended.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// When what is lost may have been told: from a start to before an end, in seconds since 1970 UTC.
    lost: Vec<(f64, f64)>,
    /// When this run began, in seconds since 1970 UTC.
    began: f64,
}

impl Remembered {
    /// With what an earlier run wrote last, in a run that begins now: `alone`, or with other processes.
    pub fn of(found: &Header, alone: bool) -> Self {
        Self::at(found, unix_now(), alone)
    }

    /// In one that began at a moment in seconds since 1970 UTC.
    pub(crate) fn at(found: &Header, began: f64, alone: bool) -> Self {
        let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
        let lost = found.lost_before((began * 1000.0) as i64 + doubt(alone));
        Self { lost: lost.into_iter().map(|(from, to)| (seconds(from), seconds(to))).collect(), began }
    }

    /// Whether what this episode made known is known to this run, or will be. It was told between its intake
    /// and its end; a row that was corrected says when that was, which is later.
    pub(crate) fn covers(&self, row: &Outcome) -> bool {
        !self.lost.iter().any(|stretch| is_within(row, *stretch))
    }

    /// The same for an episode that ends at this process, by whose clock its row is of this run or not. Rows from
    /// before the first run count: a batch left them, and only who announces them again has them run.
    pub(crate) fn covers_own(&self, row: &Outcome) -> bool {
        let mut died = self.lost.iter().filter(|(from, _)| *from > 0.0);
        row.completed_at >= self.began || !died.any(|stretch| is_within(row, *stretch))
    }
}

fn is_within(row: &Outcome, (from, to): (f64, f64)) -> bool {
    row.ingested_at < to && row.completed_at >= from
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample::published;
    use crate::snapshot::DRAINED;

    fn row(ingested_at: f64, completed_at: f64) -> Outcome {
        Outcome { ingested_at, completed_at, ..published("show", "one", 0) }
    }

    #[test]
    fn what_ended_after_the_last_commit_of_a_run_that_died_is_not_remembered_however_many_commit_after_it() {
        let remembered = Remembered { lost: vec![(100.0, 200.0)], began: 195.0 };
        let covers = |ingested_at, completed_at| remembered.covers(&row(ingested_at, completed_at));
        assert!(covers(98.0, 99.0) && covers(200.0, 201.0) && covers(300.0, 301.0));
        assert!(!covers(98.0, 100.0) && !covers(199.0, 199.5));
        assert!(remembered.covers_own(&row(194.0, 196.0)) && !remembered.covers_own(&row(193.0, 194.0)));
        assert!(!covers(98.0, 250.0), "corrected after it had ended, which may have been at any time before");
    }

    #[test]
    fn of_a_run_that_was_drained_all_is_remembered_and_without_one_nothing() {
        let now = unix_now();
        let drained = Remembered::of(&Header { at: DRAINED, ..Header::default() }, true);
        assert!(drained.covers(&row(now - 2.0, now - 1.0)));
        let nothing = Remembered::of(&Header::default(), true);
        assert!(nothing.covers_own(&row(1.0, now - 1.0)), "nobody died");
        assert!(!nothing.covers(&row(1.0, now - 1.0)) && nothing.covers(&row(unix_now(), unix_now())));
    }
}
