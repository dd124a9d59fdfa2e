//! One engine at one size: bulk load, memory at rest, then updates.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hark_benches::apart::Figures;
use hark_benches::memory;
use hdrhistogram::Histogram;

use crate::engine::Engine;
use crate::material;
use crate::session::{Session, config};

/// Records per time in the bulk load, all workers together.
const LOAD: u64 = 500_000;
/// Sizes of a batch of updates, and how many such batches are timed.
pub const BATCHES: [(u64, usize); 3] = [(1, 20_000), (100, 2_000), (10_000, 60)];

/// Loads, waits until open merges are done, then times updates: arrivals and takedowns by turns.
pub fn engine(engine: Engine, workers: usize, records: u64) -> Figures {
    let figures = Arc::new(Mutex::new(Figures::new()));
    let shared = Arc::clone(&figures);
    let before = memory::resident();
    let guards = timely::execute(config(workers), move |worker| {
        let (mut session, ()) = Session::new(worker, |members| (engine.build(members), ()));
        let waited_before = memory::waited();
        let taken = load(&mut session, records);
        let waited_in_load = memory::waited() - waited_before;
        let settled = Instant::now() + Duration::from_micros(records / 3) + Duration::from_millis(1_500);
        while Instant::now() < settled {
            session.worker.step();
        }
        let workers = session.worker.peers() as f64;
        if session.worker.index() > 0 {
            // The others only serve: what happens next depends on the first worker's times.
            let Session { worker, input, probe } = session;
            drop(input);
            while !probe.done() {
                worker.step();
            }
            return;
        }
        let mut figures = shared.lock().expect("nobody panicked");
        let mut note = |name: &str, figure| figures.insert(name.to_owned(), figure);
        note("load", records as f64 / taken);
        note("waited in load", waited_in_load / taken / workers * 100.0);
        note("peak", (memory::peak() - before) / records as f64);
        note("bytes", (memory::resident() - before) / records as f64);
        let (started, waited) = (Instant::now(), memory::waited());
        let mut updates = Updates { next: records, records };
        for (size, count) in BATCHES {
            let latency = updates.time(&mut session, size, count);
            // Generating the records is part of the time, as it is of the load's.
            note(&format!("{size} per s"), size as f64 / (latency.mean() / 1e9));
            for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
                note(&format!("{size} {name}"), latency.value_at_quantile(quantile) as f64 / 1e3);
            }
        }
        let waited = (memory::waited() - waited) / started.elapsed().as_secs_f64();
        note("waited in updates", waited / workers * 100.0);
    });
    for worker in guards.expect("workers start").join() {
        worker.expect("no worker panics");
    }
    std::mem::take(&mut *figures.lock().expect("nobody panicked"))
}

/// Seconds until the probe has passed all records; each worker brings its share.
fn load(session: &mut Session, records: u64) -> f64 {
    let started = Instant::now();
    let (index, peers) = (session.worker.index() as u64, session.worker.peers() as u64);
    for first in (0..records).step_by(LOAD as usize) {
        for number in (first..(first + LOAD).min(records)).filter(|number| number % peers == index) {
            session.input.insert(material::record(number));
        }
        session.pass();
    }
    started.elapsed().as_secs_f64()
}

/// Every second update takes down an old record, so the catalogue keeps its size.
struct Updates {
    next: u64,
    records: u64,
}

impl Updates {
    /// Nanoseconds from the first record of a batch until the probe has passed it.
    fn time(&mut self, session: &mut Session, size: u64, count: usize) -> Histogram<u64> {
        let mut latency = Histogram::new(3).expect("three digits are allowed");
        for _ in 0..count {
            let started = Instant::now();
            for _ in 0..size {
                if self.next.is_multiple_of(2) {
                    session.input.insert(material::record(self.next));
                } else {
                    session.input.remove(material::record(material::scattered(self.next, self.records)));
                }
                self.next += 1;
            }
            session.pass();
            latency.record(started.elapsed().as_nanos() as u64).expect("the histogram resizes");
        }
        latency
    }
}
