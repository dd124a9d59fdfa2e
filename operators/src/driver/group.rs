//! Stages that share an operator: what one emits, the next takes in without an exchange between.
//!
//! ```text
//! known ─▶ [pieces ─windows▶ speech ─findings▶ outside
//!                  └windows▶ events ─findings▶ outside]
//! ```
//! Records of an inner kind are held until a slot's batch is full, then run at once, so an
//! episode of three hours never holds more than one batch of windows here.

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::record::outcome::StageTime;
use crate::record::{Body, Kind, Record, Spent};
use crate::stage::{Equipment, Stage, Work};

/// Which item of a driver a record came of.
pub type Ticket = u64;

/// What a group consists of.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    /// Name of the operator, as in the layout.
    pub name: String,
    /// Its stages in order.
    pub stages: Vec<Stage>,
    /// Most records in one batch of a stage.
    pub max_items: usize,
    /// Kinds that somebody outside the group takes in.
    pub outside: BTreeSet<Kind>,
}

/// A group with warm models, owned by one thread.
pub struct Group {
    slots: Vec<Slot>,
    outside: BTreeSet<Kind>,
}

struct Slot {
    stage: Stage,
    work: Box<dyn Work>,
    max_items: usize,
    held: Vec<Held>,
}

struct Held {
    ticket: Ticket,
    record: Record,
    since: Instant,
}

/// Where records go that leave the group.
type Emit<'a> = dyn FnMut(Ticket, Record) + 'a;

impl Group {
    /// Warms up every stage of the group.
    ///
    /// # Errors
    /// A model that cannot be loaded.
    pub fn warm(spec: &GroupSpec, equipment: &Equipment) -> Result<Self, Fault> {
        let slots = spec
            .stages
            .iter()
            .map(|&stage| Ok(Slot { stage, work: stage.warm(equipment)?, max_items: spec.max_items, held: Vec::new() }))
            .collect::<Result<_, Fault>>()?;
        Ok(Self { slots, outside: spec.outside.clone() })
    }

    /// Runs a batch through all stages; every record that leaves the group is given to `emit`.
    pub fn run(&mut self, batch: Vec<(Ticket, Record)>, since: Instant, emit: &mut Emit) {
        let mut busy = Duration::ZERO;
        for (ticket, record) in batch {
            take_in(&mut self.slots, &self.outside, Held { ticket, record, since }, emit, &mut busy);
        }
        for first in 0..self.slots.len() {
            flush(&mut self.slots[first..], &self.outside, emit, &mut busy);
        }
    }
}

/// Gives a record to every slot that consumes its kind. `busy` grows by the time this took.
fn take_in(slots: &mut [Slot], outside: &BTreeSet<Kind>, held: Held, emit: &mut Emit, busy: &mut Duration) {
    let kind = held.record.kind();
    for at in 0..slots.len() {
        if !slots[at].stage.consumes(kind) {
            continue;
        }
        slots[at].held.push(Held { ticket: held.ticket, record: held.record.clone(), since: held.since });
        if slots[at].held.len() >= slots[at].max_items {
            flush(&mut slots[at..], outside, emit, busy);
        }
    }
}

/// Runs what the first slot holds; what comes of it goes to the later slots and outside.
fn flush(slots: &mut [Slot], outside: &BTreeSet<Kind>, emit: &mut Emit, busy: &mut Duration) {
    let Some((slot, later)) = slots.split_first_mut() else { return };
    let held = std::mem::take(&mut slot.held);
    if held.is_empty() {
        return;
    }
    let started = Instant::now();
    let mut inner = Duration::ZERO; // spent by later slots, inside this run
    let queued: Vec<Duration> = held.iter().map(|held| started.duration_since(held.since)).collect();
    let (tickets, records): (Vec<_>, Vec<_>) = held.into_iter().map(|held| (held.ticket, held.record)).unzip();
    let mut sent = vec![0u32; records.len()];
    // The latest body of each record is kept back, so that the last one can carry the time.
    let mut latest: Vec<Option<Body>> = records.iter().map(|_| None).collect();

    let mut send = |i: usize, body: Body, spent: Spent, inner: &mut Duration| {
        let record = Record { episode: records[i].episode.clone(), body, spent };
        let ticket = tickets[i];
        if outside.contains(&record.kind()) {
            emit(ticket, record.clone());
        }
        take_in(later, outside, Held { ticket, record, since: Instant::now() }, emit, inner);
    };
    let mut attempt = |work: &mut Box<dyn Work>,
                       range: Range<usize>,
                       inner: &mut Duration,
                       latest: &mut [Option<Body>],
                       sent: &mut [u32]| {
        let first = range.start;
        let run = AssertUnwindSafe(|| {
            work.run(&records[range], &mut |i, body| {
                let i = first + i;
                sent[i] += 1;
                if let Some(body) = latest[i].replace(body) {
                    send(i, body, Spent::new(), inner);
                }
            });
        });
        catch_unwind(run).is_ok()
    };
    let whole = attempt(&mut slot.work, 0..records.len(), &mut inner, &mut latest, &mut sent);
    if !whole && records.len() > 1 {
        // One record spoils its batch: run each unfinished one alone, so that only that one fails.
        for i in (0..records.len()).filter(|&i| sent[i] == 0).collect::<Vec<_>>() {
            attempt(&mut slot.work, i..i + 1, &mut inner, &mut latest, &mut sent);
        }
    }
    let computing = started.elapsed().saturating_sub(inner).as_secs_f64() / records.len() as f64;
    for i in 0..records.len() {
        let last = match latest[i].take() {
            Some(body) if slot.stage.concludes(&body) => body,
            unfinished => {
                if let Some(body) = unfinished {
                    send(i, body, Spent::new(), &mut inner);
                }
                slot.stage.failed(&records[i], panicked(slot.stage, &records[i]))
            }
        };
        let mut spent = records[i].spent.clone();
        let mine: &mut StageTime = spent.entry(slot.stage).or_default();
        mine.queued += queued[i].as_secs_f64();
        mine.computing += computing;
        send(i, last, spent, &mut inner);
    }
    *busy += started.elapsed();
}

fn panicked(stage: Stage, record: &Record) -> Fault {
    Fault::poison(
        stage.name(),
        "panicked",
        format!("the stage panicked on episode {}", record.episode.key().episode),
        "a defect of hark: please report it with this episode",
    )
}
