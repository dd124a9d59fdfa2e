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

/// Bytes that these models take at once on `lanes` lanes, of which `models` at most are loaded.
pub(super) fn planned(lanes: usize, models: Option<usize>, shares: &[Share]) -> usize {
    let mut weights: Vec<usize> = shares.iter().map(|share| share.weights).collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    let weights = weights.iter().take(models.unwrap_or(usize::MAX)).sum::<usize>();
    // A lane runs one batch at a time, and what one model has used the next one uses again.
    weights + lanes * shares.iter().filter_map(|share| share.activations).max().unwrap_or(0)
}

/// Refuses models that `lanes` lanes of a pool cannot hold in its room.
///
/// # Errors
/// Names the model for which there is no room, and how many bytes are missing.
pub(super) fn fit(pool: &str, lanes: usize, shares: &[Share], room: Room) -> Result<(), Fault> {
    let Some(budget) = room.bytes else { return Ok(()) };
    for end in 1..=shares.len() {
        let placed = &shares[..end];
        let needed = planned(lanes, room.models, placed);
        if let (Some(missing), Some(last)) = (needed.checked_sub(budget).filter(|&bytes| bytes > 0), placed.last()) {
            let megabytes = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
            let activations = last.activations.map_or(String::new(), |bytes| {
                format!(" and {} for a batch of {} on each of {lanes} lanes", megabytes(bytes), last.max_items)
            });
            return Err(Fault::poison(
                "lanes",
                "memory",
                format!(
                    "lanes {pool} have {} of memory, {} too few for the model of {} ({} of weights{activations})",
                    megabytes(budget),
                    megabytes(missing),
                    last.stage,
                    megabytes(last.weights),
                ),
                "raise `memory_mb`, lower `max_items` or `threads`, load fewer models at once (`resident`), or place the stage on other lanes",
            ));
        }
    }
    Ok(())
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
mod tests {
    use super::*;

    fn share(stage: Stage, weights: usize, activations: usize) -> Share {
        Share { stage, at: "cpu in f32".to_owned(), weights, activations: Some(activations), max_items: 8 }
    }

    #[test]
    fn what_does_not_fit_is_named_with_the_bytes_that_are_missing() {
        let shares = [share(Stage::Speech, 1_000_000, 30_000_000), share(Stage::Embed, 90_000_000, 20_000_000)];
        let fit = |bytes| fit("gpu", 2, &shares, Room { bytes: Some(bytes), models: None });
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
        assert_eq!(planned(1, None, &shares), 190_000_000);
        assert_eq!(planned(1, Some(1), &shares), 120_000_000);
        let room = Room { bytes: Some(120_000_000), models: Some(1) };
        assert_eq!(fit("gpu", 1, &shares, room), Ok(()));
        let refused = fit("gpu", 1, &shares, Room { models: Some(2), ..room }).expect_err("both do not fit");
        assert!(refused.to_string().contains("70.0 MB too few for the model of embed"), "{refused}");
    }
}
