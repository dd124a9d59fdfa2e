//! The knowledge side of one worker, and its hand-over with the gates.
//!
//! ```text
//! gate ─ tell, at the clock's time ─▶ facts ─────────────────▶ verdicts ─▶ judged once all clocks are past it
//!                  └─ that time ─▶ asks ─▶ every worker: its clock goes on ─────────────▲
//! ```
//! Clocks go on while somebody waits for a time to be over, and stand still otherwise: each step of a clock
//! passes through every operator of this side, which is most of what an idle cluster used to cost. Under
//! load a step takes along what was told within [`STEP`], and costs the same.
//!
//! What was known before a run comes portion by portion, each at a time of its own before [`START`]: all of
//! it at once would lie between all of these operators at once, at several times its size.
//!
//! Invariant: whoever tells a fact also asks all clocks to pass its time, so no gate waits for a clock
//! that stands still.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use differential_dataflow::input::InputSession;
use hark_operators::dedupe::catalogue::{Facts, Rules, Verdicts, verdicts};
use hark_operators::dedupe::exact::{Key, KnownAt};
use hark_operators::dedupe::in_time::in_time;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::vec::{Broadcast, Filter, Map};
use timely::dataflow::operators::{Concat, Exchange, Inspect, Probe};
use timely::dataflow::{InputHandleVec, StreamVec};
use timely::scheduling::Activator;
use timely::worker::Worker;

use super::Judgements;
use super::gate::Told;
use super::judgements::Said;
use crate::cluster::Peers;

/// Shortest step of a clock: who comes after a pause waits for less, others for as long at most.
pub const STEP: Duration = Duration::from_millis(10);

/// The first time of a run: those before it are for what was known earlier.
pub const START: KnownAt = 1 << 24;

/// Facts that a worker restores at once: enough for the steps between portions to cost next to nothing.
const PORTION: usize = 250_000;

/// Takes facts to be kept.
pub type Keep = Box<dyn Fn(&Told)>;

/// What the gates of one worker and its knowledge side have in common. No capabilities in it.
#[derive(Clone)]
pub struct Hub {
    shared: Rc<Shared>,
    judgements: Arc<Judgements>,
}

struct Shared {
    told: RefCell<Vec<Told>>,
    /// The time at which what is told now will be known.
    clock: Cell<KnownAt>,
    /// The latest time that somebody waits for to be over.
    asked: Cell<KnownAt>,
    known: Handle<KnownAt>,
    gates: RefCell<Vec<Activator>>,
}

impl Shared {
    /// Somebody waits for this time to be over.
    fn ask(&self, time: KnownAt) {
        self.asked.set(self.asked.get().max(time));
    }
}

impl Hub {
    /// A hub whose verdicts go to these judgements.
    pub fn new(judgements: Arc<Judgements>) -> Self {
        let (told, gates) = (RefCell::default(), RefCell::default());
        let shared = Shared { told, clock: Cell::new(0), asked: Cell::new(0), known: Handle::new(), gates };
        Self { shared: Rc::new(shared), judgements }
    }

    /// Takes a fact; returns when it will be known.
    pub fn tell(&self, told: Told) -> KnownAt {
        self.shared.told.borrow_mut().push(told);
        let now = self.shared.clock.get();
        self.shared.ask(now);
        now
    }

    /// Whether every worker has judged by all facts of this time.
    pub fn is_known(&self, time: KnownAt) -> bool {
        !self.shared.known.less_equal(&time)
    }

    pub(super) fn judgements(&self) -> &Judgements {
        &self.judgements
    }

    pub(super) fn wake_when_known(&self, gate: Activator) {
        self.shared.gates.borrow_mut().push(gate);
    }
}

/// Hands all facts to the first worker; nothing comes out but the frontier.
fn kept<'s>(facts: &Facts<'s>, keep: Keep) -> StreamVec<'s, KnownAt, ()> {
    let announced = facts.announced.clone().map(|(id, announced)| Told::Announced(id, announced));
    let digests = facts.digests.clone().map(|(key, digest)| Told::Digest(key, digest));
    let prints = facts.prints.clone().map(|(key, print)| Told::Print(key, print));
    let signatures = facts.signatures.clone().map(|(key, signature)| Told::Signature(key, signature));
    let told = announced.concat(digests).concat(prints).concat(signatures).inner;
    // What was known before is kept already.
    told.filter(|(_, time, _)| *time >= START)
        .exchange(|_| 0)
        .inspect(move |(told, _, _)| keep(told))
        .flat_map(|_| None)
}

/// The knowledge side of one worker.
pub struct Knowledge {
    announced: InputSession<KnownAt, (EpisodeId, Announced), isize>,
    digests: InputSession<KnownAt, (EpisodeKey, Key), isize>,
    prints: InputSession<KnownAt, (EpisodeKey, Likeness), isize>,
    signatures: InputSession<KnownAt, (EpisodeKey, Likeness), isize>,
    /// Brings to all workers the times that this one waits for.
    asks: InputHandleVec<KnownAt, KnownAt>,
    /// The last of them.
    asked: KnownAt,
    hub: Hub,
    /// The last time that the gates were woken for.
    woken: KnownAt,
}

impl Knowledge {
    /// Builds the dataflow; `corrected` hears of every revision whose verdict or repeated parts changed,
    /// or the verdict on all before it, at its owner. With `keep`, which all workers have or none, the first
    /// worker takes all that becomes known from [`START`] on before it counts as known.
    pub fn build(
        worker: &mut Worker,
        hub: Hub,
        rules: Rules,
        peers: Peers,
        keep: Option<Keep>,
        corrected: impl Fn(&EpisodeKey) + 'static,
    ) -> Self {
        let (mut announced, mut digests) = (InputSession::new(), InputSession::new());
        let (mut prints, mut signatures) = (InputSession::new(), InputSession::new());
        let (mut asks, judgements, heard) = (InputHandleVec::new(), hub.judgements.clone(), hub.shared.clone());
        worker.dataflow::<KnownAt, _, _>(|scope| {
            // Heard as it comes: nothing here waits for a frontier.
            asks.to_stream(scope).broadcast().inspect(move |time: &KnownAt| heard.ask(*time));
            let facts = Facts {
                announced: announced.to_collection(scope),
                digests: digests.to_collection(scope),
                prints: prints.to_collection(scope),
                signatures: signatures.to_collection(scope),
            };
            let kept = keep.map(|keep| kept(&facts, keep));
            let Verdicts { verdicts, revised, parts, popular } = verdicts(facts, rules);
            let counted = judgements.clone();
            popular.inspect(move |(_band, _time, diff)| counted.change_popular(*diff));
            let said = verdicts.map(|(key, verdict)| Said::On(key, verdict));
            let revised = revised.map(|(episode, revision)| Said::RevisedBy(EpisodeKey { episode, revision }));
            let said = said.concat(revised).concat(parts.map(|(key, parts)| Said::Repeated(key, parts)));
            let route = move |said: &Said| peers.keeper(&said.key().episode);
            // A whole time at once: between what ceases to hold and what takes its place nobody is fresh.
            let judged = in_time(said, "judge", route, move |said, _: &mut Vec<((), isize)>| {
                let mut keys: Vec<EpisodeKey> = said.iter().map(|(said, _)| said.key().clone()).collect();
                let (holds, ceases): (Vec<_>, Vec<_>) = said.drain(..).partition(|(_, diff)| *diff > 0);
                let only = |said: Vec<(Said, isize)>| said.into_iter().map(|(said, _)| said).collect();
                judgements.change(only(ceases), only(holds));
                keys.sort();
                keys.dedup();
                keys.iter().for_each(&corrected);
            });
            let done = judged.inner.map(|_| ());
            match kept {
                Some(kept) => kept.concat(done),
                None => done,
            }
            .probe_with(&hub.shared.known);
        });
        Self { announced, digests, prints, signatures, asks, asked: 0, hub, woken: 0 }
    }

    /// Whether somebody waits for this worker's clock: then [`keep_up`](Self::keep_up) is due again within
    /// [`STEP`], else when the worker has something to do.
    pub fn is_awaited(&self) -> bool {
        self.hub.shared.asked.get() >= self.hub.shared.clock.get()
    }

    /// Advances to the time that is so long after the start of the run, if anybody waits for that and a step
    /// is due.
    pub fn keep_up(&mut self, elapsed: Duration) {
        let now = START + elapsed.as_millis() as KnownAt;
        if self.is_awaited() && now >= self.hub.shared.clock.get() + STEP.as_millis() as KnownAt {
            self.advance(now);
        } else {
            self.wake_gates();
        }
    }

    /// Hands over what was told since the last call; `now` is in milliseconds and never falls.
    pub fn advance(&mut self, now: KnownAt) {
        let told = std::mem::take(&mut *self.hub.shared.told.borrow_mut());
        let clock = self.hub.shared.clock.get();
        if !told.is_empty() && clock > self.asked {
            self.asked = clock;
            self.asks.send(clock);
            self.asks.flush();
        }
        told.into_iter().for_each(|told| self.insert(told));
        let shared = &self.hub.shared;
        if now > clock {
            shared.clock.set(now);
            self.announced.advance_to(now);
            self.announced.flush();
            self.digests.advance_to(now);
            self.digests.flush();
            self.prints.advance_to(now);
            self.prints.flush();
            self.signatures.advance_to(now);
            self.signatures.flush();
            self.asks.advance_to(now);
        }
        self.wake_gates();
    }

    /// Wakes the gates if more is known than when they were woken last.
    fn wake_gates(&mut self) {
        let shared = &self.hub.shared;
        let known = shared.known.with_frontier(|frontier| frontier.first().copied().unwrap_or(KnownAt::MAX));
        if known > self.woken {
            self.woken = known;
            shared.gates.borrow().iter().for_each(Activator::activate);
        }
    }

    /// Takes what was known before this run, and begins the run's own time. Every worker has to, with facts
    /// or without, while nothing else is told; other workers may be ahead or behind.
    ///
    /// # Errors
    /// The first error among the facts.
    pub fn restore<E>(&mut self, worker: &mut Worker, facts: impl Iterator<Item = Result<Told, E>>) -> Result<(), E> {
        let mut portion: KnownAt = 0;
        for (fact, count) in facts.zip(1_usize..) {
            self.insert(fact?);
            if count % PORTION == 0 {
                portion += 1;
                assert!(portion < START, "a store holds less than {START} portions of {PORTION} facts");
                self.advance(portion);
                worker.step_or_park_while(None, || !self.hub.is_known(portion - 1));
            }
        }
        self.advance(START);
        Ok(())
    }

    /// Whether all that was known before this run is known again.
    pub fn is_restored(&self) -> bool {
        self.hub.is_known(START - 1)
    }

    fn insert(&mut self, told: Told) {
        match told {
            Told::Announced(id, announced) => self.announced.insert((id, announced)),
            Told::Digest(key, digest) => self.digests.insert((key, digest)),
            Told::Print(key, likeness) => self.prints.insert((key, likeness)),
            Told::Signature(key, likeness) => self.signatures.insert((key, likeness)),
        }
    }

    /// No more facts will come; returns the probe that tells when all verdicts are out.
    pub fn close(self) -> Handle<KnownAt> {
        self.hub.shared.known.clone()
    }
}
