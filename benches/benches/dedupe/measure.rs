//! One engine at one size in a process of its own, so that memory is its alone.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use differential_dataflow::input::InputSession;
use hark_operators::dedupe;
use hark_operators::dedupe::exact::{Key, KnownAt, Member};
use hdrhistogram::Histogram;
use timely::Config;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

use crate::engine::Engine;
use crate::{material, memory};

/// Records per time in the bulk load, all workers together.
const LOAD: u64 = 500_000;
/// Sizes of a batch of updates, and how many such batches are timed.
pub const BATCHES: [(u64, usize); 3] = [(1, 20_000), (100, 2_000), (10_000, 60)];

/// Figures by name, in a fixed order.
pub type Figures = Vec<(String, f64)>;

/// Loads, waits until open merges are done, then times updates: arrivals and takedowns by turns.
pub fn engine(engine: Engine, workers: usize, records: u64) -> Figures {
    let mut config = if workers == 1 { Config::thread() } else { Config::process(workers) };
    dedupe::configure(&mut config.worker);
    let figures = Arc::new(Mutex::new(Figures::new()));
    let shared = Arc::clone(&figures);
    let before = memory::resident();
    let guards = timely::execute(config, move |worker| {
        let (mut input, probe) = worker.dataflow::<KnownAt, _, _>(|scope| {
            let mut input = InputSession::new();
            let probe = engine.build(input.to_collection(scope));
            (input, probe)
        });
        let load = load(worker, &mut input, &probe, records);
        let settled = Instant::now() + Duration::from_micros(records / 2) + Duration::from_millis(100);
        while Instant::now() < settled {
            worker.step();
        }
        if worker.index() > 0 {
            // The others only serve: what happens next depends on the first worker's times.
            drop(input);
            while !probe.done() {
                worker.step();
            }
            return;
        }
        let mut figures = shared.lock().expect("nobody panicked");
        figures.push(("load".to_owned(), records as f64 / load));
        figures.push(("peak".to_owned(), (memory::peak() - before) / records as f64));
        figures.push(("bytes".to_owned(), (memory::resident() - before) / records as f64));
        let mut next = records;
        for (size, count) in BATCHES {
            updates(worker, &mut input, &probe, (size, count), (&mut next, records), &mut figures);
        }
    });
    for worker in guards.expect("workers start").join() {
        worker.expect("no worker panics");
    }
    let figures = figures.lock().expect("nobody panicked").clone();
    figures
}

/// Seconds until the probe has passed all records.
fn load(worker: &mut Worker, input: &mut Input, probe: &Handle<KnownAt>, records: u64) -> f64 {
    let started = Instant::now();
    let mut first = 0;
    while first < records {
        let end = (first + LOAD).min(records);
        for number in (first..end).filter(|number| *number % worker.peers() as u64 == worker.index() as u64) {
            input.insert(material::record(number));
        }
        pass(worker, input, probe);
        first = end;
    }
    started.elapsed().as_secs_f64()
}

fn updates(
    worker: &mut Worker,
    input: &mut Input,
    probe: &Handle<KnownAt>,
    (size, count): (u64, usize),
    (next, records): (&mut u64, u64),
    figures: &mut Figures,
) {
    let mut latency = Histogram::<u64>::new(3).expect("three digits are allowed");
    let mut taken = 0.0;
    for _ in 0..count {
        let started = Instant::now();
        for _ in 0..size {
            // Every second update takes down an old record, so the catalogue keeps its size. The
            // stride is coprime to the sizes and visits old records in no order, none twice.
            let number = *next;
            if number % 2 == 0 {
                input.insert(material::record(number));
            } else {
                input.remove(material::record(number.wrapping_mul(7_368_787) % records));
            }
            *next += 1;
        }
        pass(worker, input, probe);
        taken += started.elapsed().as_secs_f64();
        latency.record(started.elapsed().as_nanos() as u64).expect("the histogram resizes");
    }
    figures.push((format!("{size} per s"), (size * count as u64) as f64 / taken));
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        figures.push((format!("{size} {name}"), latency.value_at_quantile(quantile) as f64 / 1e3));
    }
}

/// Ends the time and works until the probe has passed it.
fn pass(worker: &mut Worker, input: &mut Input, probe: &Handle<KnownAt>) {
    input.advance_to(input.time() + 1);
    input.flush();
    while probe.less_than(input.time()) {
        worker.step();
    }
}

type Input = InputSession<KnownAt, (Key, Member), isize>;

/// The bound: a set of keys on one thread, which knows no takedown, no canonical and no time.
pub fn set(records: u64) -> Figures {
    let before = memory::resident();
    let started = Instant::now();
    let mut seen: HashSet<Key, BuildHasherDefault<Own>> = HashSet::default();
    for number in 0..records {
        let (key, member) = material::record(number);
        std::hint::black_box(member);
        seen.insert(key);
    }
    let load = records as f64 / started.elapsed().as_secs_f64();
    let peak = (memory::peak() - before) / records as f64;
    let bytes = (memory::resident() - before) / records as f64;
    let started = Instant::now();
    let updates = 1_000_000;
    for number in records..records + updates {
        let (key, member) = material::record(number);
        std::hint::black_box((member, seen.insert(key)));
    }
    let rate = updates as f64 / started.elapsed().as_secs_f64();
    [("load", load), ("peak", peak), ("bytes", bytes), ("1 per s", rate)]
        .map(|(name, figure)| (name.to_owned(), figure))
        .into()
}

/// Keys are hashes: their last written half will do.
#[derive(Default)]
struct Own(u64);

impl Hasher for Own {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| byte.hash(self));
    }
    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
