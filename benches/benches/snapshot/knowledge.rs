//! What facts are for: dedupe's dataflow, told them one batch at a time or all at a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use hark_dataflow::cluster::Peers;
use hark_dataflow::dedupe::{Hub, Judgements, Knowledge, Told};
use hark_dataflow::snapshot::{Fact, Store, load};
use hark_operators::dedupe::{configure, likeness};
use timely::WorkerConfig;
use timely::communication::Allocator;
use timely::communication::allocator::Thread;
use timely::worker::Worker;

/// The knowledge side of one worker.
pub struct Known {
    hub: Hub,
    knowledge: Knowledge,
    now: u64,
}

impl Known {
    fn build(worker: &mut Worker, corrected: Arc<AtomicU64>) -> Self {
        let hub = Hub::new(Arc::new(Judgements::default()));
        let knowledge =
            Knowledge::build(worker, hub.clone(), likeness::rules(), Peers::alone(worker.peers()), None, move |_key| {
                corrected.fetch_add(1, Ordering::Relaxed);
            });
        Self { hub, knowledge, now: 1 }
    }

    /// Runs until all that was told is judged.
    fn judge(&mut self, worker: &mut Worker) {
        let told_at = self.now;
        self.now += 1;
        self.knowledge.advance(self.now);
        while !self.hub.is_known(told_at) {
            worker.step();
        }
    }
}

/// Dedupe on this thread.
pub struct Dedupe {
    worker: Worker,
    known: Known,
}

impl Dedupe {
    /// Knows nothing yet.
    pub fn new() -> Self {
        let mut config = WorkerConfig::default();
        configure(&mut config);
        let mut worker = Worker::new(config, Allocator::Thread(Thread::default()), Some(Instant::now()));
        let mut known = Known::build(&mut worker, Arc::default());
        known.knowledge.advance(1);
        Self { worker, known }
    }

    /// Takes facts and judges by them.
    pub fn tell(&mut self, facts: &[Fact]) {
        for fact in facts {
            self.known.hub.tell(fact.clone().into());
        }
        self.known.judge(&mut self.worker);
    }
}

/// Seconds until workers that each load their share have judged by all facts, and how many verdicts
/// they came to.
///
/// # Errors
/// Where workers do not start.
pub fn restored(store: &Arc<dyn Store>, workers: usize) -> Result<(f64, u64)> {
    let mut config = timely::Config::process(workers);
    configure(&mut config.worker);
    let (verdicts, slowest) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let (store, found, took) = (Arc::clone(store), Arc::clone(&verdicts), Arc::clone(&slowest));
    let started = Instant::now();
    let guards = timely::execute(config, move |worker| {
        let mut known = Known::build(worker, Arc::clone(&found));
        let restored = load(Arc::clone(&store), worker.index(), worker.peers()).expect("files are sound");
        let facts = restored.facts.map(|fact| fact.map(Told::from));
        known.knowledge.restore(worker, facts).expect("files are sound");
        worker.step_or_park_while(None, || !known.knowledge.is_restored());
        took.fetch_max(started.elapsed().as_micros() as u64, Ordering::Relaxed);
    });
    for guard in guards.map_err(anyhow::Error::msg)?.join() {
        guard.map_err(anyhow::Error::msg).context("a worker panicked")?;
    }
    Ok((slowest.load(Ordering::Relaxed) as f64 / 1e6, verdicts.load(Ordering::Relaxed)))
}
