//! One engine at one size: load, memory at rest, candidates, then updates one by one.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result};
use differential_dataflow::VecCollection;
use differential_dataflow::input::InputSession;
use hark_benches::apart::Figures;
use hark_benches::memory;
use hark_operators::dedupe::exact::{Edge, KnownAt, Member};
use hark_operators::dedupe::near::{Likeness, near};
use hdrhistogram::Histogram;
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

use crate::{items, material, plain};

/// Items per time of the load, all workers together.
const LOAD: u64 = 10_000;
/// Single updates that are timed.
const UPDATES: u64 = 2_000;

/// A way to find near-duplicates incrementally.
#[derive(Clone, Copy)]
pub enum Engine {
    /// hark's.
    Near,
    /// Differential as it comes.
    Plain,
}

impl Engine {
    /// By its name on the command line.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "near" => Some(Self::Near),
            "plain" => Some(Self::Plain),
            _ => None,
        }
    }

    fn build<'s>(
        self,
        likenesses: VecCollection<'s, KnownAt, (Member, Likeness)>,
    ) -> (VecCollection<'s, KnownAt, Edge>, VecCollection<'s, KnownAt, u64>) {
        match self {
            Self::Near => {
                let found = near(likenesses, items::rule());
                (found.edges, found.popular)
            }
            Self::Plain => plain::near(likenesses, items::rule()),
        }
    }
}

/// Loads items, counts what each was compared with, then times updates: takedowns and returns by turns.
///
/// # Errors
/// Where workers do not start.
pub fn engine(engine: Engine, workers: usize, size: u64) -> Result<Figures> {
    items::count(size);
    let popular = Arc::new(AtomicI64::new(0));
    let figures = Arc::new(Mutex::new(Figures::new()));
    let shared = Arc::clone(&figures);
    let before = memory::resident();
    let mut config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    hark_operators::dedupe::configure(&mut config.worker);
    let guards = timely::execute(config, move |worker| {
        let mut input = InputSession::new();
        let popular_here = Arc::clone(&popular);
        let probe = worker.dataflow(|scope| {
            let (edges, bands) = engine.build(input.to_collection(scope));
            let counted = bands.inspect(move |(_band, _time, diff)| {
                popular_here.fetch_add(*diff as i64, Ordering::Relaxed);
            });
            let probe = Handle::new();
            counted.inner.probe_with(&probe);
            edges.inner.probe_with(&probe);
            probe
        });
        let (started, waited) = (Instant::now(), memory::waited());
        let (index, peers) = (worker.index() as u64, worker.peers() as u64);
        for first in (0..size).step_by(LOAD as usize) {
            for number in (first..(first + LOAD).min(size)).filter(|number| number % peers == index) {
                input.insert(material::item(number, size));
            }
            pass(worker, &mut input, &probe);
        }
        let seconds = started.elapsed().as_secs_f64();
        let waited = memory::waited() - waited;
        let settled = Instant::now() + std::time::Duration::from_secs(2);
        while Instant::now() < settled {
            worker.step();
        }
        if index > 0 {
            // The others only serve: what happens next depends on the first worker's times.
            drop(input);
            while !probe.done() {
                worker.step();
            }
            return;
        }
        let mut figures = shared.lock().expect("nobody panicked");
        let mut note = |name: &str, figure| figures.insert(name.to_owned(), figure);
        note("load", size as f64 / seconds);
        note("waited", waited / seconds / peers as f64 * 100.0);
        note("peak", (memory::peak() - before) / size as f64);
        note("bytes", (memory::resident() - before) / size as f64);
        let compared = items::compared();
        note("mean", compared.iter().map(|count| f64::from(*count)).sum::<f64>() / size as f64);
        note("p99", f64::from(compared[compared.len() * 99 / 100]));
        note("most", f64::from(compared[compared.len() - 1]));
        note("popular", popular.load(Ordering::Relaxed) as f64);
        let latency = updates(worker, &mut input, &probe, size);
        for (name, quantile) in [("update p50", 0.5), ("update p99", 0.99)] {
            note(name, latency.value_at_quantile(quantile) as f64 / 1e3);
        }
    });
    for worker in guards.map_err(anyhow::Error::msg)?.join() {
        worker.map_err(anyhow::Error::msg)?;
    }
    let figures = Arc::into_inner(figures).context("all workers are done")?;
    Ok(figures.into_inner().expect("nobody panicked"))
}

type Input = InputSession<KnownAt, (Member, Likeness), isize>;

/// Ends the time and works until the probe has passed it.
fn pass(worker: &mut Worker, input: &mut Input, probe: &Handle<KnownAt>) {
    input.advance_to(input.time() + 1);
    input.flush();
    while probe.less_than(input.time()) {
        worker.step();
    }
}

/// Nanoseconds from an update until the probe has passed it.
fn updates(worker: &mut Worker, input: &mut Input, probe: &Handle<KnownAt>, size: u64) -> Histogram<u64> {
    let mut latency = Histogram::new(3).expect("three digits are allowed");
    for turn in 0..UPDATES {
        let item = material::item(material::mixed(turn / 2) % size, size);
        let started = Instant::now();
        if turn % 2 == 0 {
            input.remove(item)
        } else {
            input.insert(item)
        }
        pass(worker, input, probe);
        latency.record(started.elapsed().as_nanos() as u64).expect("the histogram resizes");
    }
    latency
}
