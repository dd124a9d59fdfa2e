//! Runs the graph: workers, their lanes, the loop, the summary.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use hark_operators::Fault;
use hark_operators::dedupe::{self, likeness};
use hark_operators::driver::{Group, GroupSpec, Lanes, Share, Worked};
use hark_operators::record::EpisodeKey;
use hark_operators::record::numbers;
use hark_operators::record::outcome::Outcome;
use hark_operators::stage::Equipment;

use crate::cluster::{Mesh, Peers};
use crate::dedupe::{Hub, Keep, Knowledge, Levels, STEP, Told};
use crate::durable::{Durable, Keeper};
use crate::graph::{self, Placed};
use crate::intake::{Feed, TICK, tick_of};
use crate::latency::{EpochLatency, Micros, PreviewLatency};
use crate::layout::{Layout, OperatorSpec};
use crate::publish::{End, FolderPublisher};
use crate::routing::Traffic;
use crate::sink::{SinkError, Spared};
use crate::snapshot::SnapshotError;

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
}

/// What one operator did in this process.
#[derive(Clone, Debug)]
pub struct OperatorUse {
    /// Its name.
    pub name: String,
    /// How many lanes it shares with the others on them; 0 on the worker's thread.
    pub lanes: usize,
    /// Most items in a batch.
    pub max_items: usize,
    /// What lanes did for it.
    pub worked: Worked,
    /// Records that crossed its exchange.
    pub records: u64,
    /// Bytes of samples, text and numbers in them.
    pub bytes: u64,
    /// Those of them that left their worker.
    pub bytes_away: u64,
    /// What its models take of their device.
    pub memory: Vec<Share>,
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
    let lanes = crews[0].lanes.clone();
    let crews = crews.into_iter().map(Some).collect();
    let traffic: Vec<Traffic> = specs.iter().map(|_| Traffic::new(peers.own())).collect();
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
        traffic: traffic.clone(),
    });
    let used = Used { layout: site.layout.clone(), lanes, traffic };
    let keeper = durable.map(|durable| Keeper::start(durable, feed.clone(), publisher.clone(), peers));
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
        match wait(&reports, &halted, keeper.as_ref()) {
            Ok(histograms) => merge(&mut epochs, histograms),
            Err(error) => {
                std::mem::forget(guards); // dropping them would wait for the workers
                return Err(error);
            }
        }
    }
    drop(guards);
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
        operators: used.operators(workers),
    })
}

/// What tells at the end what operators did.
struct Used {
    layout: Layout,
    lanes: HashMap<String, Arc<Lanes>>,
    traffic: Vec<Traffic>,
}

impl Used {
    fn operators(&self, workers: usize) -> Vec<OperatorUse> {
        let used = |(at, (operator, traffic)): (usize, (&OperatorSpec, &Traffic))| {
            let (records, bytes, bytes_away) = traffic.counted();
            let lanes = self.lanes.get(&operator.on);
            let shares = lanes.map_or(&[][..], |lanes| lanes.shares());
            OperatorUse {
                name: operator.name(),
                lanes: self.layout.lanes.get(&operator.on).map_or(0, |pool| pool.count(workers)),
                max_items: operator.max_items,
                worked: lanes.map(|lanes| lanes.worked(at)).unwrap_or_default(),
                records,
                bytes,
                bytes_away,
                memory: shares.iter().filter(|share| operator.stages.contains(&share.stage)).cloned().collect(),
            }
        };
        self.layout.operators.iter().zip(&self.traffic).enumerate().map(used).collect()
    }
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
    traffic: Vec<Traffic>,
}

impl Site {
    /// A worker's place among those of this process.
    fn local(&self, worker: &timely::worker::Worker) -> usize {
        worker.index() - self.peers.own().start
    }

    /// Shows how far each operator has got.
    fn show(&self, latency: &EpochLatency) {
        let now = tick_of(self.peers.started.elapsed());
        for (operator, frontier) in latency.frontiers() {
            let seconds = TICK.as_secs_f64() * now.saturating_sub(frontier) as f64;
            (self.sees)(Seen::Behind { operator, seconds });
        }
    }
}

/// The lanes of the process by name, and the groups that run on one worker's own thread by operator.
struct Crew {
    lanes: HashMap<String, Arc<Lanes>>,
    own: BTreeMap<usize, Group>,
}

impl Crew {
    /// One crew per worker.
    fn warm(
        layout: &Layout,
        specs: &[GroupSpec],
        workers: usize,
        equipment: &Arc<Equipment>,
    ) -> Result<Vec<Self>, Fault> {
        let placed_on = |name: &str| {
            let mine = layout.operators.iter().zip(specs).enumerate().filter(|(_, (operator, _))| operator.on == name);
            mine.map(|(at, (_, spec))| (at, spec.clone())).collect::<BTreeMap<_, _>>()
        };
        let mut lanes = HashMap::new();
        for (name, pool) in &layout.lanes {
            let started = Lanes::start(name, pool.count(workers), placed_on(name), equipment.clone(), pool.room())?;
            for share in started.shares() {
                tracing::info!(lanes = name, stage = %share.stage, at = %share.at, weight_bytes = share.weights,
                    activation_bytes = share.activations, max_items = share.max_items, "a model is warm");
            }
            if !started.shares().is_empty() {
                tracing::info!(
                    lanes = name,
                    planned_bytes = started.planned_bytes(),
                    resident = pool.resident,
                    "their models take so much at once"
                );
            }
            lanes.insert(name.clone(), Arc::new(started));
        }
        let own = placed_on("worker");
        let warm = |_| {
            let groups = own.iter().map(|(&at, spec)| Ok((at, Group::warm(spec, equipment)?.0)));
            Ok(Self { lanes: lanes.clone(), own: groups.collect::<Result<_, Fault>>()? })
        };
        (0..workers).map(warm).collect()
    }

    fn place(self, layout: &Layout) -> Vec<Placed> {
        let Self { lanes, mut own } = self;
        let place = |(at, operator): (usize, &OperatorSpec)| match own.remove(&at) {
            Some(group) => Placed::Worker(group),
            None => Placed::Lanes(lanes[&operator.on].clone()),
        };
        layout.operators.iter().enumerate().map(place).collect()
    }
}

/// One worker, from building the graph to the last outcome.
fn work(worker: &mut timely::worker::Worker, site: &Arc<Site>) -> Vec<(String, Micros)> {
    let crew = site.crews.lock().unwrap_or_else(PoisonError::into_inner)[site.local(worker)].take();
    let placed = crew.expect("each worker takes its crew once").place(&site.layout);
    let latency = Rc::new(RefCell::new(EpochLatency::default()));
    let hub = Hub::new(site.publisher.judgements());
    let probes = worker.dataflow(|scope| {
        let site_of_ends = site.clone();
        let ended = move |outcome: &Outcome| (site_of_ends.sees)(Seen::Outcome(outcome));
        graph::build(
            scope,
            (&site.layout, &site.specs),
            placed,
            (site.feed.clone(), site.durable.clone()),
            (&hub, site.levels),
            (&latency, &site.traffic),
            ended,
        )
    });
    let publisher = site.publisher.clone();
    // What was known before is no news: rows are compared with it once all of it is there.
    let restoring = Rc::new(Cell::new(site.durable.is_some()));
    let quiet = restoring.clone();
    let correct = move |key: &EpisodeKey| {
        if !quiet.get() {
            publisher.correct(key)
        }
    };
    let keep = site.durable.clone().map(|durable| Box::new(move |told: &Told| durable.tell(told)) as Keep);
    let mut knowledge = Knowledge::build(worker, hub, likeness::rules(), site.peers, keep, correct);
    if let Some(durable) = &site.durable {
        let restored = durable.load(site.local(worker), site.peers.threads).unwrap_or_else(|error| panic!("{error}"));
        for fact in restored.into_iter().flat_map(|restored| restored.facts) {
            knowledge.restore(fact.unwrap_or_else(|error| panic!("{error}")).into());
        }
    }
    let done = |operator: &str, seconds| (site.sees)(Seen::EpochDone { operator, seconds });
    let mut shown = Instant::now();
    // What this run tells comes after what was known before.
    knowledge.advance(1);
    while !probes.done() {
        worker.step_or_park(Some(if knowledge.is_awaited() { STEP } else { REST }));
        knowledge.keep_up(1 + site.peers.started.elapsed().as_millis() as u64);
        if let Some(durable) = &site.durable {
            if restoring.get() && knowledge.is_known(0) {
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
) -> Result<Vec<(String, Micros)>, RunError> {
    loop {
        if let Some(error) = keeper.and_then(Keeper::broken) {
            return Err(error.into());
        }
        if let Ok(error) = halted.try_recv() {
            return Err(error.into());
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
