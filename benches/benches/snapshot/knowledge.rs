//! What facts are for: dedupe's dataflow, told them one batch at a time or all at a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use differential_dataflow::input::InputSession;
use hark_dataflow::snapshot::{Fact, Store, load};
use hark_operators::dedupe::catalogue::{Facts, verdicts};
use hark_operators::dedupe::exact::{Key, KnownAt};
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::dedupe::{configure, likeness};
use hark_operators::record::{EpisodeId, EpisodeKey};
use timely::WorkerConfig;
use timely::communication::Allocator;
use timely::communication::allocator::Thread;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

struct Inputs {
    announced: InputSession<KnownAt, (EpisodeId, Announced), isize>,
    digests: InputSession<KnownAt, (EpisodeKey, Key), isize>,
    prints: InputSession<KnownAt, (EpisodeKey, Likeness), isize>,
    signatures: InputSession<KnownAt, (EpisodeKey, Likeness), isize>,
    probe: Handle<KnownAt>,
}

impl Inputs {
    fn build(worker: &mut Worker, duplicates: Arc<AtomicI64>) -> Self {
        let (mut announced, mut digests) = (InputSession::new(), InputSession::new());
        let (mut prints, mut signatures) = (InputSession::new(), InputSession::new());
        let probe = worker.dataflow(|scope| {
            let facts = Facts {
                announced: announced.to_collection(scope),
                digests: digests.to_collection(scope),
                prints: prints.to_collection(scope),
                signatures: signatures.to_collection(scope),
            };
            let count = move |change: &(_, KnownAt, isize)| {
                duplicates.fetch_add(change.2 as i64, Ordering::Relaxed);
            };
            verdicts(facts, likeness::rules()).verdicts.inspect(count).probe().0
        });
        Self { announced, digests, prints, signatures, probe }
    }

    fn tell(&mut self, fact: Fact) {
        match fact {
            Fact::Announced(id, announced) => self.announced.insert((id, announced)),
            Fact::Digest(key, digest) => self.digests.insert((key, digest)),
            Fact::Print(key, likeness) => self.prints.insert((key, likeness)),
            Fact::Signature(key, likeness) => self.signatures.insert((key, likeness)),
        }
    }

    /// Runs until all that was told is judged.
    fn judge(&mut self, worker: &mut Worker) {
        let now = self.announced.time() + 1;
        self.announced.advance_to(now);
        self.announced.flush();
        self.digests.advance_to(now);
        self.digests.flush();
        self.prints.advance_to(now);
        self.prints.flush();
        self.signatures.advance_to(now);
        self.signatures.flush();
        while self.probe.less_than(&now) {
            worker.step();
        }
    }
}

/// Dedupe on this thread.
pub struct Knowledge {
    worker: Worker,
    inputs: Inputs,
}

impl Knowledge {
    /// Knows nothing yet.
    pub fn new() -> Self {
        let mut config = WorkerConfig::default();
        configure(&mut config);
        let mut worker = Worker::new(config, Allocator::Thread(Thread::default()), Some(Instant::now()));
        let inputs = Inputs::build(&mut worker, Arc::default());
        Self { worker, inputs }
    }

    /// Takes facts and judges by them.
    pub fn tell(&mut self, facts: &[Fact]) {
        facts.iter().for_each(|fact| self.inputs.tell(fact.clone()));
        self.inputs.judge(&mut self.worker);
    }
}

/// Seconds until workers that each load their share have judged by all facts; duplicates they found.
pub fn restored(store: &Arc<dyn Store>, workers: usize) -> Result<(f64, u64)> {
    let mut config = timely::Config::process(workers);
    configure(&mut config.worker);
    let (duplicates, slowest) = (Arc::<AtomicI64>::default(), Arc::<AtomicU64>::default());
    let (store, found, took) = (Arc::clone(store), Arc::clone(&duplicates), Arc::clone(&slowest));
    let started = Instant::now();
    let guards = timely::execute(config, move |worker| {
        let mut inputs = Inputs::build(worker, Arc::clone(&found));
        let restored = load(Arc::clone(&store), worker.index(), worker.peers()).expect("files are sound");
        for fact in restored.facts {
            inputs.tell(fact.expect("files are sound"));
        }
        inputs.judge(worker);
        took.fetch_max(started.elapsed().as_micros() as u64, Ordering::Relaxed);
    });
    for guard in guards.map_err(anyhow::Error::msg)?.join() {
        guard.map_err(anyhow::Error::msg).context("a worker panicked")?;
    }
    Ok((slowest.load(Ordering::Relaxed) as f64 / 1e6, duplicates.load(Ordering::Relaxed).unsigned_abs()))
}
