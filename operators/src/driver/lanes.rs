//! A pool of lanes: threads that own warm models and take jobs from one queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};
use timely::scheduling::SyncActivator;

use super::group::{Group, GroupSpec, Ticket};
use super::queue::{Queue, Rank};
use crate::fault::Fault;
use crate::record::Record;
use crate::stage::Equipment;

/// A batch on its way to a lane.
pub(super) struct Job {
    /// Which group runs it: the operator's position in the layout.
    pub operator: usize,
    pub batch: Vec<(Ticket, Record)>,
    pub since: Instant,
    pub reply: Sender<Reply>,
    /// Wakes the operator that waits for replies.
    pub wake: SyncActivator,
}

/// What a lane sends back.
pub(super) enum Reply {
    /// A record that came of an item.
    Record(Ticket, Box<Record>),
    /// Nothing more will come of these items.
    Done(Vec<Ticket>),
}

/// Threads with warm models, shared by the operators of all workers of this process that are placed
/// on them: whichever lane is free takes the next job, so no core idles while another has a queue.
pub struct Lanes {
    queue: Arc<Queue<Job>>,
    /// Lanes without a job, less jobs that wait: an operator sends more while it is positive.
    free: Arc<AtomicUsize>,
    specs: BTreeMap<usize, GroupSpec>,
    equipment: Arc<Equipment>,
    name: String,
    started: AtomicUsize,
}

impl Lanes {
    /// Starts `count` lanes and waits until their models are warm. `specs` are the groups placed
    /// on these lanes, by operator.
    ///
    /// # Errors
    /// A model that cannot be loaded, a thread that cannot be started.
    pub fn start(
        name: &str,
        count: usize,
        specs: BTreeMap<usize, GroupSpec>,
        equipment: Arc<Equipment>,
    ) -> Result<Self, Fault> {
        let lanes = Self {
            queue: Arc::default(),
            free: Arc::default(),
            specs,
            equipment,
            name: name.to_owned(),
            started: AtomicUsize::new(0),
        };
        for _ in 0..count {
            lanes.add()?;
        }
        lanes.free.fetch_add(1, Ordering::AcqRel); // one job may wait, so that no lane starves between two
        Ok(lanes)
    }

    /// Adds a lane: at the start, or in place of one that hangs.
    ///
    /// # Errors
    /// As for [`Lanes::start`].
    pub fn add(&self) -> Result<(), Fault> {
        let (warm, warmed) = bounded(1);
        let (queue, free) = (self.queue.clone(), self.free.clone());
        let (specs, equipment) = (self.specs.clone(), self.equipment.clone());
        // Nobody joins a lane: one that hangs must not hang its owner.
        let _detached = std::thread::Builder::new()
            .name(format!("{}-{}", self.name, self.started.fetch_add(1, Ordering::Relaxed)))
            .spawn(move || {
                let _lane = hark_models::device::lane_thread_setup();
                let groups = specs.iter().map(|(&at, spec)| Ok((at, Group::warm(spec, &equipment)?))).collect();
                let (groups, report) = match groups {
                    Ok(groups) => (groups, Ok(())),
                    Err(fault) => (BTreeMap::new(), Err(fault)),
                };
                // The starter waits for exactly one report; if it has gone, there is nobody to tell.
                let ready = report.is_ok();
                if warm.send(report).is_ok() && ready {
                    free.fetch_add(1, Ordering::AcqRel);
                    serve(&queue, groups, &free);
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
        warmed.recv().expect("a lane reports before it ends")
    }

    /// Whether an operator should send its next batch now: a lane is free or about to be, or the
    /// batch is `full` and none of its own waits yet. So the queue, which knows what is nearest to
    /// its end, chooses among all operators, not the one that happened to look first.
    pub(super) fn takes(&self, operator: usize, full: bool) -> bool {
        let free = self.free.load(Ordering::Acquire) > 0;
        (free || full && !self.queue.holds(|rank| rank.operator == operator)) && self.admits(operator)
    }

    /// Whether the stages of this operator let another batch begin now.
    fn admits(&self, operator: usize) -> bool {
        self.specs.get(&operator).is_none_or(|spec| spec.stages.iter().all(|stage| stage.admits(&self.equipment)))
    }

    pub(super) fn push(&self, rank: Rank, job: Job) {
        // Saturating: more jobs may wait than there are lanes when operators push at once.
        let _ = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| Some(free.saturating_sub(1)));
        self.queue.push(rank, job);
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.queue.close(); // lanes end by themselves
    }
}

fn serve(queue: &Queue<Job>, mut groups: BTreeMap<usize, Group>, free: &AtomicUsize) {
    while let Some(job) = queue.pop() {
        let group = groups.get_mut(&job.operator).expect("a job's group is placed on these lanes");
        let tickets = job.batch.iter().map(|(ticket, _)| *ticket).collect();
        group.run(job.batch, job.since, &mut |ticket, record| {
            // The operator is gone only when the run was given up: then nobody needs the result.
            if job.reply.send(Reply::Record(ticket, Box::new(record))).is_ok() {
                let _gone = job.wake.activate().is_err();
            }
        });
        free.fetch_add(1, Ordering::AcqRel);
        if job.reply.send(Reply::Done(tickets)).is_ok() {
            let _gone = job.wake.activate().is_err();
        }
    }
}
