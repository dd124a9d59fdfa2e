//! A pool of lanes: threads that own warm models and take jobs from one queue.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use timely::scheduling::SyncActivator;

use super::budget;
use super::devices::Devices;
use super::flight::{Fate, Hung};
use super::group::{Filled, Group, GroupSpec, Ticket};
use super::memory::{Pool, Room, Share};
use super::queue::{Queue, Sender as From};
use super::resident::Resident;
use crate::fault::Fault;
use crate::record::{Priority, Record};
use crate::stage::{Equipment, Stage};

/// A batch on its way to a lane.
pub(super) struct Job {
    /// Whose it is. The operator's group runs it.
    pub from: From,
    /// The class of its most pressing record.
    pub priority: Priority,
    pub batch: Vec<(Ticket, Record)>,
    pub since: Instant,
    pub fate: Arc<Fate>,
    pub reply: Sender<Reply>,
    /// Wakes the operator that waits for replies.
    pub wake: SyncActivator,
}

/// What a lane sends back.
pub(super) enum Reply {
    /// A record that came of an item.
    Record(Ticket, Box<Record>),
    /// Nothing more will come of these items, which took a lane so many seconds.
    Done(Vec<Ticket>, f64),
    /// These items' models could not be loaded: nothing came of them, and nothing will.
    Unloaded(Vec<Ticket>, Fault),
}

/// Threads with warm models, shared by the operators of all workers of this process that are placed
/// on them: whichever lane is free takes the next job, so no core idles while another has a queue.
pub struct Lanes {
    queue: Arc<Queue<Job>>,
    specs: BTreeMap<usize, GroupSpec>,
    equipment: Arc<Equipment>,
    name: String,
    started: AtomicUsize,
    count: usize,
    room: Room,
    /// What models of the first lane take of their device.
    shares: Vec<Share>,
    work: Arc<Mutex<BTreeMap<usize, Worked>>>,
    /// Each lane holds the first while it is there; nothing is ever sent.
    alive: Option<Sender<()>>,
    ended: Receiver<()>,
}

/// How long the end of a run waits for lanes to let go of their models. One that hangs has none.
const GRACE: Duration = Duration::from_secs(5);

/// What lanes have done for one operator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Worked {
    /// Batches.
    pub batches: u64,
    /// Items in them.
    pub items: u64,
    /// Seconds that lanes were busy with them. What waits for a budget does not work.
    pub seconds: f64,
    /// The batches of its stages: those of whole episodes are filled by the pieces of each.
    pub stages: BTreeMap<Stage, Filled>,
}

impl Lanes {
    /// Starts `count` lanes and waits until their models are warm. `specs` are the groups placed
    /// on these lanes, by operator; their models must fit into the room that is given, and beside all others
    /// of their device.
    ///
    /// # Errors
    /// A model that cannot be loaded or does not fit, a thread that cannot be started.
    pub fn start(
        name: &str,
        count: usize,
        specs: BTreeMap<usize, GroupSpec>,
        equipment: Arc<Equipment>,
        room: Room,
        devices: &mut Devices,
    ) -> Result<Self, Fault> {
        let device = specs.values().next().map(|spec| devices.of(spec, &equipment)).transpose()?;
        let (alive, ended) = bounded(0);
        let mut lanes = Self {
            queue: Arc::default(),
            specs,
            equipment,
            name: name.to_owned(),
            started: AtomicUsize::new(0),
            count,
            room,
            shares: Vec::new(),
            work: Arc::default(),
            alive: Some(alive),
            ended,
        };
        for lane in 0..count {
            let shares = lanes.add()?;
            if lane == 0 {
                lanes.shares = shares;
                lanes.pool().fit_into(room)?;
                if let Some(device) = &device {
                    devices.place(device, lanes.pool())?;
                }
            }
        }
        Ok(lanes)
    }

    /// What was done so far for an operator.
    pub fn worked(&self, operator: usize) -> Worked {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).get(&operator).cloned().unwrap_or_default()
    }

    /// What each model takes of its device, as the first lane measured it.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// Bytes of their device that their models take at once, as planned.
    pub fn planned_bytes(&self) -> usize {
        self.pool().planned()
    }

    fn pool(&self) -> Pool<'_> {
        Pool { name: &self.name, lanes: self.count, models: self.room.models, shares: &self.shares }
    }

    /// Adds a lane and waits for it. Tells what its models take.
    fn add(&self) -> Result<Vec<Share>, Fault> {
        let (warm, warmed) = bounded(1);
        self.spawn(move |report| {
            let works = report.is_ok();
            // If the starter has gone, there is nobody to work for.
            warm.send(report).is_ok() && works
        })?;
        warmed.recv().expect("a lane reports before it ends")
    }

    /// Starts the thread of a lane. `report` is told how it went to load the models, and says whether to go on.
    fn spawn(&self, report: impl FnOnce(Result<Vec<Share>, Fault>) -> bool + Send + 'static) -> Result<(), Fault> {
        let (queue, work) = (self.queue.clone(), self.work.clone());
        let (specs, equipment, models) = (self.specs.clone(), self.equipment.clone(), self.room.models);
        let alive = self.alive.clone();
        // Nobody joins a lane: one that hangs must not hang its owner.
        let _detached = std::thread::Builder::new()
            .name(format!("{}-{}", self.name, self.started.fetch_add(1, Ordering::Relaxed)))
            .spawn(move || {
                // Let go of last, after the models.
                let _alive = alive;
                let _lane = hark_models::device::lane_thread_setup();
                let mut lane = Lane { specs, equipment, groups: Resident::new(models, Instant::now()) };
                if report(lane.warm_up()) {
                    queue.add_room();
                    lane.serve(&queue, &work);
                }
            })
            .map_err(|error| {
                Fault::retry(
                    "lanes",
                    "thread",
                    format!("cannot start a thread of lanes {}", self.name),
                    "raise the limit of threads (ulimit -u)",
                )
                .caused_by(&error)
            })?;
        Ok(())
    }

    /// A batch did not come back in time: another lane in place of the one that hangs and, if it was one item
    /// alone, a strike against the models that take it in. Whoever calls this does not wait until it is warm. What
    /// has no light way is never left alone for that: a slow host says nothing of the next one.
    pub(super) fn hung(&self, operator: usize, hung: &Hung) {
        let Some(spec) = self.specs.get(&operator) else { return };
        for (stage, health) in spec.stages.iter().zip(&spec.health) {
            if let Some(episode) = &hung.by
                && stage.consumes(hung.kind)
                && stage.has_light_way()
            {
                health.strike(episode, Instant::now());
            }
        }
        Group::forget(spec, &self.equipment);
        let name = self.name.clone();
        let started = self.spawn(move |report| {
            let works = report.is_ok();
            if let Err(fault) = report {
                tracing::error!(lanes = name, %fault, "a lane in place of one that hangs could not load its models");
            }
            works
        });
        if let Err(fault) = started {
            tracing::error!(%fault, "no lane could be started in place of one that hangs");
        }
    }

    /// Whether its sender should send its next batch now, whose most pressing record is of this class: a lane is
    /// free or about to be, or it `cannot_wait` and none of its sender's is before it. So the queue, which knows
    /// what is nearest to its end, chooses among all operators, not the one that happened to look first. What can
    /// wait meanwhile grows.
    pub(super) fn takes(&self, from: From, priority: Priority, full: bool, cannot_wait: bool) -> bool {
        let takes = match self.room.models {
            None => self.queue.takes(from, priority, cannot_wait),
            // Whose turn it is goes on only while its jobs are there to be seen.
            Some(_) => self.queue.count(from.operator) < if full { AHEAD } else { 1 },
        };
        takes && self.admits(from.operator)
    }

    /// Whether the stages of this operator let another batch begin now.
    fn admits(&self, operator: usize) -> bool {
        self.specs.get(&operator).is_none_or(|spec| spec.stages.iter().all(|stage| stage.admits(&self.equipment)))
    }

    pub(super) fn push(&self, job: Job) {
        self.queue.push(job.from, job.priority, job);
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.queue.close(); // lanes end by themselves
        // At the end of a process that does not end as `hark` does, a test say, libtorch takes its allocators down: no
        // lane may free anything after that.
        self.alive = None;
        let _late = self.ended.recv_timeout(GRACE).is_err_and(|error| error.is_timeout());
    }
}

/// Jobs of one operator that wait for a lane whose models take turns.
const AHEAD: usize = 4;

/// What one thread owns.
struct Lane {
    specs: BTreeMap<usize, GroupSpec>,
    equipment: Arc<Equipment>,
    groups: Resident<Group>,
}

impl Lane {
    /// Loads every group once, in the order of the operators. Tells what their models take.
    fn warm_up(&mut self) -> Result<Vec<Share>, Fault> {
        let operators: Vec<usize> = self.specs.keys().copied().collect();
        let mut shares = Vec::new();
        for operator in operators {
            self.group(operator, &mut shares)?;
        }
        Ok(shares)
    }

    /// An operator's group with its models loaded. `shares` grows by what they take, if they were not.
    fn group(&mut self, operator: usize, shares: &mut Vec<Share>) -> Result<&mut Group, Fault> {
        let spec = self.specs.get(&operator).expect("a job's group is placed on these lanes").clone();
        let equipment = &self.equipment;
        let load = || {
            let (group, taken) = Group::warm(&spec, equipment)?;
            shares.extend(taken);
            Ok(group)
        };
        self.groups.group(operator, spec.models(equipment), load, |unloaded, group| {
            tracing::debug!(unloaded, "models make room for others");
            group.unload(equipment);
        })
    }

    fn serve(mut self, queue: &Queue<Job>, work: &Mutex<BTreeMap<usize, Worked>>) {
        while let Some(job) = queue.pop(&|operator| self.groups.prefers(operator, Instant::now())) {
            let (begun, waited) = (Instant::now(), budget::waited());
            if !job.fate.begin(begun) {
                queue.add_room();
                continue; // nobody waits for it any more
            }
            let tickets: Vec<Ticket> = job.batch.iter().map(|(ticket, _)| *ticket).collect();
            let tell = |reply: Reply| {
                // The operator is gone only when the run was given up: then nobody needs the result.
                if job.reply.send(reply).is_ok() {
                    let _gone = job.wake.activate().is_err();
                }
            };
            let loaded = self.group(job.from.operator, &mut Vec::new()).map(|group| {
                group.run(job.batch, job.since, &mut |ticket, record| tell(Reply::Record(ticket, Box::new(record))));
                group.take_filled().collect::<Vec<_>>()
            });
            if job.fate.is_given_up() {
                return; // another lane is in its place
            }
            queue.add_room();
            let seconds = begun.elapsed().as_secs_f64();
            let mut done = work.lock().unwrap_or_else(PoisonError::into_inner);
            let done_here = done.entry(job.from.operator).or_default();
            for (stage, filled) in loaded.iter().flatten() {
                done_here.stages.entry(*stage).or_default().add(*filled);
            }
            done_here.batches += 1;
            done_here.items += tickets.len() as u64;
            done_here.seconds += seconds - (budget::waited() - waited).as_secs_f64();
            drop(done);
            tell(match loaded {
                Ok(_) => Reply::Done(tickets, seconds),
                Err(fault) => Reply::Unloaded(tickets, fault),
            });
        }
    }
}
