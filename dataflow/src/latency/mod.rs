//! Two latencies, both as HDR histograms that merge across workers.
//!
//! - **epoch latency**: from the moment an epoch closed at the source until an operator's frontier
//!   passed it, which means that all work of all workers at that epoch is done there;
//! - **preview latency**: from taking an episode in to its outcome, and per stage the part that was
//!   queueing and the part that was computing.

mod interval_log;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use hark_operators::driver::Epoch;
use hark_operators::record::Spent;
use hdrhistogram::Histogram;
use timely::dataflow::operators::probe::Handle;

pub use interval_log::IntervalLog;

/// Microseconds, 1 us to 24 h, three significant digits.
pub type Micros = Histogram<u64>;

/// An empty histogram.
pub fn micros() -> Micros {
    Histogram::new_with_bounds(1, 86_400_000_000, 3).expect("the bounds are constants that fit")
}

/// Records seconds; a histogram never refuses a value, it saturates.
pub fn record(histogram: &mut Micros, seconds: f64) {
    histogram.saturating_record((seconds * 1e6).max(1.0) as u64);
}

/// Epoch latency at one worker, per operator.
#[derive(Default)]
pub struct EpochLatency {
    operators: Vec<Watched>,
}

struct Watched {
    name: String,
    probe: Handle<Epoch>,
    /// Epochs that closed at the source and are not done here.
    open: VecDeque<(Epoch, Instant)>,
    histogram: Micros,
}

impl EpochLatency {
    /// Watches an operator.
    pub fn watch(&mut self, name: &str, probe: Handle<Epoch>) {
        let name = name.to_owned();
        self.operators.push(Watched { name, probe, open: VecDeque::new(), histogram: micros() });
    }

    /// No more will be sent at this epoch.
    pub fn closed(&mut self, epoch: Epoch) {
        let now = Instant::now();
        self.operators.iter_mut().for_each(|operator| operator.open.push_back((epoch, now)));
    }

    /// Notes the epochs that frontiers have passed; `done` hears the operator and the seconds of each. Call
    /// after every step of the worker.
    pub fn poll(&mut self, done: impl Fn(&str, f64)) {
        for Watched { name, probe, open, histogram } in &mut self.operators {
            while let Some((epoch, closed)) = open.front() {
                if probe.less_equal(epoch) {
                    break;
                }
                let seconds = closed.elapsed().as_secs_f64();
                record(histogram, seconds);
                done(name, seconds);
                open.pop_front();
            }
        }
    }

    /// The operators with their frontiers; the tick is the greatest where nothing more can come.
    pub fn frontiers(&self) -> impl Iterator<Item = (&str, Epoch)> {
        let first = |probe: &Handle<Epoch>| probe.with_frontier(|frontier| frontier.first().copied());
        self.operators.iter().map(move |operator| (&*operator.name, first(&operator.probe).unwrap_or(Epoch::MAX)))
    }

    /// The histograms, by operator in the layout's order.
    pub fn into_histograms(self) -> Vec<(String, Micros)> {
        self.operators.into_iter().map(|operator| (operator.name, operator.histogram)).collect()
    }
}

/// Preview latency of the episodes that ended.
pub struct PreviewLatency {
    /// From taking in to outcome, of published previews.
    pub whole: Micros,
    /// Queued and computing per stage.
    pub stages: BTreeMap<&'static str, (Micros, Micros)>,
}

impl Default for PreviewLatency {
    fn default() -> Self {
        Self { whole: micros(), stages: BTreeMap::new() }
    }
}

impl PreviewLatency {
    /// One preview was published `seconds` after its episode was taken in.
    pub fn published(&mut self, seconds: f64, spent: &Spent) {
        record(&mut self.whole, seconds);
        for (stage, time) in spent {
            let (queued, computing) = self.stages.entry(stage.name()).or_insert_with(|| (micros(), micros()));
            record(queued, time.queued);
            record(computing, time.computing);
        }
    }
}
