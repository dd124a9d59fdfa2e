//! How many items a lane does in a given time, from what it did before: adaptive batches.

use std::time::Duration;

/// Weight of the newest batch in the running mean.
const NEWEST: f64 = 0.2;

/// Keeps a batch within a time that it may take.
#[derive(Debug)]
pub(super) struct Pace {
    target: Option<Duration>,
    /// Running mean of seconds per item; `None` before the first batch.
    seconds_per_item: Option<f64>,
}

impl Pace {
    /// Without a target batches are as large as they may be.
    pub(super) fn new(target: Option<Duration>) -> Self {
        Self { target, seconds_per_item: None }
    }

    /// A batch of so many items took so long.
    pub(super) fn took(&mut self, items: usize, seconds: f64) {
        let each = seconds / items.max(1) as f64;
        let mean = self.seconds_per_item.map_or(each, |mean| mean + NEWEST * (each - mean));
        self.seconds_per_item = Some(mean);
    }

    /// How many of at most `most` items the next batch should have. Before anything is known, one:
    /// the first answer comes soon and tells the pace.
    pub(super) fn items(&self, most: usize) -> usize {
        match (self.target, self.seconds_per_item) {
            (None, _) => most,
            (Some(_), None) => 1,
            (Some(target), Some(each)) => ((target.as_secs_f64() / each.max(1e-9)) as usize).clamp(1, most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_fits_into_its_target_and_follows_the_lane() {
        let mut pace = Pace::new(Some(Duration::from_millis(100)));
        assert_eq!(pace.items(64), 1);
        pace.took(1, 0.010);
        assert_eq!(pace.items(64), 10);
        for _ in 0..30 {
            pace.took(10, 0.025); // it got four times faster
        }
        assert!((35..=40).contains(&pace.items(64)), "{}", pace.items(64));
        pace.took(10, 20.0);
        assert_eq!(pace.items(64), 1, "a lane that got slow still gets work");
    }

    #[test]
    fn without_a_target_batches_are_as_large_as_they_may_be() {
        let mut pace = Pace::new(None);
        pace.took(1, 9.0);
        assert_eq!(pace.items(64), 64);
    }
}
