//! A model behind what is known of it, on disk: asked once, and answered as it would have answered.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::cache::{Cache, Tally};
use crate::driver::sample::passage;
use crate::record::piece::Window;
use crate::record::{Priority, Record};
use crate::units::Samples;

/// A model that writes down which records it was asked for.
#[derive(Default)]
struct Asked {
    lengths: Arc<Mutex<Vec<usize>>>,
    /// What it cannot do, by length.
    fails: Option<usize>,
    /// What it answers with a fault, by length.
    unsound: Option<usize>,
}

impl Work for Asked {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        self.lengths.lock().unwrap().extend(batch.iter().map(Record::length));
        for (i, record) in batch.iter().enumerate() {
            if Some(record.length()) == self.fails {
                return Err(Fault::retry("embed", "device", "it fell off the bus", "none"));
            }
            let unsound = Some(record.length()) == self.unsound;
            let fault = || Body::Unfound(Stage::Embed, Fault::poison("embed", "unsound", "no numbers", "none"));
            emit(i, if unsound { fault() } else { right(record) });
        }
        Ok(())
    }
}

/// What the model makes of a record: of its content, and with its index.
fn right(record: &Record) -> Body {
    Body::Finding(match &record.body {
        Body::Passage(passage) => {
            let length = passage.text.len() as f32;
            Finding::Embedding { index: passage.index, vector: vec![length, -0.0, 1.0 / length] }
        }
        Body::Window(window) => {
            let frames = window.samples[window.context..].iter().map(|sample| *sample as u8).collect();
            Finding::Speech { index: window.index, frames }
        }
        body => panic!("{body:?} is no piece"),
    })
}

struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A new process, whose model is this one.
    fn start(&self, maker: &str, work: Asked) -> (Cached, Arc<Cache>) {
        let cache = Arc::new(Cache::open(self.folder.path(), 16_000_000).unwrap());
        let results = Results::new(cache.clone(), Stage::Embed, maker);
        (Cached { work: Box::new(work), results }, cache)
    }

    /// Runs batches in a new process; what came of each record, and what the model was asked.
    fn run(&self, maker: &str, batches: &[&[Record]]) -> (Vec<Vec<Body>>, Vec<usize>) {
        let work = Asked::default();
        let lengths = work.lengths.clone();
        let (mut cached, cache) = self.start(maker, work);
        let came = batches.iter().map(|batch| run(&mut cached, batch).unwrap()).collect();
        cache.settle();
        let lengths = lengths.lock().unwrap().clone();
        (came, lengths)
    }
}

/// What came of each record of a batch, which is told of once.
fn run(cached: &mut Cached, batch: &[Record]) -> Result<Vec<Body>, Fault> {
    let mut came: Vec<Option<Body>> = batch.iter().map(|_| None).collect();
    cached.run(batch, &mut |i, body| assert!(came[i].replace(body).is_none(), "record {i} ended twice"))?;
    Ok(came.into_iter().map(|body| body.expect("every record ends")).collect())
}

fn passages(lengths: &[usize]) -> Vec<Record> {
    lengths.iter().zip(0..).map(|(length, index)| passage(index, Priority::Normal, *length)).collect()
}

fn are_right(came: &[Body], batch: &[Record]) {
    for (body, record) in came.iter().zip(batch) {
        assert_eq!(format!("{body:?}"), format!("{:?}", right(record)));
    }
}

#[test]
fn a_second_run_asks_the_model_nothing() {
    let ground = Ground::new();
    let batch = passages(&[10, 20, 30]);
    let (came, asked) = ground.run("m", &[&batch]);
    are_right(&came[0], &batch);
    assert_eq!(asked, [10, 20, 30]);
    // Elsewhere in other episodes, too.
    let batch = passages(&[30, 10, 20, 10]);
    let (came, asked) = ground.run("m", &[&batch]);
    are_right(&came[0], &batch);
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn another_precision_or_other_weights_ask_anew() {
    let ground = Ground::new();
    let batch = passages(&[10, 20]);
    for maker in ["weights 1 f32", "weights 1 bf16", "weights 2 f32"] {
        assert_eq!(ground.run(maker, &[&batch]).1, [10, 20], "{maker}");
    }
    assert!(ground.run("weights 1 f32", &[&batch]).1.is_empty());
}

#[test]
fn faults_are_not_kept_and_a_batch_that_fails_has_emitted_nothing() {
    let ground = Ground::new();
    ground.run("m", &[&passages(&[10])]);
    let (mut cached, cache) = ground.start("m", Asked { unsound: Some(20), fails: Some(40), ..Asked::default() });
    let came = run(&mut cached, &passages(&[10, 20, 30])).unwrap();
    assert!(matches!(came[1], Body::Unfound(..)));
    assert!(cached.run(&passages(&[10, 50, 40]), &mut |_, body| panic!("{body:?} of a batch that failed")).is_err());
    let (_, tally) = cache.tallies().find(|(stage, _)| *stage == Stage::Embed).unwrap();
    assert_eq!(tally, Tally { hits: 1, misses: 2 }, "of batches that went through");
    cache.settle();
    let (came, asked) = ground.run("m", &[&passages(&[10, 20, 30, 40, 50])]);
    are_right(&came[0], &passages(&[10, 20, 30, 40, 50]));
    assert_eq!(asked, [20, 40, 50]);
}

#[test]
fn a_window_is_known_by_its_samples_and_its_context() {
    let window = |index, context, first: i16| {
        let record = passage(0, Priority::Normal, 1);
        let samples = Arc::new((0..40).map(|at| at * 3 + first).collect());
        let window = Window { index, start: Samples(u64::from(index)), context, samples, permit: None };
        Record { body: Body::Window(window), ..record }
    };
    let ground = Ground::new();
    let batch = [window(0, 0, 5), window(1, 16, 5), window(2, 16, 6)];
    assert_eq!(ground.run("m", &[&batch]).1.len(), 3);
    let batch = [window(7, 16, 6), window(8, 0, 5), window(9, 16, 5), window(10, 16, 7)];
    let (came, asked) = ground.run("m", &[&batch]);
    are_right(&came[0], &batch);
    assert_eq!(asked.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_mix_of_known_and_unknown_gives_each_record_its_own_result_once(
        known in prop::collection::vec(1usize..30, 0..20),
        batches in prop::collection::vec(prop::collection::vec(1usize..30, 0..12), 1..4),
    ) {
        let ground = Ground::new();
        ground.run("m", &[&passages(&known)]);
        let batches: Vec<Vec<Record>> = batches.iter().map(|lengths| passages(lengths)).collect();
        let given: Vec<&[Record]> = batches.iter().map(Vec::as_slice).collect();
        let (came, asked) = ground.run("m", &given);
        for (came, batch) in came.iter().zip(&batches) {
            are_right(came, batch);
        }
        prop_assert!(asked.iter().all(|length| !known.contains(length)), "{asked:?} of {known:?}");
    }
}
