//! Verdicts against a naive computation of everything at once, whatever the order of arrival.
//!
//! From outside, so that the tests within the crate need not compile dedupe's dataflow once more: minutes.

mod exact;
mod facts;
mod job;
mod naive;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use serde::{Deserialize, Serialize};

use hark_operators::dedupe::catalogue::Rules;
use hark_operators::dedupe::exact::{Key, Member};
use hark_operators::dedupe::near::{Likeness, Rule};
use hark_operators::dedupe::repeated::{NEIGHBOURS, Sharing, Stretch};
use hark_operators::dedupe::standing::{Announced, Heard, Standing, stand};
use hark_operators::dedupe::verdict::{Level, Tie, Verdict};
use hark_operators::record::part::{Part, Parts};
use hark_operators::record::{EpisodeId, EpisodeKey};

use facts::{Fact, announced, content, fact, key, likeness, once_each, told_again};
use job::{holding, run, run_all};

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
