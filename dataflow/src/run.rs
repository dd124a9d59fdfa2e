//! Runs the graph: workers, the loop, the summary.

mod crew;
mod used;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use hark_operators::Fault;
use hark_operators::dedupe::{self, likeness};
use hark_operators::driver::GroupSpec;
use hark_operators::record::EpisodeKey;
use hark_operators::record::numbers;
use hark_operators::record::outcome::Outcome;
use hark_operators::stage::Equipment;
use timely::worker::Worker;

use crate::cluster::{Mesh, Peers};
use crate::dedupe::{Hub, Keep, Knowledge, Levels, STEP, Told};
use crate::durable::{Durable, Keeper};
use crate::graph;
use crate::intake::{Feed, TICK, tick_of};
use crate::latency::{EpochLatency, Micros, PreviewLatency};
use crate::layout::Layout;
use crate::publish::{Corrector, End, FolderPublisher};
use crate::routing::Exchanges;
use crate::sink::{SinkError, Spared};
use crate::snapshot::SnapshotError;
use crew::Crew;
use used::Used;

pub use used::OperatorUse;

/// Longest sleep of a worker. Whatever is to be done wakes it: messages of other workers and processes,
/// lanes that have finished, and the intake, which looks at its source in time. This is for what is only
/// looked at beside them, so it may be long; half a tick keeps it from ever showing.
const REST: Duration = Duration::from_millis(50);

/// How often frontiers are shown.
const SHOWN: Duration = Duration::from_secs(1);

/// Why a run stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A model or a thread that lanes need could not be had.
    #[error("cannot warm up: {0}")]
    Warm(#[from] Fault),
    /// An outcome could not be made durable.
    #[error("stopped, nothing that was recorded is lost: {0}")]
    Sink(#[from] SinkError),
    /// What is known of episodes could not be made durable.
    #[error("stopped, nothing that was recorded is lost: {0}")]
    Snapshot(#[from] SnapshotError),
    /// A worker broke: a defect of hark.
    #[error("a worker stopped: {0}; please report it")]
    Worker(String),
}

/// What a finished run has to say.
pub struct Summary {
    /// How many episodes ended in which way.
    pub ends: BTreeMap<End, usize>,
    /// Episodes taken in.
    pub offered: usize,
    /// Announcements that repeated an episode revision.
    pub repeated: usize,
    /// Choices made again because a part turned out to be repeated elsewhere.
    pub chosen_again: usize,
    /// Bands that too many episodes have to tie any of them.
    pub popular_bands: usize,
    /// Work that duplicates did not cost.
    pub spared: Spared,
    /// From the first announcement to the last outcome.
    pub elapsed: Duration,
    /// Epoch latency per operator, merged over workers.
    pub epochs: Vec<(String, Micros)>,
    /// Preview latency.
    pub previews: PreviewLatency,
    /// What each operator of the layout did in this process.
    pub operators: Vec<OperatorUse>,
    /// Bytes that the models of each pool of lanes take of its device at once, as planned.
    pub planned_bytes: BTreeMap<String, usize>,
}

/// What a run works with.
pub struct Job {
    /// Which stages share an operator.
    pub layout: Layout,
    /// How copies are sought.
    pub levels: Levels,
    /// Where this process stands in its cluster.
    pub peers: Peers,
    /// Its connections with the others.
    pub mesh: Mesh,
    /// Announcements.
    pub feed: Arc<Feed>,
    /// The tools of the stages.
    pub equipment: Arc<Equipment>,
    /// Where outcomes go.
    pub publisher: Arc<FolderPublisher>,
    /// Tells when one could not be made durable.
    pub halted: Receiver<SinkError>,
    /// For a run that is to go on where it stopped.
    pub durable: Option<Arc<Durable>>,
}

/// What happens in a run, as it happens.
pub enum Seen<'a> {
    /// An outcome became durable.
    Outcome(&'a Outcome),
    /// All work of all workers at an epoch was done at an operator, so many seconds after it closed.
    EpochDone {
        /// The operator.
        operator: &'a str,
        /// Its latency at this epoch.
        seconds: f64,
    },
    /// How far an operator has got, each second.
    Behind {
        /// The operator.
        operator: &'a str,
        /// From its frontier until now.
        seconds: f64,
    },
    /// What an operator did so far in this process, each second.
    Used(&'a OperatorUse),
}

/// Runs a feed through the graph until it has ended and every episode has its outcome. `sees` hears of
/// all that happens.
///
/// # Errors
/// [`RunError`]; episodes without an outcome then are simply not done, and may be run again.
pub fn run(job: Job, sees: impl Fn(Seen<'_>) + Send + Sync + 'static) -> Result<Summary, RunError> {
    let Job { layout, levels, peers, mesh, feed, equipment, publisher, halted, durable } = job;
    let workers = peers.threads;
    numbers::choose(layout.exchange);
    let specs = graph::groups(&layout);
    let crews = Crew::warm(&layout, &specs, workers, &equipment)?;
    let exchanges = Exchanges::new(specs.len(), &peers.own());
    let lanes = crews[0].lanes.clone();
    let used = Used { layout: layout.clone(), workers, lanes, exchanges: exchanges.clone() };
    let used = Arc::new(used);
    let crews = crews.into_iter().map(Some).collect();
    let started = Instant::now();
    let site = Arc::new(Site {
        layout,
        levels,
        specs,
        crews: Mutex::new(crews),
        feed: feed.clone(),
        publisher: publisher.clone(),
        sees: Box::new(sees),
        durable: durable.clone(),
        peers,
        exchanges,
        used: used.clone(),
    });
    let keeper = durable.map(|durable| Keeper::start(durable, feed.clone(), publisher.clone(), peers));
    let corrector = Corrector::start(publisher.clone());
    let (report, reports) = unbounded();
    // Workers run on threads of their own and are not waited for after a fatal error: a worker
    // whose peer is gone would wait for ever.
    let mut config = timely::WorkerConfig::default();
    dedupe::configure(&mut config);
    let (allocators, networking) = mesh.allocators(&peers).map_err(|error| RunError::Worker(error.to_string()))?;
    let guards = timely::execute::execute_from(allocators, networking, config, move |worker| {
        let result = catch_unwind(AssertUnwindSafe(|| work(worker, &site)));
        let broken = result.is_err();
        tell(&report, result.map_err(|panic| panic_message(panic.as_ref())));
        if broken {
            // Its dataflow can never finish; keep the thread out of the way until the process ends.
            loop {
                std::thread::park();
            }
        }
    })
    .map_err(RunError::Worker)?;
    let mut epochs: Vec<(String, Micros)> = Vec::new();
    for _ in 0..workers {
        match wait(&reports, &halted, keeper.as_ref(), &corrector) {
            Ok(histograms) => merge(&mut epochs, histograms),
            Err(error) => {
                std::mem::forget(guards); // dropping them would wait for the workers
                return Err(error);
            }
        }
    }
    drop(guards);
    corrector.finish();
    if let Ok(error) = halted.try_recv() {
        return Err(error.into());
    }
    publisher.refresh()?;
    keeper.map_or(Ok(()), Keeper::finish)?;
    feed.finished();
    Ok(Summary {
        ends: publisher.ends(),
        offered: feed.offered(),
        repeated: feed.repeated(),
        chosen_again: publisher.chosen_again(),
        popular_bands: publisher.judgements().popular_bands(),
        spared: publisher.table().spared()?,
        elapsed: started.elapsed(),
        epochs,
        previews: publisher.take_latency(),
        operators: used.operators(),
        planned_bytes: used.planned_bytes(),
    })
}

/// What the workers of a process share.
struct Site {
    layout: Layout,
    levels: Levels,
    specs: Vec<GroupSpec>,
    crews: Mutex<Vec<Option<Crew>>>,
    feed: Arc<Feed>,
    publisher: Arc<FolderPublisher>,
    sees: Box<dyn Fn(Seen<'_>) + Send + Sync>,
    durable: Option<Arc<Durable>>,
    peers: Peers,
    exchanges: Exchanges,
    used: Arc<Used>,
}

impl Site {
    /// A worker's place among those of this process.
    fn local(&self, worker: &Worker) -> usize {
        worker.index() - self.peers.own().start
    }

    /// Tells a worker's share of what an earlier run knew.
    fn restore(&self, worker: &mut Worker, knowledge: &mut Knowledge) -> Result<(), SnapshotError> {
        let durable = self.durable.as_ref();
        let restored = durable.map(|durable| durable.load(self.local(worker), self.peers.threads)).transpose()?;
        let facts = restored.flatten().into_iter().flat_map(|restored| restored.facts);
        knowledge.restore(worker, facts.map(|fact| fact.map(Told::from)))
    }

    /// Shows how far each operator has got, and what it did.
    fn show(&self, latency: &EpochLatency) {
        let now = tick_of(self.peers.started.elapsed());
        for (operator, frontier) in latency.frontiers() {
            let seconds = TICK.as_secs_f64() * now.saturating_sub(frontier) as f64;
            (self.sees)(Seen::Behind { operator, seconds });
        }
        self.used.operators().iter().for_each(|used| (self.sees)(Seen::Used(used)));
    }
}

/// One worker, from what was known before to the last outcome.
fn work(worker: &mut Worker, site: &Arc<Site>) -> Vec<(String, Micros)> {
    let hub = Hub::new(site.publisher.judgements());
    let publisher = site.publisher.clone();
    // What was known before is no news: rows are compared with it once all of it is there.
    let restoring = Rc::new(Cell::new(site.durable.is_some()));
    let quiet = restoring.clone();
    let correct = move |key: &EpisodeKey| {
        if !quiet.get() {
            publisher.corrections().due(key.clone())
        }
    };
    let keep = site.durable.clone().map(|durable| Box::new(move |told: &Told| durable.tell(told)) as Keep);
    let mut knowledge = Knowledge::build(worker, hub.clone(), likeness::rules(), site.peers, keep, correct);
    // Before there is anybody who could tell more.
    site.restore(worker, &mut knowledge).unwrap_or_else(|error| panic!("{error}"));
    let crew = site.crews.lock().unwrap_or_else(PoisonError::into_inner)[site.local(worker)].take();
    let placed = crew.expect("each worker takes its crew once").place(&site.layout);
    let latency = Rc::new(RefCell::new(EpochLatency::default()));
    let probes = worker.dataflow(|scope| {
        let site_of_ends = site.clone();
        let ended = move |outcome: &Outcome| (site_of_ends.sees)(Seen::Outcome(outcome));
        graph::build(
            scope,
            (&site.layout, &site.specs),
            placed,
            (site.feed.clone(), site.durable.clone()),
            (&hub, site.levels),
            (&latency, &site.exchanges),
            ended,
        )
    });
    let done = |operator: &str, seconds| (site.sees)(Seen::EpochDone { operator, seconds });
    let mut shown = Instant::now();
    while !probes.done() {
        worker.step_or_park(Some(if knowledge.is_awaited() { STEP } else { REST }));
        knowledge.keep_up(site.peers.started.elapsed());
        if let Some(durable) = &site.durable {
            if restoring.get() && knowledge.is_restored() {
                restoring.set(false);
                durable.restored();
            }
            if worker.index() == 0 {
                durable.passed(probes.passed());
            }
        }
        latency.borrow_mut().poll(done);
        if site.local(worker) == 0 && shown.elapsed() >= SHOWN {
            shown = Instant::now();
            site.show(&latency.borrow());
        }
    }
    if let Some(durable) = &site.durable {
        durable.passed(probes.passed());
    }
    let known = knowledge.close();
    while !known.done() {
        worker.step_or_park(Some(REST));
    }
    latency.borrow_mut().poll(done);
    let latency = latency.take();
    latency.into_histograms()
}

fn wait(
    reports: &Receiver<Result<Vec<(String, Micros)>, String>>,
    halted: &Receiver<SinkError>,
    keeper: Option<&Keeper>,
    corrector: &Corrector,
) -> Result<Vec<(String, Micros)>, RunError> {
    loop {
        if let Some(error) = keeper.and_then(Keeper::broken) {
            return Err(error.into());
        }
        let gave_up = corrector.has_ended();
        if let Ok(error) = halted.try_recv() {
            return Err(error.into());
        }
        if gave_up {
            return Err(RunError::Worker("nobody makes corrections".to_owned()));
        }
        match reports.recv_timeout(Duration::from_millis(50)) {
            Ok(report) => return report.map_err(RunError::Worker),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(RunError::Worker("it left no report".to_owned())),
        }
    }
}

fn tell<T>(to: &Sender<T>, message: T) {
    // Nobody listens only when the run has been given up.
    let _given_up = to.send(message).is_err();
}

fn merge(into: &mut Vec<(String, Micros)>, histograms: Vec<(String, Micros)>) {
    for (name, histogram) in histograms {
        match into.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => sum.add(&histogram).expect("all histograms have the same bounds"),
            None => into.push((name, histogram)),
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
