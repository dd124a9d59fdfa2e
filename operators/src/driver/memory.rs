//! How much of a device's memory models take, and whether it fits.

use std::collections::BTreeMap;

use hark_models::device::Device;
use hark_models::gauge::Gauge;

use super::group::GroupSpec;
use crate::fault::Fault;
use crate::stage::{Equipment, Stage};

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
    fn weights(&self) -> usize {
        let mut weights: Vec<usize> = self.shares.iter().map(|share| share.weights).collect();
        weights.sort_unstable_by(|a, b| b.cmp(a));
        weights.iter().take(self.models.unwrap_or(usize::MAX)).sum()
    }

    /// Bytes of the largest batch of one lane. It runs one at a time, and what one model has used the next one
    /// uses again.
    fn batch(&self) -> usize {
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
    fn fit(&self, had: usize, whose: &str, remedy: &str, needs: impl Fn(Self) -> usize) -> Result<(), Fault> {
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

/// The devices of a process, by name, with all that its pools place there.
#[derive(Default)]
pub struct Devices(BTreeMap<String, Ledger>);

#[derive(Default)]
struct Ledger {
    /// Bytes for models, before there were any; `None` of the processor, and where nobody can tell.
    had: Option<usize>,
    /// Whether all its lanes must be able to compute at once: where a curve stands in for it, nobody halves a batch.
    strict: bool,
    /// Bytes of weights.
    weights: usize,
    /// Bytes of the largest batch of one lane.
    batch: usize,
    /// Bytes of the largest batches of all lanes.
    batches: usize,
}

impl Devices {
    /// The device of a group. It is asked for its memory before the first model is loaded there.
    ///
    /// # Errors
    /// There is no such device.
    pub(super) fn of(&mut self, spec: &GroupSpec, equipment: &Equipment) -> Result<String, Fault> {
        let (name, free): (String, &dyn Fn() -> Option<usize>) = match (&spec.curve, &spec.device) {
            (Some(curve), Some(device)) => (device.clone(), &|| curve.memory_bytes()),
            (_, device) => {
                let device = equipment.models.placement(device.as_deref(), spec.precision)?.device;
                (device.to_string(), &move || Gauge::open(device)?.free_bytes())
            }
        };
        let strict = spec.curve.is_some();
        self.0.entry(name.clone()).or_insert_with(|| Ledger { had: free(), strict, ..Ledger::default() });
        Ok(name)
    }

    /// Writes down what a pool has placed on a device.
    ///
    /// What all lanes could take at once may be more than there is: most of the time they do not, since on a
    /// GPU's one stream a lane gets what another has just let go of, and where they do, batches are halved.
    /// That is said, and no more.
    ///
    /// # Errors
    /// There is no room for a model beside the others, even with a single batch at a time; on a modelled device,
    /// with a batch on each lane.
    pub(super) fn place(&mut self, device: &str, pool: Pool) -> Result<(), Fault> {
        let Some(ledger) = self.0.get_mut(device) else { return Ok(()) };
        let Some(had) = ledger.had else { return Ok(()) };
        let needs = |pool: Pool| match ledger.strict {
            true => ledger.weights + ledger.batches + pool.planned(),
            false => ledger.weights + pool.weights() + ledger.batch.max(pool.batch()),
        };
        pool.fit(had, &format!("{device} has"), "leave it more memory", needs)?;
        ledger.weights += pool.weights();
        ledger.batch = ledger.batch.max(pool.batch());
        ledger.batches += pool.lanes * pool.batch();
        let most = ledger.weights + ledger.batches;
        if most > had {
            tracing::warn!(
                device,
                lanes = pool.name,
                bytes = had,
                planned_bytes = most,
                "if all lanes compute at once, some of their batches will not fit and be halved; a lower `max_items` makes them fit"
            );
        }
        Ok(())
    }
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

    fn pool(lanes: usize, shares: &[Share]) -> Pool<'_> {
        Pool { name: "gpu", lanes, models: None, shares }
    }

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

    /// A device of so many bytes.
    fn devices(had: Option<usize>) -> Devices {
        Devices(BTreeMap::from([("cuda:0".to_owned(), Ledger { had, ..Ledger::default() })]))
    }

    #[test]
    fn pools_of_one_device_share_its_memory() {
        let (speech, embed) =
            ([share(Stage::Speech, 10_000_000, 30_000_000)], [share(Stage::Embed, 40_000_000, 50_000_000)]);
        let placed = |had| {
            let mut devices = devices(Some(had));
            devices.place("cuda:0", pool(2, &speech))?;
            devices.place("cuda:0", Pool { name: "language", ..pool(1, &embed) })
        };
        assert_eq!(placed(100_000_000), Ok(()), "both weights, and one batch at a time");
        let refused = placed(99_000_000).expect_err("a megabyte is missing").to_string();
        let said = "cuda:0 has 99.0 MB of memory, 1.0 MB too few for the model of embed on lanes language";
        assert!(refused.contains(said), "{refused}");
    }

    #[test]
    fn on_a_modelled_device_all_lanes_must_fit_at_once() {
        let shares = [share(Stage::Speech, 10_000_000, 30_000_000)];
        let placed = |had| {
            let ledger = Ledger { had: Some(had), strict: true, ..Ledger::default() };
            Devices(BTreeMap::from([("modelled:h100".to_owned(), ledger)])).place("modelled:h100", pool(3, &shares))
        };
        assert_eq!(placed(100_000_000), Ok(()));
        let refused = placed(99_000_000).expect_err("a megabyte is missing").to_string();
        assert!(refused.contains("modelled:h100 has 99.0 MB of memory, 1.0 MB too few"), "{refused}");
    }

    #[test]
    fn a_device_that_cannot_be_asked_refuses_nothing() {
        let shares = [share(Stage::Embed, usize::MAX / 4, 1)];
        assert_eq!(devices(None).place("cuda:0", pool(1, &shares)), Ok(()));
    }
}
