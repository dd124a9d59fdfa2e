//! The driver for slow stages: on lanes of their own threads.

use std::collections::{BTreeMap, HashMap};
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
use super::group::{GroupSpec, Ticket};
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

struct InFlight {
    cap: Capability<Epoch>,
    record: Record,
    until: Instant,
    /// Which batch it went in: the ticket of its first item.
    batch: Ticket,
}

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
            let mut in_flight: HashMap<Ticket, InFlight> = HashMap::new();
            let mut next: Ticket = 0;
            move |input, output| {
                input.for_each_stamp(|cap, batches| {
                    let Some(cap) = cap.retain_least(output.output_index()) else { return };
                    for record in batches.flat_map(|batch| batch.drain(..)) {
                        let light_from = late::light_from(&stages, &record);
                        waiting.push(cap.clone(), record, Instant::now(), light_from);
                    }
                });
                let mut lost: Vec<(InFlight, Option<Fault>)> = Vec::new();
                while let Ok(message) = replies.try_recv() {
                    match message {
                        Reply::Record(ticket, record) => {
                            // Gone after its deadline: the episode has its failure already.
                            if let Some(item) = in_flight.get(&ticket) {
                                output.session(&item.cap).give(*record);
                            }
                        }
                        Reply::Done(tickets, seconds) => {
                            pace.took(tickets.len(), seconds);
                            for ticket in tickets {
                                in_flight.remove(&ticket);
                            }
                        }
                        Reply::Unloaded(tickets, fault) => {
                            let items = tickets.iter().filter_map(|ticket| in_flight.remove(ticket));
                            lost.extend(items.map(|item| (item, Some(fault.clone()))));
                        }
                    }
                }
                let now = Instant::now();
                let mut hung = BTreeMap::new();
                for item in overdue(&mut in_flight, now) {
                    hung.insert(item.batch, item.record.kind());
                    lost.push((item, None));
                }
                let mut undone: Vec<(Capability<Epoch>, Record)> = Vec::new();
                for (InFlight { cap, record, .. }, fault) in lost {
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
                // A batch hangs one lane, however many items are in it.
                for kind in hung.into_values() {
                    lanes.hung(operator, kind);
                    if let Err(fault) = lanes.add() {
                        tracing::error!(%fault, "no lane could be started in place of one that hangs");
                    }
                }
                loop {
                    let most = Limits { items: pace.items(batching.limits.items), ..batching.limits };
                    let full = most.reached(waiting.load()); // it cannot grow by waiting
                    let age = waiting.oldest().map(|since| now.duration_since(since)).unwrap_or_default();
                    let Some(class) = waiting.most_pressing() else { break };
                    let cannot_wait = full || class == Priority::Urgent || age >= PATIENCE;
                    if !(full || age >= batching.max_wait) || !lanes.takes(from, class, full, cannot_wait) {
                        break;
                    }
                    let batch = waiting.take(&most);
                    let since = batch.iter().map(|item| item.since).min().unwrap_or(now);
                    // Of one place only, the floor may have given it to a class below.
                    let priority =
                        batch.iter().map(|item| item.record.episode.announcement.priority).min().unwrap_or(class);
                    let (until, first) = (now + batching.deadline, next + 1);
                    let batch = batch
                        .into_iter()
                        .map(|Waiting { kept: cap, record, .. }| {
                            next += 1;
                            in_flight.insert(next, InFlight { cap, record: record.clone(), until, batch: first });
                            (next, record)
                        })
                        .collect();
                    let (reply, wake) = (reply.clone(), wake.clone());
                    lanes.push(Job { from, priority, batch, since, reply, wake });
                }
                backlog.store(waiting.load().items + in_flight.len(), Ordering::Relaxed);
                if !waiting.is_empty() || !in_flight.is_empty() {
                    // Another operator's job may have freed a lane without waking this one.
                    again.activate_after(if in_flight.is_empty() {
                        Duration::from_millis(1)
                    } else {
                        Duration::from_millis(5)
                    });
                }
            }
        },
    )
}

fn overdue(in_flight: &mut HashMap<Ticket, InFlight>, now: Instant) -> Vec<InFlight> {
    let late: Vec<Ticket> = in_flight.iter().filter(|(_, item)| item.until < now).map(|(ticket, _)| *ticket).collect();
    late.iter().filter_map(|ticket| in_flight.remove(ticket)).collect()
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
