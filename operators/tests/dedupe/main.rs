//! Verdicts against a naive computation of everything at once, whatever the order of arrival.
//!
//! From outside, so that the tests within the crate need not compile dedupe's dataflow once more: minutes.

mod exact;
mod naive;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;

use differential_dataflow::input::InputSession;
use differential_dataflow::{ExchangeData, VecCollection};
use proptest::prelude::*;
use proptest::sample::Index;
use serde::{Deserialize, Serialize};
use timely::Config;
use timely::dataflow::operators::Probe;

use hark_operators::dedupe;
use hark_operators::dedupe::catalogue::{Facts, Rules, Verdicts, verdicts};
use hark_operators::dedupe::exact::{Key, KnownAt, Member};
use hark_operators::dedupe::near::{Likeness, Rule};
use hark_operators::dedupe::repeated::{NEIGHBOURS, Sharing, Stretch};
use hark_operators::dedupe::standing::{Announced, Heard, Standing, stand};
use hark_operators::dedupe::verdict::{Level, Tie, Verdict};
use hark_operators::record::part::{Part, Parts};
use hark_operators::record::{EpisodeId, EpisodeKey};

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Fact {
    Announced(EpisodeId, Announced),
    Digest(EpisodeKey, Key),
    Print(EpisodeKey, Likeness),
    Signature(EpisodeKey, Likeness),
}

impl Fact {
    fn announces(&self) -> Option<EpisodeKey> {
        let Fact::Announced(episode, announced) = self else { return None };
        Some(EpisodeKey { episode: episode.clone(), revision: announced.revision })
    }
}

/// What holds of a revision that stands, or that it does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Stands {
    Enclosure(Key, Member),
    Digest(Key, Member),
    Print(Member, Heard),
    Signature(Member, Heard),
    Withdrawn(EpisodeKey),
    Revised(EpisodeId, u64),
}

/// Bodies of one first letter are of one episode, more alike the nearer their second.
fn compare(a: &[u8], b: &[u8]) -> Option<u16> {
    (a[0] == b[0]).then(|| 1000 - u16::from(a[1].abs_diff(b[1])))
}

/// Bodies with equal second letters share a stretch at a place of each one's own.
fn shared(a: &[u8], b: &[u8]) -> Vec<Stretch> {
    let stretch = Stretch { a_start: u32::from(a[0]), b_start: u32::from(b[0]), length: 1 + u32::from(a[1]) };
    if a[1] == b[1] { vec![stretch] } else { Vec::new() }
}

/// One part per place, with the number of others that share it.
fn parts(_of: &[u8], shared: &[(&EpisodeKey, Stretch)]) -> Vec<Part> {
    let mut others: BTreeMap<(u32, u32), BTreeSet<&EpisodeKey>> = BTreeMap::new();
    for (other, stretch) in shared {
        others.entry((stretch.a_start, stretch.a_start + stretch.length)).or_default().insert(other);
    }
    let part = |((start, end), others): ((u32, u32), BTreeSet<_>)| Part {
        start,
        end,
        episodes: others.len() as u32,
        rebroadcast: false,
    };
    others.into_iter().map(part).collect()
}

const RULES: Rules = Rules {
    sharing: Sharing { shared, parts },
    acoustic: Rule { level: Level::Acoustic, meetings: 2, compare },
    transcript: Rule { level: Level::Transcript, meetings: 1, compare },
};

/// What holds after a hand-over.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Holds {
    verdicts: BTreeMap<EpisodeKey, Verdict>,
    parts: BTreeMap<EpisodeKey, Parts>,
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
fn run(workers: usize, hand_overs: Vec<Vec<Fact>>) -> Vec<BTreeMap<EpisodeKey, Verdict>> {
    run_all(workers, hand_overs).into_iter().map(|holds| holds.verdicts).collect()
}

fn run_all(workers: usize, hand_overs: Vec<Vec<Fact>>) -> Vec<Holds> {
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
fn holding<D: ExchangeData>(
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

fn key(id: u8, revision: u64) -> EpisodeKey {
    EpisodeKey { episode: EpisodeId::from(format!("episode-{id}")), revision }
}

/// A key of content, spread over the range as hashes are.
fn content(number: u8) -> Key {
    Key::of(blake3::hash(&[number]).as_bytes())
}

fn likeness(bands: &[u64], body: [u8; 2]) -> Likeness {
    Likeness {
        bands: bands.into(),
        moments: bands.iter().copied().filter(|band| band % 2 == 0).collect(),
        body: body.to_vec().into(),
    }
}

prop_compose! {
    /// Announcements, revisions and withdrawals of a few episodes.
    fn announcement()(id in 0..6_u8, revision in 0..3_u64, withdrawn in prop::bool::weighted(0.2), published in 0..3_i64, enclosure in prop::option::weighted(0.4, 0..4_u8), show in prop::option::weighted(0.5, 0..2_u8)) -> Fact {
        let announced = Announced { revision, withdrawn, published, enclosure: enclosure.map(content), show: show.map(content) };
        Fact::Announced(EpisodeId::from(format!("episode-{id}")), announced)
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

/// Some facts again, at the same time as before or at any other: of revisions that fell meanwhile, too.
fn told_again(mut hand_overs: Vec<Vec<Fact>>, again: &[(Index, Index)]) -> Vec<Vec<Fact>> {
    let all = hand_overs.concat();
    for (fact, at) in again.iter().filter(|_| !all.is_empty()) {
        at.get_mut(&mut hand_overs).push(fact.get(&all).clone());
    }
    hand_overs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn verdicts_and_parts_after_every_epoch_are_those_of_all_facts_so_far(
        workers in 1..5_usize,
        hand_overs in prop::collection::vec(prop::collection::vec(fact(), 0..20), 1..6).prop_map(once_each),
        again in prop::collection::vec((any::<Index>(), any::<Index>()), 0..10),
    ) {
        let hand_overs = told_again(hand_overs, &again);
        let found = run_all(workers, hand_overs.clone());
        for (epoch, found) in found.iter().enumerate() {
            let so_far: Vec<Fact> = hand_overs[..=epoch].concat();
            let verdicts = naive::verdicts(&so_far, RULES);
            prop_assert_eq!(&found.verdicts, &verdicts, "after {}", epoch);
            prop_assert_eq!(&found.parts, &naive::parts(&so_far, &verdicts, RULES), "after {}", epoch);
        }
    }

    #[test]
    fn what_holds_of_an_episode_is_what_is_known_of_the_revision_that_stands(
        workers in 1..4_usize,
        hand_overs in prop::collection::vec(prop::collection::vec(fact(), 0..20), 1..6),
    ) {
        let found = holding(workers, hand_overs.clone(), |facts| {
            let Standing { enclosures, digests, prints, signatures, withdrawn, revised } = stand(facts);
            enclosures.map(|(enclosure, member)| Stands::Enclosure(enclosure, member))
                .concat(digests.map(|(digest, member)| Stands::Digest(digest, member)))
                .concat(prints.map(|(member, heard)| Stands::Print(member, heard)))
                .concat(signatures.map(|(member, heard)| Stands::Signature(member, heard)))
                .concat(withdrawn.map(Stands::Withdrawn))
                .concat(revised.map(|(episode, by)| Stands::Revised(episode, by)))
        });
        for (epoch, found) in found.iter().enumerate() {
            prop_assert_eq!(found, &naive::stands(&hand_overs[..=epoch].concat()), "after {}", epoch);
        }
    }
}

fn announced(id: u8, published: i64) -> Fact {
    let announced = Announced { revision: 0, withdrawn: false, published, enclosure: None, show: None };
    Fact::Announced(EpisodeId::from(format!("episode-{id}")), announced)
}

fn of(found: &BTreeMap<EpisodeKey, Verdict>, id: u8) -> Option<(u8, Level)> {
    match found.get(&key(id, 0))? {
        Verdict::Duplicate { of, tie } => {
            Some((of.episode.as_str().trim_start_matches("episode-").parse().expect("a number"), tie.level))
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
        Fact::Print(key(1, 0), likeness(&[1, 2], [0, 0])),
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
fn who_was_read_before_it_was_known_as_a_copy_ties_nobody_who_would_be_free_otherwise() {
    let words = |id: u8| Fact::Signature(key(id, 0), likeness(&[5], [0, 0]));
    let read_first = vec![
        vec![announced(2, 20), Fact::Digest(key(2, 0), content(7)), words(2), announced(3, 30), words(3)],
        vec![announced(1, 10), Fact::Digest(key(1, 0), content(7))],
    ];
    let gone = Announced { revision: 0, withdrawn: true, published: 10, enclosure: None, show: None };
    let gone = vec![Fact::Announced(EpisodeId::from("episode-1"), gone)];
    let found = run(2, [read_first.clone(), vec![gone]].concat());
    assert_eq!(of(&found[0], 3), Some((2, Level::Transcript)));
    assert_eq!((of(&found[1], 2), of(&found[1], 3)), (Some((1, Level::Digest)), None));
    assert_eq!(of(&found[2], 3), Some((2, Level::Transcript)), "the copy stands for itself again");
    let mut never_read = read_first.concat();
    never_read.retain(|fact| *fact != words(2));
    assert_eq!(run(2, vec![never_read])[0], found[1], "as if it had never been read");
}

#[test]
fn a_withdrawn_canonical_is_succeeded_by_the_next() {
    let facts = (1..4).flat_map(|id| [announced(id, i64::from(id)), Fact::Digest(key(id, 0), content(7))]).collect();
    let gone = Announced { revision: 0, withdrawn: true, published: 0, enclosure: None, show: None };
    let found = run(2, vec![facts, vec![Fact::Announced(EpisodeId::from("episode-1"), gone)]]);
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

/// An episode of a show whose print has this body; equal second letters share a stretch.
fn heard(id: u8, show: Option<u8>, bands: &[u64], body: [u8; 2]) -> [Fact; 2] {
    let announced =
        Announced { revision: 0, withdrawn: false, published: i64::from(id), enclosure: None, show: show.map(content) };
    let name = EpisodeId::from(format!("episode-{id}"));
    [Fact::Announced(name, announced), Fact::Print(key(id, 0), likeness(bands, body))]
}

#[test]
fn what_episodes_of_a_show_share_is_a_part_of_each_and_ends_with_a_takedown() {
    let show = (0..20).flat_map(|id| heard(id, Some(1), &[], [id, 7])).collect();
    let gone = Announced { revision: 0, withdrawn: true, published: 0, enclosure: None, show: None };
    let found = run_all(2, vec![show, vec![Fact::Announced(EpisodeId::from("episode-10"), gone)]]);
    let episodes = |epoch: usize, id: u8| found[epoch].parts.get(&key(id, 0)).map(|parts| parts[0].episodes);
    let neighbours = NEIGHBOURS as u32;
    assert_eq!(
        (episodes(0, 0), episodes(0, 10), episodes(0, 19)),
        (Some(neighbours), Some(2 * neighbours), Some(neighbours))
    );
    assert_eq!((episodes(1, 10), episodes(1, 2)), (None, Some(neighbours + 2)), "the next in the row takes its place");
}

#[test]
fn a_part_of_other_shows_is_found_however_many_have_it_and_copies_do_not_count() {
    let everywhere = |from: u8, to: u8| (from..to).flat_map(|id| heard(id, None, &[4], [id, 7])).collect::<Vec<_>>();
    let found = run_all(2, vec![everywhere(0, 2), everywhere(2, 100)]);
    assert_eq!(found[0].parts.len(), 2);
    assert_eq!(found[1].parts.len(), 100);
    let copies = (0..3).flat_map(|id| heard(id, Some(1), &[1, 2], [0, 7])).collect();
    assert_eq!(run_all(2, vec![copies])[0].parts.get(&key(0, 0)), None);
}

#[test]
fn a_band_that_is_popular_no_more_ties_those_that_are_left() {
    let everybody = |id: u8| [announced(id, i64::from(id)), Fact::Signature(key(id, 0), likeness(&[9], [0, 0]))];
    let gone = |id: u8| {
        let gone = Announced { revision: 0, withdrawn: true, published: 0, enclosure: None, show: None };
        Fact::Announced(EpisodeId::from(format!("episode-{id}")), gone)
    };
    let hand_overs = vec![(0..70).flat_map(everybody).collect(), (0..6).map(gone).collect(), vec![gone(6)]];
    let duplicates = |found: &BTreeMap<EpisodeKey, Verdict>| {
        found.values().filter(|verdict| **verdict != Verdict::Withdrawn).cloned().collect::<BTreeSet<_>>()
    };
    let found: Vec<_> = run(2, hand_overs).iter().map(duplicates).collect();
    assert_eq!(found[0], BTreeSet::new(), "seventy are too many");
    let of =
        |id| Verdict::Duplicate { of: key(id, 0), tie: Tie { level: Level::Transcript, apart: 0, to: key(id, 0) } };
    assert_eq!(found[1], BTreeSet::from([of(6)]), "sixty-four are not");
    assert_eq!(found[2], BTreeSet::from([of(7)]));
}
