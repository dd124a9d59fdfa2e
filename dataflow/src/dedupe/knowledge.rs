//! The knowledge side of one worker, and its hand-over with the gates.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use differential_dataflow::input::InputSession;
use differential_dataflow::{ExchangeData, VecCollection};
use hark_operators::dedupe::catalogue::{Facts, Rules, Verdicts, verdicts};
use hark_operators::dedupe::exact::{Key, KnownAt};
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Concat, Probe};
use timely::scheduling::Activator;
use timely::worker::Worker;

use super::gate::Told;
use super::{Judgements, keeper};

/// What the gates of one worker and its knowledge side have in common. No capabilities in it.
#[derive(Clone)]
pub(crate) struct Hub {
    shared: Rc<Shared>,
    judgements: Arc<Judgements>,
}

struct Shared {
    told: RefCell<Vec<Told>>,
    /// The time at which what is told now will be known.
    clock: Cell<KnownAt>,
    known: Handle<KnownAt>,
    gates: RefCell<Vec<Activator>>,
}

impl Hub {
    pub(crate) fn new(judgements: Arc<Judgements>) -> Self {
        let shared =
            Shared { told: RefCell::default(), clock: Cell::new(0), known: Handle::new(), gates: RefCell::default() };
        Self { shared: Rc::new(shared), judgements }
    }

    /// Takes a fact; returns when it will be known.
    pub(super) fn tell(&self, told: Told) -> KnownAt {
        self.shared.told.borrow_mut().push(told);
        self.shared.clock.get()
    }

    /// Whether every worker has judged by all facts of this time.
    pub(super) fn is_known(&self, time: KnownAt) -> bool {
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
pub(crate) struct Knowledge {
    announced: InputSession<KnownAt, (EpisodeId, Announced), isize>,
    digests: InputSession<KnownAt, (EpisodeKey, Key), isize>,
    prints: InputSession<KnownAt, (EpisodeKey, Likeness), isize>,
    signatures: InputSession<KnownAt, (EpisodeKey, Likeness), isize>,
    hub: Hub,
    /// The last time that the gates were woken for.
    woken: KnownAt,
}

impl Knowledge {
    /// Builds the dataflow; `corrected` hears of every episode whose verdict or repeated parts changed.
    pub(crate) fn build(
        worker: &mut Worker,
        hub: Hub,
        rules: Rules,
        corrected: impl Fn(&EpisodeKey) + 'static,
    ) -> Self {
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
            let Verdicts { verdicts, parts, popular } = verdicts(facts, rules);
            let counted = judgements.clone();
            popular.inspect(move |(_band, _time, diff)| counted.change_popular(*diff));
            let corrected = Rc::new(corrected);
            let told = corrected.clone();
            let verdicts = kept(verdicts, "judge", judgements.clone(), Judgements::change, move |key| told(key));
            let parts = kept(parts, "parts", judgements, Judgements::change_parts, move |key| corrected(key));
            verdicts.concat(parts).probe_with(&hub.shared.known);
        });
        Self { announced, digests, prints, signatures, hub, woken: 0 }
    }

    /// Hands over what was told since the last call; `now` is in milliseconds and never falls.
    pub(crate) fn advance(&mut self, now: KnownAt) {
        let shared = &self.hub.shared;
        for told in shared.told.borrow_mut().drain(..) {
            match told {
                Told::Announced(id, announced) => self.announced.insert((id, announced)),
                Told::Digest(key, digest) => self.digests.insert((key, digest)),
                Told::Print(key, likeness) => self.prints.insert((key, likeness)),
                Told::Signature(key, likeness) => self.signatures.insert((key, likeness)),
            }
        }
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

    /// No more facts will come; returns the probe that tells when all verdicts are out.
    pub(crate) fn close(self) -> Handle<KnownAt> {
        self.hub.shared.known.clone()
    }
}

/// Keeps what holds of each episode with its keeper; `changed` hears of every episode of which it does
/// no longer hold what held.
fn kept<'s, V: ExchangeData>(
    held: VecCollection<'s, KnownAt, (EpisodeKey, V)>,
    name: &str,
    judgements: Arc<Judgements>,
    change: impl Fn(&Judgements, EpisodeKey, V, bool) + 'static,
    changed: impl Fn(&EpisodeKey) + 'static,
) -> StreamVec<'s, KnownAt, ()> {
    let route = Exchange::new(|((key, _), _, _): &((EpisodeKey, V), KnownAt, isize)| keeper(&key.episode));
    held.inner.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(route, name, |_, _| {
        move |input, _output| {
            let mut changes: Vec<((EpisodeKey, V), KnownAt, isize)> = Vec::new();
            input.for_each_stamp(|_cap, batches| changes.extend(batches.flat_map(|batch| batch.drain(..))));
            // What ceases to hold goes before what takes its place.
            changes.sort_by_key(|(_, time, diff)| (*time, *diff));
            let mut keys: Vec<EpisodeKey> = Vec::with_capacity(changes.len());
            for ((key, value), _time, diff) in changes {
                change(&judgements, key.clone(), value, diff > 0);
                keys.push(key);
            }
            keys.sort();
            keys.dedup();
            keys.iter().for_each(&changed);
        }
    })
}
