//! What the pools of a process place on each device, and whether it fits beside each other.
//!
//! ```text
//! pool gpu ──────┐ weights, a batch on each lane
//! pool language ─┼──▶ cuda:0: bytes that were free before the first of them
//! workers ───────┘
//! ```

use std::collections::BTreeMap;

use hark_models::gauge::Gauge;

use super::group::GroupSpec;
use super::memory::Pool;
use crate::fault::Fault;
use crate::stage::Equipment;

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

#[cfg(test)]
mod tests {
    use super::super::memory::sample::{pool, share};
    use super::*;
    use crate::stage::Stage;

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
