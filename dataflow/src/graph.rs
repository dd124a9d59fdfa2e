//! The graph of one worker, built from a layout.
//!
//! ```text
//! intake ─▶ identity ─▶ fetch ─▶ digest ─▶ decode, transcript ─▶ meet ─▶ likeness ─▶ [operators of pieces]
//!                    outcomes ◀─ publish ◀─ [operators of episodes] ◀─ gather ◀──────────────┘
//! ```
//! Operators are wired by the kinds of records that their stages consume, so a new layout needs no
//! code. Every worker builds the same graph; where a record goes is routing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hark_operators::driver::{Batching, Epoch, Group, GroupSpec, Lanes, Limits, on_lanes, on_worker, wall_clock};
use hark_operators::gather::{GATHERED, gather};
use hark_operators::meet::{MET, meet};
use hark_operators::record::outcome::Outcome;
use hark_operators::record::{Body, Kind, Record};
use hark_operators::stage::Stage;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::{Map, Partition};
use timely::dataflow::operators::{Concatenate, Exchange, Inspect, Probe};
use timely::dataflow::{Scope, StreamVec};

use crate::dedupe::{self, Hub, Levels, gate};
use crate::durable::Durable;
use crate::intake::{Addressed, Feed, Notice, intake};
use crate::latency::EpochLatency;
use crate::layout::{Layout, OperatorSpec, ROUTED};
use crate::routing::{Exchanges, Traffic, route};

/// Longer than anybody waits.
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);

/// What runs one operator of a worker: a group of its own, or a pool of lanes.
pub(crate) enum Placed {
    Worker(Group),
    Lanes(Arc<Lanes>),
}

/// The groups of a layout, by operator.
pub(crate) fn groups(layout: &Layout) -> Vec<GroupSpec> {
    layout.operators.iter().map(|operator| group(operator, layout)).collect()
}

/// The kinds that leave an operator are those that another one, or a meeting of them, takes in.
fn group(operator: &OperatorSpec, layout: &Layout) -> GroupSpec {
    let elsewhere = |kind: Kind| {
        layout
            .operators
            .iter()
            .filter(|other| *other != operator)
            .flat_map(|other| &other.stages)
            .any(|stage| stage.consumes(kind))
    };
    // What dedupe takes in leaves `fetch`; what it lets through never leaves another operator.
    let joined = |kind: Kind| MET.contains(&kind) || GATHERED.contains(&kind);
    let outside: BTreeSet<Kind> =
        ROUTED.into_iter().filter(|&kind| joined(kind) || elsewhere(kind)).chain([Kind::Outcome]).collect();
    GroupSpec {
        name: operator.name(),
        stages: operator.stages.clone(),
        limits: operator.limits(),
        outside,
        device: layout.lanes.get(&operator.on).and_then(|lanes| lanes.device.clone()),
        precision: operator.precision,
        curve: layout.lanes.get(&operator.on).and_then(|lanes| lanes.curve.clone()),
        health: operator.stages.iter().map(|_| Arc::default()).collect(),
    }
}

/// Streams by kind of record, as they become available.
#[derive(Default)]
struct Streams<'s>(BTreeMap<Kind, Vec<StreamVec<'s, Epoch, Record>>>);

impl<'s> Streams<'s> {
    /// Sorts a stream into kinds.
    fn add(&mut self, stream: StreamVec<'s, Epoch, Record>) {
        let sorted = stream.partition(Kind::Outcome as u64 + 1, |record: Record| (record.kind() as u64, record));
        for (at, stream) in sorted.into_iter().enumerate() {
            let Some(&kind) = ROUTED.iter().chain(&[Kind::Outcome]).find(|kind| **kind as usize == at) else {
                continue;
            };
            self.0.entry(kind).or_default().push(stream);
        }
    }

    /// All records of these kinds.
    fn take(&self, scope: Scope<'s, Epoch>, kinds: impl Fn(Kind) -> bool) -> StreamVec<'s, Epoch, Record> {
        scope.concatenate(
            self.0.iter().filter(|(kind, _)| kinds(**kind)).flat_map(|(_, streams)| streams.iter().cloned()),
        )
    }
}

/// What tells of a graph's progress.
pub(crate) struct Probes {
    /// Every outcome is durable.
    ended: Handle<Epoch>,
    /// Every notice has been heeded.
    heeded: Handle<Epoch>,
}

impl Probes {
    /// The tick before which both is so.
    pub(crate) fn passed(&self) -> Epoch {
        let first =
            |probe: &Handle<Epoch>| probe.with_frontier(|frontier| frontier.first().copied().unwrap_or(Epoch::MAX));
        first(&self.ended).min(first(&self.heeded))
    }

    pub(crate) fn done(&self) -> bool {
        self.ended.done() && self.heeded.done()
    }
}

/// Builds the graph.
pub(crate) fn build(
    scope: Scope<'_, Epoch>,
    (layout, specs): (&Layout, &[GroupSpec]),
    placed: Vec<Placed>,
    (feed, durable): (Arc<Feed>, Option<Arc<Durable>>),
    (hub, levels): (&Hub, Levels),
    (latency, exchanges): (&Rc<RefCell<EpochLatency>>, &Exchanges),
    ended: impl Fn(&Outcome) + 'static,
) -> Probes {
    let mut streams = Streams::default();
    let mut offered = Streams::default();
    let (taken_in, notices) = intake(scope, feed.clone(), latency.clone());
    offered.add(taken_in);
    let heeded = heed(notices, feed.clone(), durable);
    streams.add(gate(offered.take(scope, |kind| kind == Kind::Announced), "identity", hub, dedupe::announced));
    streams.add(offered.take(scope, |kind| kind != Kind::Announced));
    let (mut met, mut gathered) = (false, false);
    for (at, ((operator, spec), placed)) in layout.operators.iter().zip(specs).zip(placed).enumerate() {
        if !met && operator.stages[0] >= Stage::Pieces {
            let parts = counted(streams.take(scope, |kind| MET.contains(&kind)), &exchanges.meet);
            let met_here = watched(meet(parts), "meet", latency);
            streams.add(match levels {
                Levels::All => gate(met_here, "likeness", hub, dedupe::known),
                Levels::Exact => met_here,
            });
            met = true;
        }
        if !gathered && operator.stages[0] >= Stage::Transcribe {
            let pieces = counted(streams.take(scope, |kind| GATHERED.contains(&kind)), &exchanges.gather);
            streams.add(watched(gather(pieces), "gather", latency));
            gathered = true;
        }
        let taken = operator.takes();
        let input = streams.take(scope, |kind| taken.contains(&kind));
        let traffic = &exchanges.operators[at];
        let route = route(operator.routing, traffic, (scope.index(), scope.peers()));
        let backlog = traffic.backlog(scope.index());
        let output = match placed {
            Placed::Worker(group) => on_worker(input, &spec.name, group, route),
            Placed::Lanes(lanes) => on_lanes(input, (spec, at), lanes, batching(operator), backlog, route),
        };
        let output = watched(output, &spec.name, latency);
        if operator.stages == [Stage::Fetch] {
            // Only what is not known already goes on.
            let mut fetched = Streams::default();
            fetched.add(output);
            streams.add(gate(fetched.take(scope, |kind| kind == Kind::Fetched), "digest", hub, dedupe::fetched));
            streams.add(fetched.take(scope, |kind| kind != Kind::Fetched));
        } else {
            streams.add(output);
        }
    }
    let probe = Handle::new();
    latency.borrow_mut().watch("outcome", probe.clone());
    streams
        .take(scope, |kind| kind == Kind::Outcome)
        .inspect(move |record| {
            if let Body::Outcome(outcome) = &record.body {
                ended(outcome);
            }
        })
        .map(|record| record.episode)
        .exchange(|episode| episode.taken_in_by)
        .inspect(move |episode| feed.ended(episode))
        .probe_with(&probe);
    Probes { ended: probe, heeded }
}

/// Brings the notices of all feeds to whom they are for.
fn heed(notices: StreamVec<'_, Epoch, Addressed>, feed: Arc<Feed>, durable: Option<Arc<Durable>>) -> Handle<Epoch> {
    let probe = Handle::new();
    notices
        .exchange(|(worker, _)| *worker)
        .inspect(move |(_, notice)| match (notice, &durable) {
            (Notice::Read(epoch, positions), Some(durable)) => durable.read(*epoch, positions.clone()),
            (Notice::Read(..), None) => {} // a run that ends reads from the beginning again
            (Notice::Closed, _) => feed.close_with_others(),
            (Notice::Asked(round), _) => feed.asked(*round),
            (Notice::Answered(answer), _) => feed.answered(*answer),
        })
        .probe_with(&probe);
    probe
}

/// Counts what is on its way home.
fn counted<'s>(stream: StreamVec<'s, Epoch, Record>, traffic: &Traffic) -> StreamVec<'s, Epoch, Record> {
    let (traffic, here) = (traffic.clone(), stream.scope().index());
    stream.inspect(move |record| traffic.count_home(record, here))
}

/// Notes when epochs are done at an operator.
fn watched<'s>(
    stream: StreamVec<'s, Epoch, Record>,
    name: &str,
    latency: &Rc<RefCell<EpochLatency>>,
) -> StreamVec<'s, Epoch, Record> {
    let probe = Handle::new();
    latency.borrow_mut().watch(name, probe.clone());
    stream.probe_with(&probe)
}

fn batching(operator: &OperatorSpec) -> Batching {
    Batching {
        // A group that begins with whole episodes takes them one by one; its pieces are batched inside.
        limits: if operator.takes_one_by_one() { Limits::items(1) } else { operator.limits() },
        max_wait: Duration::from_millis(operator.max_wait_ms),
        // Whoever publishes waits for stores that come back, or stops the run: it is never given up for late.
        deadline: if operator.stages.contains(&Stage::Publish) {
            A_YEAR
        } else {
            Duration::from_secs(operator.deadline_seconds)
        },
        clock: wall_clock,
        target: operator.target_ms.map(Duration::from_millis),
    }
}
