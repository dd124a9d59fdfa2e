//! The same bytes once: exact duplicates by digest, as an incremental join.
//!
//! ```text
//! graph      (time = source epoch)           knowledge  (time = when a fact became known)
//! fetched ─▶ gate ····· fact ·············▶  by digest ─▶ canonical (reduce) ─▶ join
//!              │ holds record and capability                                     │
//!              └──────────────── verdict (back to the gate's worker) ◀───────────┘
//! ```
//! The knowledge side has epochs of its own, so a slow fetch never holds up anybody's verdict.
//! Canonical is the earliest published, then the smallest id: it does not depend on arrival. When
//! an earlier one arrives later, the verdict is corrected and so is the outcome.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use differential_dataflow::input::{Input as _, InputSession};
use hark_operators::driver::Epoch;
use hark_operators::record::{Body, EpisodeKey, Kind, Record};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Capability, Probe};
use timely::scheduling::Activator;
use timely::worker::Worker;

/// BLAKE3 of an audio file.
type Digest = String;

/// An episode revision, ordered by publication and then by id: the least of equals is canonical.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Item {
    published: i64,
    key: EpisodeKey,
    home: u64,
}

/// Episode revision and the canonical that it belongs to now.
type Verdict = (EpisodeKey, EpisodeKey);

/// The hand-over between the two dataflows of one worker: plain queues, no capabilities in them.
#[derive(Clone, Default)]
pub(crate) struct Exchanged {
    facts: Rc<RefCell<Vec<(Digest, Item)>>>,
    verdicts: Rc<RefCell<Vec<Verdict>>>,
    wake_gate: Rc<RefCell<Option<Activator>>>,
}

/// The gate of the graph: lets `Fetched` pass once it is canonical, ends duplicates. Emits
/// `Fetched` and `Duplicate`; the latter also for an episode that turned out a duplicate after it
/// had passed.
pub(crate) fn gate<'s>(stream: StreamVec<'s, Epoch, Record>, exchanged: &Exchanged) -> StreamVec<'s, Epoch, Record> {
    let scope = stream.scope();
    let exchanged = exchanged.clone();
    let route = Exchange::new(|record: &Record| record.episode.home);
    stream.unary::<CapacityContainerBuilder<Vec<Record>>, _, _, _>(route, "dedupe", move |_cap, info| {
        *exchanged.wake_gate.borrow_mut() = Some(scope.activator_for(info.address));
        let mut held: HashMap<EpisodeKey, (Capability<Epoch>, Record)> = HashMap::new();
        move |input, output| {
            input.for_each_stamp(|cap, batches| {
                let Some(cap) = cap.retain_least(output.output_index()) else { return };
                for record in batches.flat_map(|batch| batch.drain(..)) {
                    match fact(&record) {
                        Some(fact) => {
                            exchanged.facts.borrow_mut().push(fact);
                            held.insert(record.episode.key().clone(), (cap.clone(), record));
                        }
                        None => output.session(&cap).give(record),
                    }
                }
            });
            for (key, canonical) in exchanged.verdicts.borrow_mut().drain(..) {
                // An episode that is not held has passed: its correction is the publisher's.
                let Some((cap, mut record)) = held.remove(&key) else { continue };
                if canonical.episode != key.episode {
                    record.body = Body::Duplicate { of: canonical, level: "digest".to_owned() };
                }
                output.session(&cap).give(record);
            }
        }
    })
}

/// What a fetched episode contributes: its digest and who it is; nothing without audio.
fn fact(record: &Record) -> Option<(Digest, Item)> {
    debug_assert_eq!(record.kind(), Kind::Fetched, "only fetched records pass the gate");
    let Body::Fetched(fetched) = &record.body else { return None };
    let audio = fetched.audio.as_ref()?;
    let announcement = &record.episode.announcement;
    // An unknown date is the latest: a copy without one never displaces a dated original.
    let published = if announcement.published == 0 { i64::MAX } else { announcement.published };
    let item = Item { published, key: announcement.key.clone(), home: record.episode.home };
    Some((audio.digest.clone(), item))
}

/// The knowledge side of one worker.
pub(crate) struct Knowledge {
    facts: InputSession<u64, (Digest, Item), isize>,
    exchanged: Exchanged,
    probe: Handle<u64>,
}

impl Knowledge {
    /// Builds the dataflow; `corrected` hears of episodes that turned out duplicates after they
    /// had been let through.
    pub(crate) fn build(
        worker: &mut Worker,
        exchanged: Exchanged,
        corrected: impl Fn(EpisodeKey, EpisodeKey) + 'static,
    ) -> Self {
        let (facts, probe) = worker.dataflow::<u64, _, _>(|scope| {
            let (facts, items) = scope.new_collection::<(Digest, Item), isize>();
            let canonical = items.clone().reduce(|_digest, items, output| output.push((items[0].0.clone(), 1)));
            let verdicts = items.join(canonical).map(|(_digest, pair)| pair).consolidate();
            let queue = exchanged.clone();
            let mut passed: HashMap<EpisodeKey, EpisodeKey> = HashMap::new();
            let route = Exchange::new(|update: &((Item, Item), u64, isize)| update.0.0.home);
            let (probe, _) = verdicts
                .inner
                .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(route, "verdicts", move |_cap, _info| {
                    move |input, _output| {
                        input.for_each_stamp(|_cap, batches| {
                            for ((item, canonical), _known_at, diff) in batches.flat_map(|batch| batch.drain(..)) {
                                if diff <= 0 {
                                    continue; // the verdict that replaces it follows or came before
                                }
                                let before = passed.insert(item.key.clone(), canonical.key.clone());
                                if before.is_some() && canonical.key.episode != item.key.episode {
                                    corrected(item.key.clone(), canonical.key.clone());
                                }
                                queue.verdicts.borrow_mut().push((item.key, canonical.key));
                            }
                        });
                        if let Some(gate) = queue.wake_gate.borrow().as_ref() {
                            gate.activate();
                        }
                    }
                })
                .probe();
            (facts, probe)
        });
        Self { facts, exchanged, probe }
    }

    /// Hands over what became known since the last call; `now` is in milliseconds and never falls.
    pub(crate) fn advance(&mut self, now: u64) {
        for fact in self.exchanged.facts.borrow_mut().drain(..) {
            self.facts.insert(fact);
        }
        if now > *self.facts.time() {
            self.facts.advance_to(now);
            self.facts.flush();
        }
    }

    /// No more facts will come; returns the probe that tells when all verdicts are out.
    pub(crate) fn close(self) -> Handle<u64> {
        drop(self.facts);
        self.probe
    }
}
