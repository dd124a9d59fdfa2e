//! Which groups of a lane have their models loaded, where its device has no room for all of them.
//!
//! ```text
//!                   ┌ loaded ───────────────────────────────────────────▶ runs
//! job of an operator┤
//!                   └ not ─▶ who was used longest ago goes ─▶ loaded ───▶ runs
//! ```
//! Invariant: no more than `most` models are loaded at any moment, also while one is being loaded. A group
//! without models stays for good: it takes nothing that another one needs.

use std::time::{Duration, Instant};

use crate::fault::Fault;

/// How long a lane goes on with the models that it has while jobs of others wait: loading one takes about a
/// second, of which this is 20 times.
pub(super) const TURN: Duration = Duration::from_secs(20);

/// The groups of one lane.
pub(super) struct Resident<G> {
    /// All of them, if `None`.
    most: Option<usize>,
    /// Who was used longest ago first.
    loaded: Vec<Loaded<G>>,
    /// When the last of them was loaded.
    since: Instant,
}

struct Loaded<G> {
    operator: usize,
    models: usize,
    group: G,
}

impl<G> Resident<G> {
    pub(super) fn new(most: Option<usize>, now: Instant) -> Self {
        Self { most, loaded: Vec::new(), since: now }
    }

    /// Whether a job of this operator should go before others: while a turn lasts, those whose models are
    /// there; after it, those whose are not.
    pub(super) fn prefers(&self, operator: usize, now: Instant) -> bool {
        let there = self.loaded.iter().any(|loaded| loaded.operator == operator);
        self.most.is_some() && there == (now.duration_since(self.since) < TURN)
    }

    /// An operator's group, which has so many models. Where it is not there, others are unloaded until
    /// there is room, then it is loaded.
    ///
    /// # Errors
    /// It could not be loaded.
    pub(super) fn group(
        &mut self,
        operator: usize,
        models: usize,
        load: impl FnOnce() -> Result<G, Fault>,
        mut unload: impl FnMut(usize, G),
    ) -> Result<&mut G, Fault> {
        let loaded = match self.loaded.iter().position(|loaded| loaded.operator == operator) {
            Some(at) => self.loaded.remove(at),
            None => {
                while models > 0 && self.most.is_some_and(|most| self.models() + models > most) {
                    let Some(oldest) = self.loaded.iter().position(|loaded| loaded.models > 0) else { break };
                    let Loaded { operator, group, .. } = self.loaded.remove(oldest);
                    unload(operator, group);
                }
                let group = load()?;
                self.since = Instant::now();
                Loaded { operator, models, group }
            }
        };
        self.loaded.push(loaded);
        Ok(&mut self.loaded.last_mut().expect("it was just put there").group)
    }

    fn models(&self) -> usize {
        self.loaded.iter().map(|loaded| loaded.models).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Bytes of the models of operators 0 to 3; that of 3 has none.
    const BYTES: [usize; 4] = [70, 90, 40, 0];

    /// Runs jobs of these operators on one lane: the most bytes that were loaded at once, how often a
    /// group was loaded.
    fn lane(most: Option<usize>, jobs: &[usize]) -> (usize, usize) {
        let (held, peak, loads) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let mut resident = Resident::new(most, Instant::now());
        for &operator in jobs {
            let load = || {
                loads.set(loads.get() + 1);
                held.set(held.get() + BYTES[operator]);
                peak.set(peak.get().max(held.get()));
                Ok(operator)
            };
            let models = usize::from(BYTES[operator] > 0);
            let unload = |operator: usize, group| {
                assert_eq!(operator, group);
                held.set(held.get() - BYTES[operator]);
            };
            let group = resident.group(operator, models, load, unload).map(|group| *group);
            assert_eq!(group, Ok(operator));
        }
        (peak.get(), loads.get())
    }

    #[test]
    fn with_one_model_at_a_time_the_peak_is_the_largest_instead_of_the_sum() {
        let jobs = [3, 0, 0, 1, 3, 1, 2, 2, 0];
        assert_eq!(lane(None, &jobs), (70 + 90 + 40, 4), "all are loaded once and stay");
        assert_eq!(lane(Some(1), &jobs), (90, 5), "0 is loaded twice, 3 takes nobody's place");
        assert_eq!(lane(Some(2), &[0, 1, 0, 2, 0, 1]).1, 4, "1 was used longest ago, and is loaded again");
    }

    #[test]
    fn jobs_of_loaded_models_go_first_until_their_turn_is_over() {
        let start = Instant::now();
        let mut resident = Resident::new(Some(1), start);
        resident.group(5, 1, || Ok(()), |_, ()| ()).expect("it loads");
        let since = resident.since;
        assert!(resident.prefers(5, since) && !resident.prefers(6, since));
        assert!(!resident.prefers(5, since + TURN) && resident.prefers(6, since + TURN));
        let all = Resident::<()>::new(None, start);
        assert!(!all.prefers(5, start) && !all.prefers(5, start + TURN), "without a limit ranks alone count");
    }

    #[test]
    fn a_group_that_cannot_be_loaded_leaves_room_for_the_next() {
        let mut resident = Resident::new(Some(1), Instant::now());
        let broken = || Err(Fault::retry("embed", "device", "it fell off the bus", "none"));
        assert!(resident.group(0, 1, broken, |_, ()| ()).is_err());
        assert!(resident.group(1, 1, || Ok(()), |_, ()| ()).is_ok());
    }
}
