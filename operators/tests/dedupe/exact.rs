//! The operator against a naive batch computation, and what it keeps.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc;

use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::input::InputSession;
use proptest::prelude::*;
use timely::Config;
use timely::dataflow::operators::Probe;

use hark_operators::dedupe;
use hark_operators::dedupe::exact::{Edge, Key, KnownAt, Member, edges};
use hark_operators::record::{EpisodeId, EpisodeKey};

type Update = ((Key, Member), KnownAt, isize);

fn key(number: u64) -> Key {
    // Spread over the range as hashes are, two keys to one high half.
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&(number / 2).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    hash[8..16].copy_from_slice(&number.to_be_bytes());
    Key::of(&hash)
}

fn member(published: i64, id: u64, revision: u64) -> Member {
    let episode = EpisodeId::from(format!("https://example.org/{}", "é".repeat(id as usize)));
    Member { published, key: EpisodeKey { episode, revision } }
}

fn config(workers: usize) -> Config {
    let mut config = if workers == 1 { Config::thread() } else { Config::process(workers) };
    dedupe::configure(&mut config.worker);
    config
}

/// The operator's changes, in order of edges. Each inner list is handed over at once, its updates spread
/// over the workers; the frontier passes its times only then.
fn run(workers: usize, hand_overs: Vec<Vec<Update>>) -> Vec<(Edge, KnownAt, isize)> {
    let (sender, receiver) = mpsc::channel();
    timely::execute(config(workers), move |worker| {
        let sender = sender.clone();
        let (mut input, probe) = worker.dataflow::<KnownAt, _, _>(|scope| {
            let mut input = InputSession::new();
            let (edges, _held) = edges(input.to_collection(scope));
            let edges = edges.inspect(move |change| sender.send(change.clone()).expect("the test still listens"));
            let (probe, _) = edges.inner.probe();
            (input, probe)
        });
        for updates in &hand_overs {
            let mine = updates.iter().skip(worker.index()).step_by(worker.peers());
            for (record, time, diff) in mine {
                input.update_at(record.clone(), *time, *diff);
            }
            let after = updates.iter().map(|(_, time, _)| time + 1).max().unwrap_or(0).max(*input.time());
            input.advance_to(after);
            input.flush();
            while probe.less_than(input.time()) {
                worker.step_or_park(None);
            }
        }
    })
    .expect("the cluster starts")
    .join()
    .into_iter()
    .for_each(|worker| worker.expect("no worker panics"));
    let mut changes: Vec<_> = receiver.into_iter().collect();
    changes.sort();
    changes
}

/// The edges that hold at `time`, from all updates up to then.
fn naive(updates: &[Update], time: KnownAt) -> BTreeMap<Edge, isize> {
    let mut counts: HashMap<&(Key, Member), isize> = HashMap::new();
    for (record, at, diff) in updates {
        if *at <= time {
            *counts.entry(record).or_default() += diff;
        }
    }
    let mut groups: BTreeMap<Key, Vec<&Member>> = BTreeMap::new();
    for ((key, member), count) in counts {
        if count > 0 {
            groups.entry(*key).or_default().push(member);
        }
    }
    let mut edges = BTreeMap::new();
    for mut members in groups.into_values() {
        members.sort();
        let (canonical, others) = members.split_first().expect("a group has a member");
        for other in others {
            *edges.entry(((*other).clone(), (*canonical).clone())).or_default() += 1;
        }
    }
    edges
}

/// What the changes up to `time` sum up to.
fn accumulated(changes: &[(Edge, KnownAt, isize)], time: KnownAt) -> BTreeMap<Edge, isize> {
    let mut edges = BTreeMap::new();
    for (edge, _, diff) in changes.iter().filter(|(_, at, _)| *at <= time) {
        *edges.entry(edge.clone()).or_default() += diff;
    }
    edges.retain(|_, count| *count != 0);
    edges
}

prop_compose! {
    /// Few keys and members, so that most updates meet another; retractions may come first. A member
    /// has one key, so that no two keys change the same edge.
    fn update()(k in 0..4_u64, published in -1..2_i64, id in 0..3_u64, revision in 0..2_u64, later in 0..3_u64, diff in -1..2_isize) -> (u64, Member, u64, isize) {
        (k, member(published, k * 3 + id, revision * 300), later, if diff == 0 { 1 } else { diff })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn edges_at_every_time_are_those_of_the_members_that_hold(
        workers in 1..5_usize,
        epochs in prop::collection::vec(prop::collection::vec(update(), 0..20), 1..12),
    ) {
        let mut hand_overs = Vec::new();
        let mut start = 0;
        for epoch in epochs {
            let updates: Vec<Update> =
                epoch.into_iter().map(|(k, member, later, diff)| ((key(k), member), start + later, diff)).collect();
            start = updates.iter().map(|(_, time, _)| time + 1).max().unwrap_or(start);
            hand_overs.push(updates);
        }
        let all: Vec<Update> = hand_overs.iter().flatten().cloned().collect();
        let changes = run(workers, hand_overs);
        for time in 0..start {
            prop_assert_eq!(accumulated(&changes, time), naive(&all, time), "at {}", time);
        }
        // Exactly once each: nothing is emitted that another change takes back at the same time.
        let mut consolidated = changes.clone();
        consolidate_updates(&mut consolidated);
        prop_assert_eq!(changes, consolidated);
    }
}

#[test]
fn a_key_with_one_member_gives_no_output() {
    let alone = (0..100).map(|k| ((key(k), member(0, 1, 0)), 0, 1)).collect();
    let revised = vec![((key(7), member(0, 1, 0)), 1, -1), ((key(7), member(0, 1, 1)), 1, 1)];
    assert_eq!(run(2, vec![alone, revised]), []);
}

#[test]
fn an_earlier_copy_that_arrives_later_takes_over() {
    let (early, middle, late) = (member(1, 0, 0), member(2, 0, 0), member(3, 0, 0));
    let at = |time, member: &Member, diff| vec![((key(1), member.clone()), time, diff)];
    let changes = run(1, vec![at(0, &late, 1), at(1, &middle, 1), at(2, &early, 1), at(3, &early, -1)]);
    let edge = |member: &Member, canonical: &Member| (member.clone(), canonical.clone());
    let mut expected = vec![
        (edge(&late, &middle), 1, 1),
        (edge(&late, &middle), 2, -1),
        (edge(&late, &early), 2, 1),
        (edge(&middle, &early), 2, 1),
        (edge(&late, &early), 3, -1),
        (edge(&middle, &early), 3, -1),
        (edge(&late, &middle), 3, 1),
    ];
    expected.sort();
    assert_eq!(changes, expected);
}

#[test]
fn a_copy_more_of_a_file_with_many_copies_changes_one_edge() {
    let copies = (0..500).map(|id| ((key(1), member(5, id % 20, id)), 0, 1)).collect();
    let one_more = vec![((key(1), member(6, 0, 0)), 1, 1)];
    let one_less = vec![((key(1), member(5, 3, 3)), 2, -1)];
    let changes = run(2, vec![copies, one_more, one_less]);
    let at = |time| changes.iter().filter(|(_, at, _)| *at == time).count();
    assert_eq!((at(0), at(1), at(2)), (499, 1, 1));
}

#[test]
fn a_week_of_takedowns_and_revisions_leaves_no_more_rows_than_the_catalogue() {
    const CATALOGUE: u64 = 2_000;
    const EPOCHS: u64 = 5_000;
    let revised = |id: u64, revision| (key(id * 2 / 3), member(0, id % 50, id + revision * CATALOGUE));
    let most = timely::execute(config(1), move |worker| {
        let (mut input, held, probe) = worker.dataflow::<KnownAt, _, _>(|scope| {
            let mut input = InputSession::new();
            let (edges, held) = edges(input.to_collection(scope));
            (input, held, edges.inner.probe().0)
        });
        // A third of the keys have a duplicate.
        (0..CATALOGUE).for_each(|id| input.insert(revised(id, 0)));
        let mut most = 0;
        for epoch in 0..EPOCHS {
            input.advance_to(epoch + 1);
            input.flush();
            while probe.less_than(input.time()) {
                worker.step();
            }
            most = most.max(held.rows());
            let (id, revision) = (epoch % CATALOGUE, epoch / CATALOGUE);
            input.remove(revised(id, revision));
            input.insert(revised(id, revision + 1));
        }
        most
    });
    let most = most.expect("the worker starts").join().remove(0).expect("the worker does not panic");
    // Rows that cancel wait in smaller batches until these reach the large one: at most as many again.
    assert!((CATALOGUE as usize..3 * CATALOGUE as usize).contains(&most), "{most} rows for {CATALOGUE} members");
}
