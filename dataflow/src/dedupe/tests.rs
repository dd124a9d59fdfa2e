//! Clocks that stand still, and go on as soon as somebody waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hark_operators::dedupe::exact::KnownAt;
use hark_operators::dedupe::likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::EpisodeId;
use timely::worker::Worker;

use super::*;
use crate::cluster::Peers;

/// Longer than this a worker does not sleep by itself.
const REST: Duration = Duration::from_secs(2);

/// Lets a worker idle as a run does.
fn idle(worker: &mut Worker, knowledge: &mut Knowledge, began: Instant) {
    let sleep = if knowledge.is_awaited() { Duration::from_millis(1) } else { REST };
    worker.step_or_park(Some(sleep));
    knowledge.keep_up(1 + began.elapsed().as_millis() as KnownAt);
}

#[test]
fn clocks_stand_still_while_nobody_tells_and_a_fact_is_known_without_waiting_for_who_sleeps() {
    let began = Instant::now();
    let done = Arc::new(AtomicUsize::new(0));
    let guards = timely::execute(timely::Config::process(2), move |worker| {
        let hub = Hub::new(Arc::new(Judgements::default()));
        let peers = Peers::alone(2);
        let mut knowledge = Knowledge::build(worker, hub.clone(), likeness::rules(), peers, None, |_key| ());
        knowledge.advance(1);
        let mut waited = Vec::new();
        for turn in 0..2 {
            let quiet = Instant::now();
            while quiet.elapsed() < Duration::from_millis(300) {
                worker.step_or_park(Some(Duration::from_millis(50)));
                knowledge.keep_up(1 + began.elapsed().as_millis() as KnownAt);
            }
            if worker.index() == turn {
                let id = EpisodeId(format!("ep-{turn}"));
                let announced = Announced { revision: 0, withdrawn: false, published: 1, enclosure: None, show: None };
                let (told_at, telling) = (hub.tell(Told::Announced(id, announced)), Instant::now());
                knowledge.keep_up(1 + began.elapsed().as_millis() as KnownAt);
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
    assert_eq!(told[0].0, 1, "the clock has not moved for 300 ms");
    for (_, waited) in told {
        assert!(waited < REST / 2, "known after {waited:?}: somebody slept");
    }
}
