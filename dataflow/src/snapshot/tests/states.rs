//! What is loaded is some commit's state, whatever happened in between.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<u64>),
    Full,
    /// Lets the facts of this revision go.
    FullWithout(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0..400_u64, 0..12).prop_map(Step::Append),
        2 => Just(Step::Full),
        1 => (0..3_u64).prop_map(Step::FullWithout),
        1 => Just(Step::Restart),
    ]
}

/// What a set should hold and how far it got.
type Model = (BTreeSet<Fact>, Option<i64>);

fn after(model: &Model, step: &Step, commit: i64) -> Model {
    let (mut facts, mut at) = model.clone();
    match step {
        Step::Append(told) => {
            facts.extend(told.iter().map(|number| fact(*number)));
            at = Some(commit);
        }
        // A full snapshot of nothing has a header of its own.
        Step::Full => at = at.or(Some(0)),
        Step::FullWithout(revision) => {
            facts.retain(|fact| fact.revision() != *revision);
            at = at.or(Some(0));
        }
        Step::Restart => {}
    }
    (facts, at)
}

fn take(snapshots: &Snapshots, step: &Step, commit: i64) -> Result<(), SnapshotError> {
    match step {
        Step::Append(told) => {
            let facts: Vec<Fact> = told.iter().map(|number| fact(*number)).collect();
            snapshots.append(&facts, &positions(commit), commit).map(drop)
        }
        Step::Full => snapshots.full(|_| true).map(drop),
        Step::FullWithout(revision) => snapshots.full(|fact| fact.revision() != *revision).map(drop),
        Step::Restart => Ok(()),
    }
}

fn loaded(store: &Arc<dyn Store>) -> Model {
    let (facts, header, warnings) = state(store);
    assert_eq!(warnings, [], "nothing was damaged");
    (facts, header.map(|header| header.at))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn after_a_death_at_any_write_the_state_is_that_of_the_step_before_or_of_the_step(
        steps in prop::collection::vec(step(), 1..14),
        deaths in prop::collection::vec((0..30_i64, any::<bool>()), 0..4),
    ) {
        let store = memory();
        let mut deaths = deaths.into_iter().map(|(writes, after)| Dies::at(&store, writes, after));
        let mut life = || deaths.next().unwrap_or_else(|| Arc::clone(&store));
        let mut model: Model = (BTreeSet::new(), None);
        let mut snapshots = None;
        for (step, commit) in steps.iter().zip(1..) {
            let told = after(&model, step, commit);
            let result = match snapshots.take() {
                Some(open) if !matches!(step, Step::Restart) => Ok(open),
                _ => Snapshots::open(life(), 1, TINY),
            };
            let result = result.and_then(|open| take(&open, step, commit).map(|()| open));
            let found = loaded(&store);
            if result.is_ok() {
                prop_assert_eq!(&found, &told);
            } else {
                prop_assert!(found == told || found == model, "neither before nor after {:?}", step);
            }
            model = found;
            snapshots = result.ok();
        }
        // Whatever a death left behind, the next life works and leaves nothing of it.
        let last = open(&store);
        last.append(&[fact(7)], &positions(99), 99).unwrap();
        last.full(|_| true).unwrap();
        last.full(|_| true).unwrap();
        model.0.insert(fact(7));
        prop_assert_eq!(loaded(&store), (model.0, Some(99)));
        prop_assert_eq!(check(&*store).unwrap(), []);
        let manifests = store.list().unwrap().iter().filter(|(name, _)| name.starts_with("manifest")).count();
        prop_assert_eq!(manifests, 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn readers_take_every_fact_once_however_many_they_are(
        before in prop::collection::vec(0..4_000_u64, 0..60),
        since in prop::collection::vec(0..4_000_u64, 0..60),
    ) {
        let store = memory();
        let snapshots = open(&store);
        let facts = |numbers: &[u64]| numbers.iter().map(|number| fact(*number)).collect::<Vec<_>>();
        snapshots.append(&facts(&before), &positions(1), 1).unwrap();
        snapshots.full(|_| true).unwrap();
        snapshots.append(&facts(&since), &positions(2), 2).unwrap();
        let (all, header, _) = state(&store);
        prop_assert_eq!(&all, &before.iter().chain(&since).map(|number| fact(*number)).collect());
        for parts in [1, 2, 3, 7, 300] {
            let mut told = Vec::new();
            for part in 0..parts {
                let restored = snapshots.load(part, parts).unwrap();
                prop_assert_eq!(&restored.header, &header);
                let mine: Vec<Fact> = restored.facts.map(Result::unwrap).collect();
                prop_assert!(mine.iter().all(|fact| bucket(fact.episode()) % parts == part));
                told.extend(mine);
            }
            prop_assert_eq!(told.len(), all.len());
            prop_assert_eq!(&told.into_iter().collect::<BTreeSet<_>>(), &all);
        }
    }
}

#[test]
fn a_death_at_each_write_of_a_full_snapshot_in_turn_loses_nothing() {
    let mut writes = 0;
    loop {
        let store = memory();
        let snapshots = open(&store);
        for commit in 1..=6 {
            let facts: Vec<Fact> = (0..40).map(|number| fact(number * commit)).collect();
            snapshots.append(&facts, &positions(commit as i64), commit as i64).unwrap();
            if commit % 2 == 0 {
                snapshots.full(|_| true).unwrap();
            }
        }
        let before = loaded(&store);
        let done = Snapshots::open(Dies::at(&store, writes, writes % 2 == 0), 1, TINY)
            .and_then(|dying| dying.full(|_| true))
            .is_ok();
        assert_eq!(loaded(&store), before, "died at write {writes}");
        if done {
            assert!(writes > 10, "a full snapshot took {writes} writes only");
            break;
        }
        writes += 1;
    }
}

#[test]
fn facts_of_revisions_that_fell_are_let_go_and_announcements_stay() {
    let store = memory();
    let snapshots = open(&store);
    let id = |name: &str| EpisodeId::from(name);
    let key = |name: &str, revision| EpisodeKey { episode: id(name), revision };
    let stays = [
        Fact::Announced(id("a"), announced(1, 1)),
        Fact::Announced(id("a"), announced(2, 2)),
        Fact::Digest(key("a", 2), digest(2)),
        Fact::Announced(id("b"), announced(3, 5)),
        Fact::Print(key("c", 0), likeness(11)),
    ];
    let falls = [Fact::Digest(key("a", 1), digest(1)), Fact::Signature(key("b", 3), likeness(9))];
    snapshots.append(&stays, &positions(1), 1).unwrap();
    snapshots.append(&falls, &positions(2), 2).unwrap();
    assert_eq!(state(&store).0.len(), 7);
    snapshots.full(standing()).unwrap();
    assert_eq!(state(&store).0, BTreeSet::from(stays));
}

#[test]
fn commits_go_on_while_a_full_snapshot_is_made() {
    let store = memory();
    let snapshots = open(&store);
    let facts: Vec<Fact> = (0..200).map(fact).collect();
    snapshots.append(&facts, &positions(1), 1).unwrap();
    let mut commit = 1;
    let full = snapshots.full(|_| {
        commit += 1;
        snapshots.append(&[fact(1_000 + commit as u64)], &positions(commit), commit).unwrap();
        true
    });
    assert_eq!(full.unwrap().number, 1);
    let (found, header, _) = state(&store);
    let told = facts.into_iter().chain((2..=commit).map(|commit| fact(1_000 + commit as u64)));
    assert_eq!(found, told.collect());
    assert_eq!(header.unwrap().at, commit);
    assert!(snapshots.full_is_due(), "{commit} commits came meanwhile");
}
