//! The driver for slow stages: on lanes of their own threads.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
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
use super::queue::Rank;
use crate::fault::Fault;
use crate::record::{Priority, Record};
use crate::stage::Stage;

/// When a batch is sent to a lane: when it is full and none waits for a lane yet, or a lane is free
/// and the oldest record has waited long enough.
#[derive(Clone, Copy, Debug)]
pub struct Batching {
    /// Most records in a batch.
    pub max_items: usize,
    /// How long a record may wait for company while a lane is free.
    pub max_wait: Duration,
    /// How long a lane may take for a batch before its items count as failed.
    pub deadline: Duration,
}

struct Waiting {
    cap: Capability<Epoch>,
    record: Record,
    since: Instant,
}

struct InFlight {
    cap: Capability<Epoch>,
    record: Record,
    until: Instant,
}

/// Runs a group on `lanes`; `operator` is its position in the layout. `route` names the worker
/// that a record goes to.
pub fn on_lanes<'s>(
    stream: StreamVec<'s, Epoch, Record>,
    spec: &GroupSpec,
    operator: usize,
    lanes: Arc<Lanes>,
    batching: Batching,
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
            let (reply, replies) = unbounded();
            let mut waiting: [VecDeque<Waiting>; 3] = Default::default();
            let mut in_flight: HashMap<Ticket, InFlight> = HashMap::new();
            let mut next: Ticket = 0;
            move |input, output| {
                input.for_each_stamp(|cap, batches| {
                    let Some(cap) = cap.retain_least(output.output_index()) else { return };
                    for record in batches.flat_map(|batch| batch.drain(..)) {
                        let class = record.episode.announcement.priority as usize;
                        waiting[class].push_back(Waiting { cap: cap.clone(), record, since: Instant::now() });
                    }
                });
                while let Ok(message) = replies.try_recv() {
                    match message {
                        Reply::Record(ticket, record) => {
                            // Gone after its deadline: the episode has its failure already.
                            if let Some(item) = in_flight.get(&ticket) {
                                output.session(&item.cap).give(*record);
                            }
                        }
                        Reply::Done(tickets) => {
                            for ticket in tickets {
                                in_flight.remove(&ticket);
                            }
                        }
                    }
                }
                let now = Instant::now();
                for item in overdue(&mut in_flight, now) {
                    for record in timed_out(&stages, &item.record, batching.deadline) {
                        if outside.contains(&record.kind()) {
                            output.session(&item.cap).give(record);
                        } else {
                            // A later stage of this very group takes it in: the episode goes the light way.
                            let class = record.episode.announcement.priority as usize;
                            waiting[class].push_back(Waiting { cap: item.cap.clone(), record, since: now });
                        }
                    }
                    if let Err(fault) = lanes.add() {
                        tracing::error!(%fault, "no lane could be started in place of one that hangs");
                    }
                }
                while ready(&waiting, &batching, now) && lanes.takes(operator, full(&waiting, &batching)) {
                    let batch = take_batch(&mut waiting, batching.max_items);
                    let since = batch.iter().map(|item| item.since).min().unwrap_or(now);
                    let priority =
                        batch.iter().map(|item| item.record.episode.announcement.priority).min().unwrap_or_default();
                    let rank = Rank { priority, operator, arrival: next };
                    let until = now + batching.deadline;
                    let batch = batch
                        .into_iter()
                        .map(|Waiting { cap, record, .. }| {
                            next += 1;
                            in_flight.insert(next, InFlight { cap, record: record.clone(), until });
                            (next, record)
                        })
                        .collect();
                    lanes.push(rank, Job { operator, batch, since, reply: reply.clone(), wake: wake.clone() });
                }
                if waiting.iter().any(|class| !class.is_empty()) || !in_flight.is_empty() {
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

/// Whether a batch is worth sending now that a lane is free.
fn ready(waiting: &[VecDeque<Waiting>; 3], batching: &Batching, now: Instant) -> bool {
    let oldest = waiting.iter().filter_map(VecDeque::front).map(|item| item.since).min();
    full(waiting, batching) || oldest.is_some_and(|since| now.duration_since(since) >= batching.max_wait)
}

/// Whether a batch cannot grow by waiting.
fn full(waiting: &[VecDeque<Waiting>; 3], batching: &Batching) -> bool {
    waiting.iter().map(VecDeque::len).sum::<usize>() >= batching.max_items
}

/// The most pressing records, and among those of one class runs of like length, so that little of
/// a batch is padding.
fn take_batch(waiting: &mut [VecDeque<Waiting>; 3], max_items: usize) -> Vec<Waiting> {
    let mut batch = Vec::new();
    for class in waiting.iter_mut() {
        let wanted = max_items - batch.len();
        if class.len() > wanted && wanted > 0 {
            // The oldest record goes; its company are those nearest to it in length.
            let length = class[0].record.length();
            class.make_contiguous()[1..].sort_by_key(|item| (item.record.length().abs_diff(length), item.since));
        }
        batch.extend(class.drain(..wanted.min(class.len())));
    }
    batch
}

fn overdue(in_flight: &mut HashMap<Ticket, InFlight>, now: Instant) -> Vec<InFlight> {
    let late: Vec<Ticket> = in_flight.iter().filter(|(_, item)| item.until < now).map(|(ticket, _)| *ticket).collect();
    late.iter().filter_map(|ticket| in_flight.remove(ticket)).collect()
}

/// What comes of an item whose lane hangs: the failure of every stage that had taken it in.
fn timed_out(stages: &[Stage], record: &Record, deadline: Duration) -> Vec<Record> {
    stages
        .iter()
        .filter(|stage| stage.consumes(record.kind()))
        .map(|&stage| {
            let fault = Fault::retry(
                stage.name(),
                "timeout",
                format!("no result for episode {} within {} s", record.episode.key().episode, deadline.as_secs()),
                "replay it, or raise `deadline_seconds` in the layout",
            );
            Record { body: stage.failed(record, fault), episode: record.episode.clone(), spent: record.spent.clone() }
        })
        .collect()
}

// The order of classes is the order in which they are taken.
const _: () =
    assert!(Priority::Urgent as usize == 0 && Priority::Normal as usize == 1 && Priority::Backfill as usize == 2);
