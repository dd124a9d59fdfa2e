//! The knowledge side of one worker, and its hand-over with the gates.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use differential_dataflow::input::InputSession;
use hark_operators::dedupe::catalogue::{Facts, Rules, Verdicts, verdicts};
use hark_operators::dedupe::exact::{Key, KnownAt};
use hark_operators::dedupe::in_time::in_time;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;
use timely::scheduling::Activator;
use timely::worker::Worker;

use super::gate::Told;
use super::judgements::Said;
use super::{Judgements, keeper};

/// Hears of facts.
type Listener = Box<dyn Fn(&Told)>;

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
    known: Handle<KnownAt>,
    /// Who hears of every fact beside the dataflow.
    listener: Option<Listener>,
    gates: RefCell<Vec<Activator>>,
}

impl Hub {
    /// A hub whose verdicts go to these judgements.
    pub fn new(judgements: Arc<Judgements>) -> Self {
        Self::with(judgements, None)
    }

    /// The same, where somebody else hears of every fact too.
    pub fn heard_by(judgements: Arc<Judgements>, listener: impl Fn(&Told) + 'static) -> Self {
        Self::with(judgements, Some(Box::new(listener)))
    }

    fn with(judgements: Arc<Judgements>, listener: Option<Listener>) -> Self {
        let (told, gates) = (RefCell::default(), RefCell::default());
        let shared = Shared { told, clock: Cell::new(0), known: Handle::new(), listener, gates };
        Self { shared: Rc::new(shared), judgements }
    }

    /// Takes a fact; returns when it will be known.
    pub fn tell(&self, told: Told) -> KnownAt {
        if let Some(listener) = &self.shared.listener {
            listener(&told);
        }
        self.shared.told.borrow_mut().push(told);
        self.shared.clock.get()
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

/// The knowledge side of one worker.
pub struct Knowledge {
    announced: InputSession<KnownAt, (EpisodeId, Announced), isize>,
    digests: InputSession<KnownAt, (EpisodeKey, Key), isize>,
    prints: InputSession<KnownAt, (EpisodeKey, Likeness), isize>,
    signatures: InputSession<KnownAt, (EpisodeKey, Likeness), isize>,
    hub: Hub,
    /// The last time that the gates were woken for.
    woken: KnownAt,
}

impl Knowledge {
    /// Builds the dataflow; `corrected` hears of every revision whose verdict or repeated parts changed,
    /// or the verdict on all before it.
    pub fn build(worker: &mut Worker, hub: Hub, rules: Rules, corrected: impl Fn(&EpisodeKey) + 'static) -> Self {
        let (mut announced, mut digests) = (InputSession::new(), InputSession::new());
        let (mut prints, mut signatures) = (InputSession::new(), InputSession::new());
        let judgements = hub.judgements.clone();
        worker.dataflow::<KnownAt, _, _>(|scope| {
            let facts = Facts {
                announced: announced.to_collection(scope),
                digests: digests.to_collection(scope),
                prints: prints.to_collection(scope),
                signatures: signatures.to_collection(scope),
            };
            let Verdicts { verdicts, revised, parts, popular } = verdicts(facts, rules);
            let counted = judgements.clone();
            popular.inspect(move |(_band, _time, diff)| counted.change_popular(*diff));
            let said = verdicts.map(|(key, verdict)| Said::On(key, verdict));
            let revised = revised.map(|(episode, revision)| Said::RevisedBy(EpisodeKey { episode, revision }));
            let said = said.concat(revised).concat(parts.map(|(key, parts)| Said::Repeated(key, parts)));
            let route = |said: &Said| keeper(&said.key().episode);
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
            judged.inner.probe_with(&hub.shared.known);
        });
        Self { announced, digests, prints, signatures, hub, woken: 0 }
    }

    /// Hands over what was told since the last call; `now` is in milliseconds and never falls.
    pub fn advance(&mut self, now: KnownAt) {
        let told = std::mem::take(&mut *self.hub.shared.told.borrow_mut());
        told.into_iter().for_each(|told| self.insert(told));
        let shared = &self.hub.shared;
        if now > shared.clock.get() {
            shared.clock.set(now);
            self.announced.advance_to(now);
            self.announced.flush();
            self.digests.advance_to(now);
            self.digests.flush();
            self.prints.advance_to(now);
            self.prints.flush();
            self.signatures.advance_to(now);
            self.signatures.flush();
        }
        let known = shared.known.with_frontier(|frontier| frontier.first().copied().unwrap_or(KnownAt::MAX));
        if known > self.woken {
            self.woken = known;
            shared.gates.borrow().iter().for_each(Activator::activate);
        }
    }

    /// Takes a fact that was known before this run; nobody else hears of it.
    pub fn restore(&mut self, told: Told) {
        self.insert(told);
    }

    /// Whether all that was told before this time is known.
    pub fn is_known(&self, time: KnownAt) -> bool {
        self.hub.is_known(time)
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
