//! Dedupe's dataflow, given facts hand-over by hand-over, and what holds after each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;

use differential_dataflow::input::InputSession;
use differential_dataflow::{ExchangeData, VecCollection};
use serde::{Deserialize, Serialize};
use timely::Config;
use timely::dataflow::operators::Probe;

use hark_operators::dedupe;
use hark_operators::dedupe::catalogue::{Facts, Verdicts, verdicts};
use hark_operators::dedupe::exact::KnownAt;
use hark_operators::dedupe::verdict::Verdict;
use hark_operators::record::EpisodeKey;
use hark_operators::record::part::Parts;

use super::RULES;
use super::facts::Fact;

/// What holds after a hand-over.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holds {
    pub verdicts: BTreeMap<EpisodeKey, Verdict>,
    pub parts: BTreeMap<EpisodeKey, Parts>,
}

/// One of what is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Said {
    On(EpisodeKey, Verdict),
    /// On all revisions before.
    RevisedBy(EpisodeKey),
    Repeated(EpisodeKey, Parts),
}

/// What holds after each hand-over, the facts of which are spread over the workers.
pub fn run(workers: usize, hand_overs: Vec<Vec<Fact>>) -> Vec<BTreeMap<EpisodeKey, Verdict>> {
    run_all(workers, hand_overs).into_iter().map(|holds| holds.verdicts).collect()
}

pub fn run_all(workers: usize, hand_overs: Vec<Vec<Fact>>) -> Vec<Holds> {
    let announced = |facts: &Vec<Fact>| facts.iter().filter_map(Fact::announces).collect();
    let announced: Vec<Vec<EpisodeKey>> = hand_overs.iter().map(announced).collect();
    let said = holding(workers, hand_overs, |facts| {
        let Verdicts { verdicts, revised, parts, popular: _ } = verdicts(facts, RULES);
        let revised = revised.map(|(episode, revision)| Said::RevisedBy(EpisodeKey { episode, revision }));
        let verdicts = verdicts.map(|(key, verdict)| Said::On(key, verdict));
        verdicts.concat(revised).concat(parts.map(|(key, parts)| Said::Repeated(key, parts)))
    });
    said.into_iter().zip(1..).map(|(said, epochs)| judged(said, &announced[..epochs].concat())).collect()
}

/// The verdict on each revision that was announced and is not fresh, and the parts.
fn judged(said: BTreeSet<Said>, announced: &[EpisodeKey]) -> Holds {
    let (mut holds, mut revised) = (Holds::default(), BTreeMap::new());
    for said in said {
        let twice = match said {
            Said::On(key, verdict) => holds.verdicts.insert(key, verdict).is_some(),
            Said::RevisedBy(key) => revised.insert(key.episode, key.revision).is_some(),
            Said::Repeated(key, parts) => holds.parts.insert(key, parts).is_some(),
        };
        assert!(!twice, "one verdict on a revision, one on all before it, and one set of parts");
    }
    for key in announced.iter().collect::<BTreeSet<_>>() {
        if let Some(&by) = revised.get(&key.episode).filter(|by| **by > key.revision) {
            assert_eq!(holds.verdicts.insert(key.clone(), Verdict::Revised { by }), None);
        }
    }
    holds
}

/// What holds of a collection after each hand-over.
pub fn holding<D: ExchangeData>(
    workers: usize,
    hand_overs: Vec<Vec<Fact>>,
    build: impl Fn(Facts<'_>) -> VecCollection<'_, KnownAt, D> + Send + Sync + 'static,
) -> Vec<BTreeSet<D>> {
    let (sender, receiver) = mpsc::channel();
    let epochs = hand_overs.len();
    let mut config = if workers == 1 { Config::thread() } else { Config::process(workers) };
    dedupe::configure(&mut config.worker);
    timely::execute(config, move |worker| {
        let sender = sender.clone();
        let (mut announced, mut digests) = (InputSession::new(), InputSession::new());
        let (mut prints, mut signatures) = (InputSession::new(), InputSession::new());
        let probe = worker.dataflow::<KnownAt, _, _>(|scope| {
            let facts = Facts {
                announced: announced.to_collection(scope),
                digests: digests.to_collection(scope),
                prints: prints.to_collection(scope),
                signatures: signatures.to_collection(scope),
            };
            let told = build(facts).inspect(move |change| sender.send(change.clone()).expect("the test still listens"));
            told.inner.probe().0
        });
        for (epoch, facts) in hand_overs.iter().enumerate() {
            for fact in facts.iter().skip(worker.index()).step_by(worker.peers()).cloned() {
                match fact {
                    Fact::Announced(id, announced_as) => announced.insert((id, announced_as)),
                    Fact::Digest(key, digest) => digests.insert((key, digest)),
                    Fact::Print(key, likeness) => prints.insert((key, likeness)),
                    Fact::Signature(key, likeness) => signatures.insert((key, likeness)),
                }
            }
            let next = epoch as KnownAt + 1;
            announced.advance_to(next);
            announced.flush();
            digests.advance_to(next);
            digests.flush();
            prints.advance_to(next);
            prints.flush();
            signatures.advance_to(next);
            signatures.flush();
            while probe.less_than(&next) {
                worker.step_or_park(None);
            }
        }
    })
    .expect("the cluster starts")
    .join()
    .into_iter()
    .for_each(|worker| worker.expect("no worker panics"));
    let changes: Vec<(D, KnownAt, isize)> = receiver.into_iter().collect();
    let at = |epoch: KnownAt| -> BTreeSet<D> {
        let mut sums: BTreeMap<D, isize> = BTreeMap::new();
        for (data, _at, diff) in changes.iter().filter(|(_, at, _)| *at <= epoch) {
            *sums.entry(data.clone()).or_default() += diff;
        }
        sums.retain(|_, sum| *sum != 0);
        assert!(sums.values().all(|sum| *sum == 1), "all that holds holds once: {sums:?}");
        sums.into_keys().collect()
    };
    (0..epochs as KnownAt).map(at).collect()
}
