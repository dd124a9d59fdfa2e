//! Verdicts against a naive computation of everything at once, whatever the order of arrival.

mod naive;

use std::collections::BTreeMap;
use std::sync::mpsc;

use differential_dataflow::input::InputSession;
use proptest::prelude::*;
use timely::Config;
use timely::dataflow::operators::Probe;

use super::catalogue::{Facts, Rules, verdicts};
use super::exact::{Key, KnownAt};
use super::near::{Likeness, Rule};
use super::standing::Announced;
use super::verdict::{Level, Verdict};
use crate::record::{EpisodeId, EpisodeKey};

/// One fact and whether it is told or taken back.
#[derive(Clone, Debug)]
enum Fact {
    Announced(EpisodeId, Announced),
    Digest(EpisodeKey, Key),
    Print(EpisodeKey, Likeness),
    Signature(EpisodeKey, Likeness),
}

/// Bodies of one first letter are of one episode, more alike the nearer their second.
fn compare(a: &[u8], b: &[u8]) -> Option<u16> {
    (a[0] == b[0]).then(|| 1000 - u16::from(a[1].abs_diff(b[1])))
}

const RULES: Rules = Rules {
    acoustic: Rule { level: Level::Acoustic, meetings: 2, compare },
    transcript: Rule { level: Level::Transcript, meetings: 1, compare },
};

/// What holds after each hand-over, the facts of which are spread over the workers.
fn run(workers: usize, hand_overs: Vec<Vec<Fact>>) -> Vec<BTreeMap<EpisodeKey, Verdict>> {
    let (sender, receiver) = mpsc::channel();
    let epochs = hand_overs.len();
    let mut config = if workers == 1 { Config::thread() } else { Config::process(workers) };
    super::configure(&mut config.worker);
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
            let verdicts = verdicts(facts, RULES).verdicts;
            let told = verdicts.inspect(move |change| sender.send(change.clone()).expect("the test still listens"));
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
    let changes: Vec<((EpisodeKey, Verdict), KnownAt, isize)> = receiver.into_iter().collect();
    (0..epochs as KnownAt)
        .map(|epoch| {
            let mut sums: BTreeMap<(EpisodeKey, Verdict), isize> = BTreeMap::new();
            for (verdict, at, diff) in changes.iter().filter(|(_, at, _)| *at <= epoch) {
                *sums.entry(verdict.clone()).or_default() += diff;
                let _ = at;
            }
            sums.retain(|_, sum| *sum != 0);
            assert!(sums.values().all(|sum| *sum == 1), "a verdict holds once: {sums:?}");
            let held = sums.len();
            let verdicts: BTreeMap<_, _> = sums.into_keys().collect();
            assert_eq!(verdicts.len(), held, "an episode has one verdict");
            verdicts
        })
        .collect()
}

fn key(id: u8, revision: u64) -> EpisodeKey {
    EpisodeKey { episode: EpisodeId(format!("episode-{id}")), revision }
}

/// A key of content, spread over the range as hashes are.
fn content(number: u8) -> Key {
    Key::of(blake3::hash(&[number]).as_bytes())
}

fn likeness(bands: &[u64], body: [u8; 2]) -> Likeness {
    Likeness { bands: bands.into(), body: body.to_vec().into() }
}

prop_compose! {
    /// Announcements, revisions and withdrawals of a few episodes.
    fn announcement()(id in 0..6_u8, revision in 0..3_u64, withdrawn in prop::bool::weighted(0.2), published in 0..3_i64, enclosure in prop::option::weighted(0.4, 0..4_u8)) -> Fact {
        let announced = Announced { revision, withdrawn, published, enclosure: enclosure.map(content) };
        Fact::Announced(EpisodeId(format!("episode-{id}")), announced)
    }
}

fn fact() -> impl Strategy<Value = Fact> {
    let bands = || prop::collection::btree_set(0..6_u64, 0..4).prop_map(|bands| bands.into_iter().collect::<Vec<_>>());
    let body = || (0..2_u8, 0..9_u8).prop_map(|(episode, shade)| [episode, shade]);
    let of = || (0..6_u8, 0..3_u64).prop_map(|(id, revision)| key(id, revision));
    prop_oneof![
        3 => announcement(),
        1 => (of(), 0..4_u8).prop_map(|(key, number)| Fact::Digest(key, content(number))),
        1 => (of(), bands(), body()).prop_map(|(key, bands, body)| Fact::Print(key, likeness(&bands, body))),
        1 => (of(), bands(), body()).prop_map(|(key, bands, body)| Fact::Signature(key, likeness(&bands, body))),
    ]
}

/// Facts as hark tells them: each revision is announced once, and has one digest, print and signature.
fn once_each(mut hand_overs: Vec<Vec<Fact>>) -> Vec<Vec<Fact>> {
    let mut seen = std::collections::HashSet::new();
    for facts in &mut hand_overs {
        facts.retain(|fact| {
            seen.insert(match fact {
                Fact::Announced(id, announced) => (
                    0,
                    EpisodeKey {
                        episode: id.clone(),
                        revision: announced.revision * 2 + u64::from(announced.withdrawn),
                    },
                ),
                Fact::Digest(key, _) => (1, key.clone()),
                Fact::Print(key, _) => (2, key.clone()),
                Fact::Signature(key, _) => (3, key.clone()),
            })
        });
    }
    hand_overs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn verdicts_after_every_epoch_are_those_of_all_facts_so_far(
        workers in 1..5_usize,
        hand_overs in prop::collection::vec(prop::collection::vec(fact(), 0..20), 1..6).prop_map(once_each),
    ) {
        let found = run(workers, hand_overs.clone());
        for (epoch, found) in found.iter().enumerate() {
            let so_far: Vec<Fact> = hand_overs[..=epoch].concat();
            prop_assert_eq!(found, &naive::verdicts(&so_far, RULES), "after {}", epoch);
        }
    }
}

fn announced(id: u8, published: i64) -> Fact {
    let announced = Announced { revision: 0, withdrawn: false, published, enclosure: None };
    Fact::Announced(EpisodeId(format!("episode-{id}")), announced)
}

fn of(found: &BTreeMap<EpisodeKey, Verdict>, id: u8) -> Option<(u8, Level)> {
    match found.get(&key(id, 0))? {
        Verdict::Duplicate { of, tie } => {
            Some((of.episode.0.trim_start_matches("episode-").parse().expect("a number"), tie.level))
        }
        other => panic!("{other:?} is not of a duplicate"),
    }
}

#[test]
fn a_chain_over_three_levels_ends_in_the_earliest_episode() {
    let facts = vec![
        announced(1, 10),
        announced(2, 20),
        announced(3, 30),
        announced(4, 40),
        Fact::Digest(key(1, 0), content(7)),
        Fact::Digest(key(2, 0), content(7)),
        Fact::Print(key(2, 0), likeness(&[1, 2], [0, 0])),
        Fact::Print(key(3, 0), likeness(&[1, 2], [0, 0])),
        Fact::Signature(key(3, 0), likeness(&[5], [0, 0])),
        Fact::Signature(key(4, 0), likeness(&[5], [0, 0])),
    ];
    let found = run(2, vec![facts]).pop().expect("one epoch");
    assert_eq!(of(&found, 1), None);
    assert_eq!(of(&found, 2), Some((1, Level::Digest)));
    assert_eq!(of(&found, 3), Some((1, Level::Acoustic)));
    assert_eq!(of(&found, 4), Some((1, Level::Transcript)));
}

#[test]
fn a_withdrawn_canonical_is_succeeded_by_the_next() {
    let facts = (1..4).flat_map(|id| [announced(id, i64::from(id)), Fact::Digest(key(id, 0), content(7))]).collect();
    let gone = Announced { revision: 0, withdrawn: true, published: 0, enclosure: None };
    let found = run(2, vec![facts, vec![Fact::Announced(EpisodeId("episode-1".to_owned()), gone)]]);
    assert_eq!((of(&found[0], 2), of(&found[0], 3)), (Some((1, Level::Digest)), Some((1, Level::Digest))));
    assert_eq!(found[1].get(&key(1, 0)), Some(&Verdict::Withdrawn));
    assert_eq!((of(&found[1], 2), of(&found[1], 3)), (None, Some((2, Level::Digest))));
}

#[test]
fn a_band_that_everybody_has_ties_nobody() {
    let everybody = |id: u8| [announced(id, 0), Fact::Signature(key(id, 0), likeness(&[9], [0, 0]))];
    let few = run(1, vec![(0..20).flat_map(everybody).collect()]).pop().expect("one epoch");
    assert_eq!(few.len(), 19);
    let many = run(1, vec![(0..20).flat_map(everybody).collect(), (20..90).flat_map(everybody).collect()]);
    assert_eq!(many[1], BTreeMap::new());
}
