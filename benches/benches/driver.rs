//! What the dataflow adds to models: windows through one lane operator whose model takes no time.
//!
//! `cargo bench -p hark-benches --bench driver` prints Markdown. The baseline, `loop`, is what one would
//! write by hand: a thread that owns the model, a bounded channel of batches to it and one of results back,
//! no epochs, no priorities, no deadlines. Both run the same groups on the same batches of 32. Latency is
//! that of an open loop: it counts from the moment at which a window was due, whatever held it up.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use crossbeam_channel::bounded;
use hark_benches::{job, median, seconds};
use hark_models::device::Precision;
use hark_operators::driver::{Batching, Devices, Group, GroupSpec, Lanes, Limits, Room, on_lanes, wall_clock};
use hark_operators::record::piece::Window;
use hark_operators::record::{Announcement, Body, Episode, EpisodeId, EpisodeKey, Kind, Record, Spent};
use hark_operators::stage::{Curve, Equipment, Stage};
use hark_operators::units::Samples;
use hdrhistogram::Histogram;
use timely::dataflow::InputHandleVec;
use timely::dataflow::operators::{Inspect, Probe};

/// Windows of a run.
const WINDOWS: u32 = 400_000;
/// In one batch.
const BATCH: usize = 32;
/// Windows that may be on their way while throughput is measured.
const AWAY: u32 = 4_096;
/// Windows per second of the open loop, and how many of them.
const PACE: (f64, u32) = (10_000.0, 100_000);
/// Runs of each side; the median counts.
const RUNS: usize = 5;

/// A model that takes no time.
const NOTHING: &str = r#"
name = "nothing"
source = "a model that takes no time"
[[model]]
stage = "speech"
weight_mb = 0
points = [{ items = 1, seconds = 0, mb = 0 }, { items = 4096, seconds = 0, mb = 0 }]
"#;

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let equipment = job::equipment(folder.path(), Vec::new(), job::publisher(folder.path(), "bench")?.0)?;
    println!(
        "| windows through one operator, batches of {BATCH} | windows/s | per worker | to the loop |\n|---|---|---|---|"
    );
    let (mut by_hand, mut ours) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..RUNS {
        by_hand.push(f64::from(WINDOWS) / in_a_loop(&equipment)?);
        for (workers, rates) in [1, 2].into_iter().zip(&mut ours) {
            rates.push(f64::from(WINDOWS) * workers as f64 / in_the_graph(&equipment, workers)?);
        }
    }
    let by_hand = median(by_hand);
    println!("| loop, one thread and its model's | {by_hand:.0} | {by_hand:.0} | 1 |");
    for (workers, rates) in [1, 2].into_iter().zip(ours) {
        let rate = median(rates);
        println!(
            "| hark, {workers} workers, a lane each | {rate:.0} | {:.0} | {:.2} |",
            rate / workers as f64,
            rate / by_hand
        );
    }
    println!("\n| open loop at {} windows/s | p50 ms | p99 ms | p99.9 ms | most ms |\n|---|---|---|---|---|", PACE.0);
    for (wait, what) in [(0, "no waiting for company"), (1, "up to 1 ms for company")] {
        let measured = at_a_pace(&equipment, Duration::from_millis(wait))?;
        let ms = |quantile| measured.value_at_quantile(quantile) as f64 / 1e3;
        println!("| hark, {what} | {:.2} | {:.2} | {:.2} | {:.2} |", ms(0.5), ms(0.99), ms(0.999), ms(1.0));
    }
    Ok(())
}

fn spec() -> Result<GroupSpec> {
    Ok(GroupSpec {
        name: "speech".to_owned(),
        stages: vec![Stage::Speech],
        limits: Limits::items(BATCH),
        outside: BTreeSet::from([Kind::Unfound]),
        device: None,
        precision: Precision::default(),
        curve: Some(Arc::new(Curve::parse(NOTHING)?)),
        health: vec![Arc::default()],
    })
}

fn batching(max_wait: Duration) -> Batching {
    let deadline = Duration::from_secs(60);
    Batching { limits: Limits::items(BATCH), max_wait, deadline, clock: wall_clock, target: None }
}

/// Windows of one episode, as small as they may be: what is measured is not their computing.
struct Windows(Arc<Episode>, Arc<Vec<i16>>);

impl Windows {
    fn new() -> Self {
        let key = EpisodeKey { episode: EpisodeId::from("episode"), revision: 0 };
        let announcement = Arc::new(Announcement::bare(key, String::new()));
        let episode = Episode { announcement, ingested_at: 0.0, home: 0, taken_in_by: 0, origin: None };
        Self(Arc::new(episode), Arc::new(vec![0; 512]))
    }

    fn window(&self, index: u32) -> Record {
        let window = Window { index, start: Samples(0), context: 0, samples: self.1.clone(), permit: None };
        Record { episode: self.0.clone(), body: Body::Window(window), spent: Spent::new() }
    }
}

/// Seconds for all windows by hand.
fn in_a_loop(equipment: &Arc<Equipment>) -> Result<f64> {
    let (mut group, _) = Group::warm(&spec()?, equipment).map_err(|fault| anyhow!("{fault}"))?;
    let windows = Windows::new();
    let (to_lane, batches) = bounded::<Vec<(u64, Record)>>(AWAY as usize / BATCH);
    let (results, from_lane) = bounded(AWAY as usize / BATCH);
    let lane = std::thread::spawn(move || {
        for batch in batches {
            let mut found = Vec::with_capacity(batch.len());
            group.run(batch, Instant::now(), &mut |ticket, record| found.push((ticket, record)));
            if results.send(found).is_err() {
                return;
            }
        }
    });
    let taken = seconds(|| {
        let (mut sent, mut back) = (0, 0);
        while back < WINDOWS {
            while sent < WINDOWS && sent - back < AWAY {
                let batch = (sent..sent + BATCH as u32).map(|at| (u64::from(at), windows.window(at))).collect();
                to_lane.send(batch).expect("the lane takes all batches");
                sent += BATCH as u32;
            }
            let found: Vec<(u64, Record)> = from_lane.recv().expect("the lane gives all back");
            back += found.len() as u32;
        }
    });
    drop(to_lane);
    lane.join().expect("a lane does not panic");
    Ok(taken)
}

/// Seconds until every worker has had all windows back from the operator.
fn in_the_graph(equipment: &Arc<Equipment>, workers: usize) -> Result<f64> {
    let lanes = lanes(equipment, workers)?;
    let spec = spec()?;
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let (mut input, home) = (InputHandleVec::new(), worker.index() as u64);
        let back = Rc::new(Cell::new(0));
        let counted = back.clone();
        let probe = worker.dataflow::<u64, _, _>(|scope| {
            let stream = input.to_stream(scope);
            on_lanes(stream, (&spec, 0), lanes.clone(), batching(Duration::ZERO), Arc::default(), move |_| home)
                .inspect(move |_| counted.set(counted.get() + 1))
                .probe()
                .0
        });
        let windows = Windows::new();
        let began = Instant::now();
        let mut sent = 0;
        while back.get() < WINDOWS {
            while sent < WINDOWS && sent - back.get() < AWAY {
                input.send(windows.window(sent));
                sent += 1;
            }
            input.flush();
            input.advance_to(began.elapsed().as_millis() as u64 / 100);
            worker.step_or_park(Some(Duration::from_micros(200)));
        }
        let taken = began.elapsed().as_secs_f64();
        input.close();
        while !probe.done() {
            worker.step();
        }
        taken
    });
    let taken = guards.map_err(|error| anyhow!(error))?.join();
    taken.into_iter().try_fold(0.0_f64, |most, taken| Ok(most.max(taken.map_err(|error| anyhow!(error))?)))
}

/// Microseconds from when a window was due until it was back.
fn at_a_pace(equipment: &Arc<Equipment>, max_wait: Duration) -> Result<Histogram<u64>> {
    let lanes = lanes(equipment, 1)?;
    let spec = spec()?;
    let guards = timely::execute(timely::Config::thread(), move |worker| {
        let mut input = InputHandleVec::new();
        let began = Instant::now();
        let due = move |index: u32| began + Duration::from_secs_f64(f64::from(index) / PACE.0);
        let (back, measured) =
            (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Histogram::<u64>::new(3).expect("three digits"))));
        let (counted, into) = (back.clone(), measured.clone());
        worker.dataflow::<u64, _, _>(|scope| {
            let stream = input.to_stream(scope);
            on_lanes(stream, (&spec, 0), lanes.clone(), batching(max_wait), Arc::default(), |_| 0).inspect(move |_| {
                // They come back in order: one lane, one line.
                let late = Instant::now().saturating_duration_since(due(counted.get()));
                into.borrow_mut().record(late.as_micros() as u64).expect("it grows");
                counted.set(counted.get() + 1);
            });
        });
        let windows = Windows::new();
        let mut sent = 0;
        while back.get() < PACE.1 {
            while sent < PACE.1 && due(sent) <= Instant::now() {
                input.send(windows.window(sent));
                sent += 1;
            }
            input.flush();
            input.advance_to(began.elapsed().as_millis() as u64 / 100);
            worker.step_or_park(Some(Duration::from_micros(50)));
        }
        RefCell::clone(&measured).into_inner()
    });
    let mut measured = guards.map_err(|error| anyhow!(error))?.join();
    measured.pop().ok_or_else(|| anyhow!("there is one worker"))?.map_err(|error| anyhow!(error))
}

fn lanes(equipment: &Arc<Equipment>, count: usize) -> Result<Arc<Lanes>> {
    let specs = BTreeMap::from([(0, spec()?)]);
    let lanes = Lanes::start("models", count, specs, equipment.clone(), Room::default(), &mut Devices::default());
    Ok(Arc::new(lanes.map_err(|fault| anyhow!("{fault}"))?))
}
