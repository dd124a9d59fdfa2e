//! Stages that share an operator: what one emits, the next takes in without an exchange between.
//!
//! ```text
//! known ─▶ [pieces ─windows▶ speech ─findings▶ outside
//!                  └windows▶ events ─findings▶ outside]
//! ```
//! Records of an inner kind are held until a slot's batch is full, then run at once, so an
//! episode of three hours never holds more than one batch of windows here.
//!
//! A batch that fails is halved until the item that spoils it stands alone; one that is too large for
//! its device is halved, too, and later ones have that size from the start. A model that fails on
//! single items [rests](super::health).

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hark_models::device::{Device, Placement, Precision};

use super::budget;
use super::health::{Health, REST};
use super::late::{self, Clock};
use super::limits::{Limits, Load};
use super::memory::{Meter, Share};
use crate::fault::{Fault, FaultKind};
use crate::record::outcome::StageTime;
use crate::record::{Body, Kind, Record, Spent};
use crate::stage::{Curve, Equipment, Stage, Tokens, Work};

/// Which item of a driver a record came of.
pub type Ticket = u64;

/// What a group consists of.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    /// Name of the operator, as in the layout.
    pub name: String,
    /// Its stages in order.
    pub stages: Vec<Stage>,
    /// Most that one batch of a stage holds.
    pub limits: Limits,
    /// Kinds that somebody outside the group takes in.
    pub outside: BTreeSet<Kind>,
    /// Where its models compute; where the run was told to, if `None`.
    pub device: Option<String>,
    /// What its models' numbers are kept in.
    pub precision: Precision,
    /// What stands in for its device, if there is none.
    pub curve: Option<Arc<Curve>>,
    /// One per stage, shared by all lanes of the process.
    pub health: Vec<Arc<Health>>,
}

impl GroupSpec {
    /// How many models it loads.
    pub(super) fn models(&self, equipment: &Equipment) -> usize {
        let weighed = |stage: &Stage| equipment.ballast.is_some_and(|(weighed, _)| weighed == *stage);
        self.stages.iter().filter(|stage| stage.has_weights() || weighed(stage)).count()
    }
}

/// A group with warm models, owned by one thread.
pub struct Group {
    slots: Vec<Slot>,
    /// Where its models are; nowhere if its device is modelled.
    at: Option<Placement>,
    outside: BTreeSet<Kind>,
}

struct Slot {
    stage: Stage,
    work: Box<dyn Work>,
    limits: Limits,
    health: Arc<Health>,
    held: Vec<Held>,
    /// All that is held.
    load: Load,
    clock: Clock,
    /// What it was given since that was last asked.
    filled: Filled,
}

/// How full a stage's batches were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Batches.
    pub batches: u64,
    /// Items in them.
    pub items: u64,
    /// Of their items, and of what was filled up beside them.
    pub tokens: Tokens,
}

impl Filled {
    /// Adds others.
    pub fn add(&mut self, more: Self) {
        self.batches += more.batches;
        self.items += more.items;
        self.tokens.wanted += more.tokens.wanted;
        self.tokens.computed += more.tokens.computed;
    }
}

impl Slot {
    fn new(stage: Stage, work: Box<dyn Work>, limits: Limits, health: Arc<Health>) -> Self {
        let (held, load, filled) = (Vec::new(), Load::default(), Filled::default());
        Self { stage, work, limits, health, held, load, clock: late::wall_clock, filled }
    }

    /// Most that a batch holds, on a device that may have been found to be too small.
    fn most(&self) -> Limits {
        self.limits.at_most(self.health.most_items())
    }

    /// What a record becomes without being computed: of an episode that would be late otherwise.
    fn passes_over(&self, record: &Record) -> Option<Body> {
        let from = late::light_from(&[self.stage], record)?;
        ((self.clock)() >= from).then(|| self.stage.failed(record, late::fault(self.stage, record)))
    }
}

struct Held {
    ticket: Ticket,
    record: Record,
    since: Instant,
}

/// Where records go that leave the group.
type Emit<'a> = dyn FnMut(Ticket, Record) + 'a;

impl Group {
    /// Warms up every stage of the group. Tells how much of its device's memory each model takes.
    ///
    /// # Errors
    /// A model that cannot be loaded, or that has no room for a batch.
    pub fn warm(spec: &GroupSpec, equipment: &Equipment) -> Result<(Self, Vec<Share>), Fault> {
        if let Some(curve) = &spec.curve {
            return Self::modelled(spec, curve);
        }
        let at = equipment.models.placement(spec.device.as_deref(), spec.precision)?;
        let mut meter = (at.device != Device::Cpu).then(|| Meter::of(at.device));
        let mut shares = Vec::new();
        let mut slots = Vec::new();
        for (&stage, health) in spec.stages.iter().zip(&spec.health) {
            let mut work = stage.warm(equipment, at)?;
            if let Some(weights) = work.weight_bytes() {
                let largest = spec.limits.at_most(health.most_items()).longest(stage);
                // A processor has nothing to get ready, and would take long for it.
                let activations = match &mut meter {
                    Some(meter) => meter.growth_of(|| work.rehearse(largest))?,
                    None => None,
                };
                shares.push(Share { stage, at: at.to_string(), weights, activations, max_items: largest });
                work.take_tokens(); // of the rehearsal
            }
            slots.push(Slot::new(stage, work, spec.limits, health.clone()));
        }
        Ok((Self { slots, at: Some(at), outside: spec.outside.clone() }, shares))
    }

    /// The same on a device that is not there: its memory is what the curve says, and as long as that says
    /// loading takes.
    fn modelled(spec: &GroupSpec, curve: &Arc<Curve>) -> Result<(Self, Vec<Share>), Fault> {
        let (mut slots, mut shares) = (Vec::new(), Vec::new());
        for (&stage, health) in spec.stages.iter().zip(&spec.health) {
            let (work, largest) = (stage.modelled(spec.precision, curve), spec.limits.longest(stage));
            let cost = curve.cost(stage, spec.precision, largest);
            let (Some(weights), Some(cost)) = (work.weight_bytes(), cost) else {
                return Err(Fault::poison(
                    "lanes",
                    "curve",
                    format!("the curve {} does not say what {stage} costs in batches of {largest}", curve.name),
                    "lower `max_items`, or measure it and add it to the curve",
                ));
            };
            let at = format!("modelled {} in {}", curve.name, spec.precision);
            shares.push(Share { stage, at, weights, activations: Some(cost.bytes), max_items: largest });
            std::thread::sleep(curve.load_time(stage, spec.precision).unwrap_or_default());
            slots.push(Slot::new(stage, work, spec.limits, health.clone()));
        }
        Ok((Self { slots, at: None, outside: spec.outside.clone() }, shares))
    }

    /// Lets go of its models.
    pub(super) fn unload(self, equipment: &Equipment) {
        let Self { slots, at, .. } = self;
        let stages: Vec<Stage> = slots.iter().map(|slot| slot.stage).collect();
        drop(slots);
        if let Some(at) = at {
            Self::forget_models(&stages, at, equipment);
        }
    }

    /// Whoever needs the models of such a group next loads them: a lane that hangs may hold what is shared of them.
    pub(super) fn forget(spec: &GroupSpec, equipment: &Equipment) {
        if spec.curve.is_none()
            && let Ok(at) = equipment.models.placement(spec.device.as_deref(), spec.precision)
        {
            Self::forget_models(&spec.stages, at, equipment);
        }
    }

    fn forget_models(stages: &[Stage], at: Placement, equipment: &Equipment) {
        for &stage in stages {
            equipment.models.forget(stage, at);
            if equipment.ballast.is_some_and(|(weighed, _)| weighed == stage) {
                equipment.models.forget_ballast(at);
            }
        }
    }

    /// How full the batches of its stages were since this was last asked.
    pub(super) fn take_filled(&mut self) -> impl Iterator<Item = (Stage, Filled)> {
        self.slots.iter_mut().map(|slot| {
            let filled = std::mem::take(&mut slot.filled);
            (slot.stage, Filled { tokens: slot.work.take_tokens(), ..filled })
        })
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
        if let Some(body) = slots[at].passes_over(&held.record) {
            let record = Record { episode: held.record.episode.clone(), body, spent: held.record.spent.clone() };
            if outside.contains(&record.kind()) {
                emit(held.ticket, record.clone());
            }
            let held = Held { ticket: held.ticket, record, since: Instant::now() };
            take_in(&mut slots[at + 1..], outside, held, emit, busy);
            continue;
        }
        let load = Load::of(&held.record);
        if !slots[at].most().hold(slots[at].load.with(load)) {
            flush(&mut slots[at..], outside, emit, busy);
        }
        let slot = &mut slots[at];
        slot.held.push(Held { ticket: held.ticket, record: held.record.clone(), since: held.since });
        slot.load = slot.load.with(load);
        if slot.most().reached(slot.load) {
            flush(&mut slots[at..], outside, emit, busy);
        }
    }
}

/// Runs what the first slot holds; what comes of it goes to the later slots and outside.
fn flush(slots: &mut [Slot], outside: &BTreeSet<Kind>, emit: &mut Emit, busy: &mut Duration) {
    let Some((slot, later)) = slots.split_first_mut() else { return };
    let held = std::mem::take(&mut slot.held);
    slot.load = Load::default();
    if held.is_empty() {
        return;
    }
    let (started, waited) = (Instant::now(), budget::waited());
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
    let stage = slot.stage;
    slot.filled.batches += 1;
    slot.filled.items += records.len() as u64;
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
            })
        });
        catch_unwind(run).unwrap_or_else(|_| Err(panicked(stage, &records[first])))
    };
    let mut faults: Vec<Option<Fault>> = vec![None; records.len()];
    let mut parts = if slot.health.allows(started) { vec![0..records.len()] } else { Vec::new() };
    let mut rests = parts.is_empty();
    while let Some(part) = parts.pop() {
        // What came of a part before it broke stands.
        let Some(first) = part.clone().find(|&i| sent[i] == 0) else { continue };
        let part = first..part.end;
        match attempt(&mut slot.work, part.clone(), &mut inner, &mut latest, &mut sent) {
            Ok(()) => slot.health.works(),
            Err(fault) if part.len() == 1 => {
                // An item at fault says nothing of the model.
                let episode = records[first].episode.key();
                let struck = fault.kind == FaultKind::Retry && slot.health.strike(episode, Instant::now());
                faults[first] = Some(fault);
                if struck {
                    tracing::warn!(%stage, "its model failed on several items in a row and rests");
                    rests = true;
                    break;
                }
            }
            Err(fault) => {
                let half = part.len().div_ceil(2);
                if fault.is_out_of_memory() {
                    tracing::warn!(%stage, items = part.len(), "a batch was too large for its device: half from now on");
                    slot.health.holds(half);
                }
                parts.extend([first + half..part.end, first..first + half]);
            }
        }
    }
    // Later slots hold nothing back: what they waited would be taken off twice.
    let waited = budget::waited().saturating_sub(waited);
    let each = |time: Duration| time.as_secs_f64() / records.len() as f64;
    let (computing, held_up) = (each(started.elapsed().saturating_sub(inner + waited)), each(waited));
    for i in 0..records.len() {
        let last = match latest[i].take() {
            Some(body) if stage.concludes(&body) => body,
            unfinished => {
                if let Some(body) = unfinished {
                    send(i, body, Spent::new(), &mut inner);
                }
                let fault = faults[i].take();
                let unsaid = || if rests { resting(stage) } else { panicked(stage, &records[i]) };
                stage.failed(&records[i], fault.unwrap_or_else(unsaid))
            }
        };
        let mut spent = records[i].spent.clone();
        let mine: &mut StageTime = spent.entry(stage).or_default();
        mine.queued += queued[i].as_secs_f64() + held_up;
        mine.computing += computing;
        send(i, last, spent, &mut inner);
    }
    *busy += started.elapsed().saturating_sub(waited);
}

fn panicked(stage: Stage, record: &Record) -> Fault {
    Fault::poison(
        stage.name(),
        "panicked",
        format!("the stage panicked on episode {}", record.episode.key().episode),
        "a defect of hark: please report it with this episode",
    )
}

fn resting(stage: Stage) -> Fault {
    Fault::retry(
        stage.name(),
        "resting",
        "its model failed several times in a row and is left alone for a while",
        format!("it is tried again every {} s; the faults before this one say what is wrong", REST.as_secs()),
    )
}

#[cfg(test)]
mod tests;
