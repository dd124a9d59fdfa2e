//! A stage on a device that is not there: it takes the time of a measured curve and finds nothing.
//!
//! ```text
//! batch ─▶ wait for the device ─▶ wait as long as the curve says ─▶ the light way's body for each record
//! ```
//! So a layout can be timed under a device that nobody has at hand. What comes of it is no preview that
//! anybody should see: every piece bears the fault `modelled`, every episode goes the light way.

mod curve;

use std::sync::Arc;
use std::time::Duration;

use hark_models::device::Precision;

pub use curve::{Cost, Curve, CurveError};

use super::{Stage, Work};
use crate::fault::Fault;
use crate::record::{Body, Record};

/// What becomes of a lane while its device would compute.
type Wait = Box<dyn FnMut(Duration) + Send>;

pub(super) struct Modelled {
    stage: Stage,
    precision: Precision,
    curve: Arc<Curve>,
    wait: Wait,
}

impl Modelled {
    /// A stage that waits in its thread's own time.
    pub(super) fn new(stage: Stage, precision: Precision, curve: Arc<Curve>) -> Self {
        Self { stage, precision, curve, wait: Box::new(std::thread::sleep) }
    }

    fn stand_in(&self) -> Fault {
        Fault::retry(
            self.stage.name(),
            "modelled",
            format!("the curve {} stood in for its model: nothing was computed", self.curve.name),
            "run a layout whose lanes are on real devices",
        )
    }
}

impl Work for Modelled {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let cost = self.curve.cost(self.stage, self.precision, batch.len()).ok_or_else(|| self.stand_in())?;
        let turn = self.curve.turn();
        (self.wait)(cost.time);
        drop(turn);
        for (i, record) in batch.iter().enumerate() {
            emit(i, self.stage.failed(record, self.stand_in()));
        }
        Ok(())
    }

    fn weight_bytes(&self) -> Option<usize> {
        self.curve.weight_bytes(self.stage, self.precision)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::driver::sample::passage;
    use crate::record::Priority;

    #[test]
    fn a_modelled_stage_waits_as_its_curve_says_and_sends_every_record_the_light_way() {
        let curve = Arc::new(Curve::parse(curve::EXAMPLE).expect("it is one"));
        let waited: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let noted = waited.clone();
        let wait = Box::new(move |time| noted.lock().expect("no test panics in it").push(time));
        let mut stage = Modelled { stage: Stage::Embed, precision: Precision::F32, curve, wait };
        let batch: Vec<Record> = (0..3).map(|at| passage(at, Priority::Normal, 9)).collect();
        let mut codes = Vec::new();
        stage
            .run(&batch, &mut |i, body| match body {
                Body::Unfound(Stage::Embed, fault) => codes.push((i, fault.code)),
                body => panic!("{body:?} is more than a stand-in"),
            })
            .expect("a curve does not fail");
        assert_eq!(codes, [0, 1, 2].map(|i| (i, "embed.modelled".to_owned())));
        assert_eq!(*waited.lock().expect("whole"), [Duration::from_millis(20)], "half way from 10 to 30 ms");
        assert_eq!(stage.weight_bytes(), Some(90_000_000));
    }

    #[test]
    fn lanes_of_one_device_compute_in_turn() {
        let curve = Arc::new(Curve::parse(curve::EXAMPLE).expect("it is one"));
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (at_once, most) = (at_once.clone(), most.clone());
                let wait = Box::new(move |_| {
                    most.fetch_max(1 + at_once.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                    std::thread::yield_now();
                    at_once.fetch_sub(1, Ordering::SeqCst);
                });
                let mut lane = Modelled { stage: Stage::Embed, precision: Precision::F32, curve: curve.clone(), wait };
                scope.spawn(move || {
                    let batch = [passage(0, Priority::Normal, 9)];
                    (0..50).for_each(|_| lane.run(&batch, &mut |_, _| {}).expect("a curve does not fail"));
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }
}
