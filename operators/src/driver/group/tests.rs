//! A group whose model misbehaves on purpose: nobody but the item at fault pays for it.

use std::sync::Mutex;

use super::super::health::STRIKES;
use super::super::sample::{of, passage};
use super::*;
use crate::record::finding::Finding;
use crate::record::{Announcement, Deadline, Episode, Priority};

/// What a model does with a batch of passages, given as their indexes.
type Model = dyn Fn(&[u32]) -> Result<(), Fault> + Send + Sync;

struct Misbehaving {
    model: Arc<Model>,
    /// The batches that it was given.
    met: Arc<Mutex<Vec<Vec<u32>>>>,
}

impl Work for Misbehaving {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let indexes: Vec<u32> = batch.iter().map(index).collect();
        self.met.lock().expect("no test panics in it").push(indexes.clone());
        (self.model)(&indexes)?;
        for (i, index) in indexes.into_iter().enumerate() {
            emit(i, Body::Finding(Finding::Embedding { index, vector: Vec::new() }));
        }
        Ok(())
    }
}

fn index(record: &Record) -> u32 {
    match &record.body {
        Body::Passage(passage) => passage.index,
        _ => panic!("only passages are given"),
    }
}

/// A group of one stage, and the batches that its model has met.
fn group(max_items: usize, model: impl Fn(&[u32]) -> Result<(), Fault> + Send + Sync + 'static) -> (Group, Met) {
    limited(Limits::items(max_items), model)
}

fn limited(limits: Limits, model: impl Fn(&[u32]) -> Result<(), Fault> + Send + Sync + 'static) -> (Group, Met) {
    let met = Met::default();
    let work = Misbehaving { model: Arc::new(model), met: met.clone() };
    let slot = Slot::new(Stage::Embed, Box::new(work), limits, Arc::default());
    (Group { slots: vec![slot], at: None, outside: BTreeSet::from([Kind::Finding, Kind::Unfound]) }, met)
}

type Met = Arc<Mutex<Vec<Vec<u32>>>>;

/// Runs passages 0 to `count` and tells of each whether it was found, or the code of its fault.
fn run(group: &mut Group, count: u32) -> Vec<Result<(), String>> {
    let piece = |at| of(&format!("episode {at}"), passage(at, Priority::Normal, 5));
    let batch = (0..count).map(|at| (u64::from(at), piece(at))).collect();
    let mut ends: Vec<Option<Result<(), String>>> = vec![None; count as usize];
    group.run(batch, Instant::now(), &mut |ticket, record| {
        let end = match record.body {
            Body::Finding(_) => Ok(()),
            Body::Unfound(_, fault) => Err(fault.code),
            body => panic!("{body:?} is no end of a passage"),
        };
        assert!(ends[ticket as usize].replace(end).is_none(), "passage {ticket} ended twice");
    });
    ends.into_iter().map(|end| end.expect("every passage ends")).collect()
}

fn failed_alone(ends: &[Result<(), String>], spoilt: usize, code: &str) {
    for (at, end) in ends.iter().enumerate() {
        assert_eq!(*end, if at == spoilt { Err(code.to_owned()) } else { Ok(()) }, "passage {at}");
    }
}

#[test]
fn a_batch_that_one_item_spoils_is_halved_until_it_stands_alone() {
    let (mut group, met) = group(16, |items| {
        let spoilt = items.contains(&11);
        if spoilt { Err(Fault::poison("embed", "spoilt", "passage 11", "none")) } else { Ok(()) }
    });
    failed_alone(&run(&mut group, 16), 11, "embed.spoilt");
    let runs = met.lock().expect("whole").len();
    assert!(runs <= 1 + 2 * 4, "{runs} runs for 16 items: each halving costs two");
}

#[test]
fn a_group_closes_a_batch_at_the_first_limit_that_it_reaches() {
    // Each passage is three word pieces long.
    let (mut group, met) = limited(Limits { items: 4, samples: None, tokens: Some(10) }, |_| Ok(()));
    assert!(run(&mut group, 8).iter().all(Result::is_ok));
    assert_eq!(*met.lock().expect("whole"), [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
}

#[test]
fn an_item_on_which_the_model_panics_stands_alone_too() {
    let (mut group, _) = group(8, |items| if items.contains(&0) { panic!("a model that panics") } else { Ok(()) });
    failed_alone(&run(&mut group, 8), 0, "embed.panicked");
}

#[test]
fn a_batch_too_large_for_its_device_is_halved_and_the_size_is_remembered() {
    let (mut group, met) =
        group(16, |items| if items.len() > 5 { Err(Fault::out_of_memory("embed", "a small device")) } else { Ok(()) });
    assert!(run(&mut group, 16).iter().all(Result::is_ok));
    met.lock().expect("whole").clear();
    assert!(run(&mut group, 16).iter().all(Result::is_ok));
    let sizes: Vec<usize> = met.lock().expect("whole").iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 4, 4, 4]);
}

#[test]
fn a_device_that_fails_on_everything_lets_its_model_rest_after_three_strikes() {
    let (mut group, met) = group(8, |_| Err(Fault::retry("embed", "device", "it fell off the bus", "none")));
    let ends = run(&mut group, 8);
    let codes: Vec<&str> = ends.iter().map(|end| end.as_ref().expect_err("none works").as_str()).collect();
    assert_eq!(codes[..STRIKES as usize], ["embed.device"; STRIKES as usize]);
    assert!(codes[STRIKES as usize..].iter().all(|code| *code == "embed.resting"), "{codes:?}");
    met.lock().expect("whole").clear();
    assert!(run(&mut group, 8).iter().all(|end| *end == Err("embed.resting".to_owned())));
    assert!(met.lock().expect("whole").is_empty(), "a model that rests is asked nothing");
}

#[test]
fn items_at_fault_are_no_strikes_against_the_model() {
    let (mut group, _) =
        group(1, |items| if items[0] < 6 { Err(Fault::poison("embed", "spoilt", "an item", "none")) } else { Ok(()) });
    let ends = run(&mut group, 8);
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 2, "{ends:?}");
}

#[test]
fn pieces_of_an_episode_that_would_be_late_are_not_computed_and_the_others_are() {
    let (mut group, met) = group(4, |_| Ok(()));
    group.slots[0].clock = || 107.0; // 0.7 of the ten seconds from 100 to the deadline are over
    let due = |at: u32, deadline| {
        let mut record = passage(at, Priority::Normal, 5);
        let announcement = Arc::new(Announcement { deadline, ..(*record.episode.announcement).clone() });
        record.episode = Arc::new(Episode { announcement, ingested_at: 100.0, home: 0, taken_in_by: 0, origin: None });
        (u64::from(at), record)
    };
    let batch = vec![
        due(0, Some(Deadline::Within(10.0))),
        due(1, Some(Deadline::At(110))),
        due(2, Some(Deadline::Within(10.1))),
        due(3, Some(Deadline::At(99))), // past when it was taken in: nothing is gained by haste
        due(4, None),
    ];
    let mut late = Vec::new();
    group.run(batch, Instant::now(), &mut |ticket, record| {
        if let Body::Unfound(stage, fault) = record.body {
            late.push((ticket, stage, fault.code));
        }
    });
    assert_eq!(late, [0, 1].map(|ticket| (ticket, Stage::Embed, "embed.late".to_owned())));
    assert_eq!(*met.lock().expect("whole"), [[2, 3, 4]]);
}
