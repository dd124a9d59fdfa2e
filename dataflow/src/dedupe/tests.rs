//! Clocks that stand still, and go on as soon as somebody waits for them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hark_operators::dedupe::exact::Key;
use hark_operators::dedupe::likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::dedupe::verdict::Verdict;
use hark_operators::record::{EpisodeId, EpisodeKey};
use sha2::{Digest, Sha256};
use timely::worker::Worker;

use super::knowledge::START;
use super::*;
use crate::cluster::Peers;

/// Longer than this a worker does not sleep by itself.
const REST: Duration = Duration::from_secs(2);

/// Lets a worker idle as a run does.
fn idle(worker: &mut Worker, knowledge: &mut Knowledge, began: Instant) {
    let sleep = if knowledge.is_awaited() { Duration::from_millis(1) } else { REST };
    worker.step_or_park(Some(sleep));
    knowledge.keep_up(began.elapsed());
}

#[test]
fn clocks_stand_still_while_nobody_tells_and_a_fact_is_known_without_waiting_for_who_sleeps() {
    let began = Instant::now();
    let done = Arc::new(AtomicUsize::new(0));
    let guards = timely::execute(timely::Config::process(2), move |worker| {
        let hub = Hub::new(Arc::new(Judgements::default()));
        let peers = Peers::alone(2);
        let mut knowledge = Knowledge::build(worker, hub.clone(), likeness::rules(), peers, None, |_key| ());
        knowledge.restore(worker, std::iter::empty::<Result<_, Infallible>>()).expect("nothing is restored");
        let mut waited = Vec::new();
        for turn in 0..2 {
            let quiet = Instant::now();
            while quiet.elapsed() < Duration::from_millis(300) {
                worker.step_or_park(Some(Duration::from_millis(50)));
                knowledge.keep_up(began.elapsed());
            }
            if worker.index() == turn {
                let id = EpisodeId::from(format!("ep-{turn}"));
                let announced = Announced { revision: 0, withdrawn: false, published: 1, enclosure: None, show: None };
                let (told_at, telling) = (hub.tell(Told::Announced(id, announced)), Instant::now());
                knowledge.keep_up(began.elapsed());
                while !hub.is_known(told_at) {
                    idle(worker, &mut knowledge, began);
                }
                waited.push((told_at, telling.elapsed()));
                done.fetch_add(1, Ordering::AcqRel);
            }
            while done.load(Ordering::Acquire) <= turn {
                idle(worker, &mut knowledge, began);
            }
        }
        let known = knowledge.close();
        while !known.done() {
            worker.step_or_park(Some(Duration::from_millis(10)));
        }
        waited
    });
    let told: Vec<_> = guards.expect("workers start").join().into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].0, START, "the clock has not moved for 300 ms");
    for (_, waited) in told {
        assert!(waited < REST / 2, "known after {waited:?}: somebody slept");
    }
}

#[test]
fn what_was_known_before_is_known_again_portion_by_portion_however_workers_share_it() {
    const EPISODES: u64 = 300_000;
    let judgements = Arc::new(Judgements::default());
    let (seen, started) = (judgements.clone(), Instant::now());
    let guards = timely::execute(timely::Config::process(2), move |worker| {
        let hub = Hub::new(seen.clone());
        let mut knowledge = Knowledge::build(worker, hub, likeness::rules(), Peers::alone(2), None, |_key| ());
        // The second worker has next to nothing, and is ahead.
        let mine = if worker.index() == 0 { 0..EPISODES - 3 } else { EPISODES - 3..EPISODES };
        let facts = mine.map(|number| {
            let key = EpisodeKey { episode: EpisodeId::from(format!("ep-{number}")), revision: 0 };
            // The second half repeats the first.
            let digest = Sha256::digest((number % (EPISODES / 2)).to_le_bytes());
            Ok::<_, Infallible>(Told::Digest(key, Key::of(&digest.into())))
        });
        let announced = (worker.index() == 0).then(|| {
            (0..EPISODES).map(|number| {
                let announced =
                    Announced { revision: 0, withdrawn: false, published: number as i64, enclosure: None, show: None };
                Ok(Told::Announced(EpisodeId::from(format!("ep-{number}")), announced))
            })
        });
        knowledge.restore(worker, facts.chain(announced.into_iter().flatten())).expect("facts are sound");
        while !knowledge.is_restored() {
            worker.step_or_park(Some(REST));
            knowledge.keep_up(started.elapsed());
        }
        let known = knowledge.close();
        while !known.done() {
            worker.step_or_park(Some(REST));
        }
    });
    guards.expect("workers start").join().into_iter().for_each(|worker| worker.expect("no worker panics"));
    let on = |number: u64| judgements.on(&EpisodeKey { episode: EpisodeId::from(format!("ep-{number}")), revision: 0 });
    let copies = (0..EPISODES).filter(|number| on(*number).is_some()).count() as u64;
    assert_eq!(copies, EPISODES / 2);
    assert!(
        matches!(on(EPISODES - 1), Some(Verdict::Duplicate { of, .. }) if of.episode.as_str() == format!("ep-{}", EPISODES / 2 - 1))
    );
}
