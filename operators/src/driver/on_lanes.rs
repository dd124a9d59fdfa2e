//! The driver for slow stages: on lanes of their own threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

use super::Epoch;
use super::flight::Flight;
use super::group::GroupSpec;
use super::lanes::{Job, Lanes, Reply};
use super::late::{self, Clock};
use super::limits::Limits;
use super::lines::{Lines, Waiting};
use super::pace::Pace;
use super::queue::Sender;
use crate::fault::Fault;
use crate::record::{Priority, Record};
use crate::stage::Stage;

/// When a batch is sent to a lane: when one is free and the batch is full or its oldest record has waited long
/// enough; and when none is, but the batch cannot wait and none of the operator's waits yet.
#[derive(Clone, Copy, Debug)]
pub struct Batching {
    /// Most that a batch holds.
    pub limits: Limits,
    /// How long a record may wait for company while a lane is free.
    pub max_wait: Duration,
    /// How long a lane may take for a batch before its items count as failed.
    pub deadline: Duration,
    /// What tells whether an episode would be late.
    pub clock: Clock,
    /// How long a batch should take: those of a slow lane have fewer items, down to one.
    pub target: Option<Duration>,
}

/// How long a batch that is not full may wait and grow while all lanes are busy. Then it has its place among the
/// others that wait for one.
const PATIENCE: Duration = Duration::from_millis(20);

/// An item of which no lane makes anything, and why; `None` where its lane hangs.
type Lost = (Capability<Epoch>, Record, Option<Fault>);

/// Runs a group on `lanes`, which is the operator at this position in the layout. `backlog` tells how many
/// records wait here or are on a lane; `route` names the worker that a record goes to.
pub fn on_lanes<'s>(
    stream: StreamVec<'s, Epoch, Record>,
    (spec, operator): (&GroupSpec, usize),
    lanes: Arc<Lanes>,
    batching: Batching,
    backlog: Arc<AtomicUsize>,
    route: impl Fn(&Record) -> u64 + 'static,
) -> StreamVec<'s, Epoch, Record> {
    let scope = stream.scope();
    let (stages, outside) = (spec.stages.clone(), spec.outside.clone());
    stream.unary::<CapacityContainerBuilder<Vec<Record>>, _, _, _>(
        Exchange::new(route),
        &spec.name,
        move |_cap, info| {
            let wake = scope.worker().sync_activator_for(info.address.to_vec());
            let again = scope.activator_for(info.address);
            let from = Sender { operator, worker: scope.index() };
            let (reply, replies) = unbounded();
            let mut waiting: Lines<Capability<Epoch>> = Lines::default();
            let mut pace = Pace::new(batching.target);
            let mut flight = Flight::new(batching.deadline);
            move |input, output| {
                let now = Instant::now();
                let mut lost: Vec<Lost> = Vec::new();
                input.for_each_stamp(|cap, batches| {
                    let Some(cap) = cap.retain_least(output.output_index()) else { return };
                    for record in batches.flat_map(|batch| batch.drain(..)) {
                        let light_from = late::light_from(&stages, &record);
                        if flight.is_marked(&record, now) {
                            lost.push((cap.clone(), record, None));
                        } else {
                            waiting.push(cap.clone(), record, now, light_from);
                        }
                    }
                });
                while let Ok(message) = replies.try_recv() {
                    match message {
                        Reply::Record(ticket, record) => {
                            if let Some((cap, record)) = flight.came(ticket, *record) {
                                output.session(cap).give(record);
                            }
                        }
                        Reply::Done(tickets, seconds) => {
                            pace.took(tickets.len(), seconds);
                            for (item, came) in flight.done(&tickets) {
                                output.session(&item.kept).give_iterator(came.into_iter());
                            }
                        }
                        Reply::Unloaded(tickets, fault) => {
                            let items = flight.done(&tickets).into_iter();
                            lost.extend(items.map(|(item, _)| (item.kept, item.record, Some(fault.clone()))));
                        }
                    }
                }
                let (hung, gone) = flight.overdue(now);
                hung.iter().for_each(|hung| lanes.hung(operator, hung));
                let marked = match hung.iter().any(|hung| hung.by.is_some()) {
                    true => waiting.remove(|item| flight.is_marked(&item.record, now)),
                    false => Vec::new(),
                };
                lost.extend(gone.into_iter().chain(marked).map(|item| (item.kept, item.record, None)));
                let mut undone: Vec<(Capability<Epoch>, Record)> = Vec::new();
                for (cap, record, fault) in lost {
                    let hangs = |stage| timed_out(stage, &record, batching.deadline);
                    let records = failed(&stages, &record, |stage| fault.clone().unwrap_or_else(|| hangs(stage)));
                    undone.extend(records.into_iter().map(|record| (cap.clone(), record)));
                }
                for Waiting { kept: cap, record, .. } in waiting.late((batching.clock)()) {
                    let records = failed(&stages, &record, |stage| late::fault(stage, &record));
                    undone.extend(records.into_iter().map(|record| (cap.clone(), record)));
                }
                for (cap, record) in undone {
                    if outside.contains(&record.kind()) {
                        output.session(&cap).give(record);
                    } else {
                        // A later stage of this very group takes it in: the episode goes the light way.
                        let light_from = late::light_from(&stages, &record);
                        waiting.push(cap, record, now, light_from);
                    }
                }
                waiting.age(now);
                loop {
                    let batch = if let Some(class) = flight.suspected() {
                        if !lanes.takes(from, class, true, true) {
                            break;
                        }
                        flight.take_suspect().into_iter().collect()
                    } else {
                        let most = Limits { items: pace.items(batching.limits.items), ..batching.limits };
                        let full = most.reached(waiting.load()); // it cannot grow by waiting
                        let age = waiting.oldest().map(|since| now.duration_since(since)).unwrap_or_default();
                        let Some(class) = waiting.most_pressing() else { break };
                        let cannot_wait = full || class == Priority::Urgent || age >= PATIENCE;
                        if !(full || age >= batching.max_wait) || !lanes.takes(from, class, full, cannot_wait) {
                            break;
                        }
                        waiting.take(&most)
                    };
                    let since = batch.iter().map(|item| item.since).min().unwrap_or(now);
                    // Of one place only, the floor may have given it to a class below.
                    let priority = batch.iter().map(|item| item.class(now)).min().unwrap_or_default();
                    let (batch, fate) = flight.send(batch, now);
                    let (reply, wake) = (reply.clone(), wake.clone());
                    lanes.push(Job { from, priority, batch, since, fate, reply, wake });
                }
                backlog.store(waiting.load().items + flight.len(), Ordering::Relaxed);
                if !waiting.is_empty() || flight.len() > 0 {
                    // Another operator's job may have freed a lane without waking this one.
                    again.activate_after(Duration::from_millis(if flight.len() == 0 { 1 } else { 5 }));
                }
            }
        },
    )
}

/// Why a stage fails on an item whose lane hangs.
fn timed_out(stage: Stage, record: &Record, deadline: Duration) -> Fault {
    Fault::retry(
        stage.name(),
        "timeout",
        format!("no result for episode {} within {} s", record.episode.key().episode, deadline.as_secs()),
        "replay it, or raise `deadline_seconds` in the layout",
    )
}

/// What comes of an item of which no lane makes anything: the failure of every stage that had taken it in.
fn failed(stages: &[Stage], record: &Record, why: impl Fn(Stage) -> Fault) -> Vec<Record> {
    let failed = |&stage: &Stage| {
        let body = stage.failed(record, why(stage));
        Record { body, episode: record.episode.clone(), spent: record.spent.clone() }
    };
    stages.iter().filter(|stage| stage.consumes(record.kind())).map(failed).collect()
}
