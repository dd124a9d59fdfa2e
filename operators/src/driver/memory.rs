//! How much of a device's memory models take, and whether it fits.

use hark_models::device::Device;
use hark_models::gauge::Gauge;

use crate::fault::Fault;
use crate::stage::Stage;

/// What one model takes of its device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The stage that it works for.
    pub stage: Stage,
    /// Where, and in which numbers; `modelled` where a curve says what it takes.
    pub at: String,
    /// Bytes of its weights, which all lanes share.
    pub weights: usize,
    /// Bytes by which the device's memory grew in a batch of `max_items`, measured now or when its curve
    /// was; each lane needs its own. `None` on the processor, which shares its memory with everything else.
    pub activations: Option<usize>,
    /// The size of that batch.
    pub max_items: usize,
}

/// What a pool may keep on its device; everything where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: Option<usize>,
    /// Models that are loaded at once.
    pub models: Option<usize>,
}

/// A pool on a device, and what its models take there.
#[derive(Clone, Copy)]
pub(super) struct Pool<'a> {
    pub name: &'a str,
    pub lanes: usize,
    /// Models that are loaded at once.
    pub models: Option<usize>,
    pub shares: &'a [Share],
}

impl Pool<'_> {
    /// Bytes of the weights that are there at once.
    pub fn weights(&self) -> usize {
        let mut weights: Vec<usize> = self.shares.iter().map(|share| share.weights).collect();
        weights.sort_unstable_by(|a, b| b.cmp(a));
        weights.iter().take(self.models.unwrap_or(usize::MAX)).sum()
    }

    /// Bytes of the largest batch of one lane. It runs one at a time, and what one model has used the next one
    /// uses again.
    pub fn batch(&self) -> usize {
        self.shares.iter().filter_map(|share| share.activations).max().unwrap_or(0)
    }

    /// Bytes that its models take at once, if all its lanes run their largest batches together.
    pub fn planned(&self) -> usize {
        self.weights() + self.lanes * self.batch()
    }

    /// Refuses its models if they need more than there is, so `needs`, of all of `had`.
    ///
    /// # Errors
    /// Names the first model for which there is no room, and how many bytes are missing.
    pub fn fit(&self, had: usize, whose: &str, remedy: &str, needs: impl Fn(Self) -> usize) -> Result<(), Fault> {
        for end in 1..=self.shares.len() {
            let placed = Self { shares: &self.shares[..end], ..*self };
            let missing = needs(placed).saturating_sub(had);
            let (false, Some(last)) = (missing == 0, placed.shares.last()) else { continue };
            let batch = last.activations.map_or(String::new(), |bytes| {
                format!(", {} for a batch of {} on each of {} lanes", megabytes(bytes), last.max_items, self.lanes)
            });
            return Err(Fault::poison(
                "lanes",
                "memory",
                format!(
                    "{whose} {} of memory, {} too few for the model of {} on lanes {} ({} of weights{batch})",
                    megabytes(had),
                    megabytes(missing),
                    last.stage,
                    self.name,
                    megabytes(last.weights),
                ),
                format!(
                    "{remedy}, lower `max_items` or `threads`, load fewer models at once (`resident`), or place the stage on other lanes"
                ),
            ));
        }
        Ok(())
    }

    /// Refuses its models if the pool may not keep them.
    pub fn fit_into(&self, room: Room) -> Result<(), Fault> {
        let Some(bytes) = room.bytes else { return Ok(()) };
        self.fit(bytes, &format!("lanes {} have", self.name), "raise `memory_mb`", |pool| pool.planned())
    }
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Reads how a device's memory grows; nothing where it cannot be read.
pub(super) struct Meter(Option<Gauge>);

impl Meter {
    pub(super) fn of(device: Device) -> Self {
        Self(Gauge::open(device))
    }

    /// Runs `work` and tells by how many bytes the device's memory grew, if that can be read.
    pub(super) fn growth_of(&mut self, work: impl FnOnce() -> Result<(), Fault>) -> Result<Option<usize>, Fault> {
        let used = |meter: &Self| meter.0.as_ref().and_then(Gauge::used_bytes);
        let before = used(self);
        work()?;
        Ok(used(self).zip(before).map(|(after, before)| after.saturating_sub(before)))
    }
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;

    pub fn share(stage: Stage, weights: usize, activations: usize) -> Share {
        Share { stage, at: "cpu in f32".to_owned(), weights, activations: Some(activations), max_items: 8 }
    }

    pub fn pool(lanes: usize, shares: &[Share]) -> Pool<'_> {
        Pool { name: "gpu", lanes, models: None, shares }
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{pool, share};
    use super::*;

    #[test]
    fn what_does_not_fit_is_named_with_the_bytes_that_are_missing() {
        let shares = [share(Stage::Speech, 1_000_000, 30_000_000), share(Stage::Embed, 90_000_000, 20_000_000)];
        let fit = |bytes| pool(2, &shares).fit_into(Room { bytes: Some(bytes), models: None });
        assert_eq!(fit(151_000_000), Ok(()));
        let refused = fit(150_000_000).expect_err("one megabyte is missing").to_string();
        assert!(refused.contains("1.0 MB too few for the model of embed"), "{refused}");
        assert!(refused.contains("`memory_mb`"), "{refused}");
        let refused = fit(60_000_000).expect_err("there is no room for the first").to_string();
        assert!(refused.contains("for the model of speech"), "{refused}");
    }

    #[test]
    fn of_models_that_take_turns_the_largest_counts_instead_of_the_sum() {
        let shares = [share(Stage::Speech, 70_000_000, 30_000_000), share(Stage::Embed, 90_000_000, 20_000_000)];
        let turns = |models| Pool { models, ..pool(1, &shares) };
        assert_eq!(turns(None).planned(), 190_000_000);
        assert_eq!(turns(Some(1)).planned(), 120_000_000);
        let room = Room { bytes: Some(120_000_000), models: Some(1) };
        assert_eq!(turns(Some(1)).fit_into(room), Ok(()));
        let refused = turns(Some(2)).fit_into(room).expect_err("both do not fit");
        assert!(refused.to_string().contains("70.0 MB too few for the model of embed"), "{refused}");
    }
}
