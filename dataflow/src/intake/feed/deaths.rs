//! Runs that die at any moment, by their order of steps: what the next one makes of what they left.
//!
//! Feed, commits, and what counts as remembered are those of the real thing; here are only a clock, a table of
//! rows, and frontiers that are the least of what is on its way. An episode makes one thing known. One in two
//! is at first settled before it does, and some of these become fresh and set out again. There is one process,
//! or there are two whose clocks differ: the first reads and commits, each writes rows of its own.

use std::collections::{BTreeMap, BTreeSet};

use hark_operators::dedupe::exact::Key;
use hark_operators::record::outcome::{Outcome, State};
use object_store::memory::InMemory;
use proptest::prelude::*;

use super::tests::announced;
use super::*;
use crate::bucket::Bucket;
use crate::dedupe::Told;
use crate::durable::{Durable, doubt};
use crate::publish::Remembered;
use crate::sink::sample;
use crate::snapshot::{DRAINED, Remote, Store};

/// Announcements of a job.
const ALL: i64 = 12;
/// Workers that take turns at the feed.
const WORKERS: usize = 2;

/// Announcements by number, from a position on.
struct Numbered(i64);

impl Source for Numbered {
    fn offer(&mut self) -> Offer {
        if self.0 == ALL {
            return Offer::Nothing;
        }
        self.0 += 1;
        Offer::Entry(Box::new(announced(self.0 as usize, 60.0)), None)
    }

    fn positions(&self) -> Positions {
        Positions::from([("entries".to_owned(), self.0)])
    }
}

type Rows = BTreeMap<EpisodeKey, Outcome>;

/// What outlives a run.
struct World {
    alone: bool,
    /// In milliseconds.
    now: i64,
    /// By how much the second process's clock is ahead of the first's, in milliseconds.
    ahead: i64,
    store: Arc<dyn Store>,
    rows: Arc<Mutex<Rows>>,
    /// Those that nothing settles any more.
    fresh: BTreeSet<EpisodeKey>,
}

struct Journey {
    episode: Arc<Episode>,
    since: f64,
    tick: Epoch,
    known: bool,
}

struct Run {
    durable: Durable,
    feed: Feed,
    /// As each process has it.
    remembered: [Remembered; 2],
    /// At which each worker last looked at the clock.
    ticks: [Epoch; WORKERS],
    journeys: Vec<Journey>,
    again: BTreeSet<EpisodeKey>,
    compared: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A worker looks at the clock.
    Look(usize),
    /// A worker takes an episode in, at the time at which it last looked.
    Take(usize),
    /// What one of them makes known is.
    Know(usize),
    /// One of them ends.
    End(usize),
    /// One that was settled becomes fresh.
    Free(usize),
    Compare,
    Commit,
    Die,
}

fn step() -> impl Strategy<Value = (Step, i64)> {
    let step = prop_oneof![
        4 => (0..WORKERS).prop_map(Step::Look),
        4 => (0..WORKERS).prop_map(Step::Take),
        4 => (0_usize..8).prop_map(Step::Know),
        4 => (0_usize..8).prop_map(Step::End),
        2 => (0_usize..8).prop_map(Step::Free),
        1 => Just(Step::Compare),
        2 => Just(Step::Commit),
        1 => Just(Step::Die),
    ];
    (step, 0_i64..300)
}

impl World {
    fn new(ahead: Option<i64>) -> Self {
        let address = "s3://hark/snapshots".parse().expect("an address");
        let bucket = Bucket::of(Arc::new(InMemory::new()), &address).expect("a bucket in memory");
        let store: Arc<dyn Store> = Arc::new(Remote::new(bucket));
        let (alone, ahead) = (ahead.is_none(), ahead.unwrap_or(0));
        Self { alone, now: 1_000_000, ahead, store, rows: Arc::default(), fresh: BTreeSet::new() }
    }

    /// Seconds by a process's clock.
    fn seconds(&self, process: usize) -> f64 {
        (self.now + self.ahead * process as i64) as f64 / 1000.0
    }

    /// Where an episode ends.
    fn process(&self, key: &EpisodeKey) -> usize {
        if self.alone { 0 } else { number(key) / 2 % 2 }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().expect("a test")
    }

    fn start(&mut self) -> Run {
        self.now += 500;
        let durable = Durable::open(self.store.clone(), 0, self.alone).expect("in memory");
        durable.begin_at(self.now).expect("in memory");
        let remembered = [0, 1].map(|process| Remembered::at(durable.found(), self.seconds(process), self.alone));
        let (rows, told) = (self.rows.clone(), remembered[0].clone());
        let done = move |key: &EpisodeKey, _withdrawn: bool, _again| {
            rows.lock().expect("a test").get(key).is_some_and(|row| told.covers(row))
        };
        let from = durable.found().positions.get("entries").copied().unwrap_or(0);
        let repeats = Repeats::until_done(done);
        let feed = Feed::new(Box::new(Numbered(from)), repeats, Arc::default(), Peers::alone(WORKERS), 5);
        self.now += 1;
        let ticks = [self.tick(); WORKERS];
        Run { durable, feed, remembered, ticks, journeys: Vec::new(), again: BTreeSet::new(), compared: false }
    }

    fn tick(&self) -> Epoch {
        (self.now / 100) as Epoch
    }

    /// Whether there was anything to do.
    fn make(&mut self, run: &mut Run, step: Step) -> bool {
        match step {
            Step::Look(worker) => run.ticks[worker] = self.tick(),
            Step::Take(worker) => return self.take(run, worker),
            Step::Know(at) => {
                let Some(journey) = run.at(at) else { return false };
                if !journey.known && !self.is_settled(journey.episode.key()) {
                    journey.known = true;
                    let key = journey.episode.key().clone();
                    run.durable.tell(&Told::Digest(key, Key::of(&[0; 32])));
                }
            }
            Step::End(at) => return self.end(run, at),
            Step::Free(at) => self.free(run, at),
            Step::Compare => self.compare(run),
            Step::Commit => run.commit(self.now - doubt(self.alone)),
            Step::Die => {}
        }
        run.pass();
        true
    }

    fn take(&self, run: &mut Run, worker: usize) -> bool {
        let tick = run.ticks[worker];
        let next = run.feed.next(worker as u64, tick);
        for (at, (_, notice)) in run.feed.notices(tick) {
            if let Notice::Read(epoch, positions) = notice {
                assert!(at >= tick && at == epoch);
                run.durable.read(epoch, positions);
            }
        }
        let Next::Record(record) = next else { return false };
        run.journeys.push(Journey { episode: record.episode, since: self.seconds(0), tick, known: false });
        true
    }

    /// Whether it is known for another's copy before it makes anything known.
    fn is_settled(&self, key: &EpisodeKey) -> bool {
        number(key).is_multiple_of(2) && !self.fresh.contains(key)
    }

    fn end(&self, run: &mut Run, at: usize) -> bool {
        let Some(journey) = run.at(at) else { return false };
        let settled = self.is_settled(journey.episode.key());
        if !journey.known && !settled {
            return false;
        }
        let place = at % run.journeys.len();
        let Journey { episode, since, .. } = run.journeys.remove(place);
        run.again.remove(episode.key());
        let state = match settled {
            true => State::Duplicate { of: "0".into(), level: "enclosure".into(), via: "0".into(), similarity: 1.0 },
            false => State::Failed { fault: hark_operators::Fault::poison("cut", "silent", "", "") },
        };
        let (ingested_at, completed_at) = (since, self.seconds(self.process(episode.key())));
        let row = sample::outcome("", episode.key().episode.as_str(), 0, state);
        let announcement = (*episode.announcement).clone();
        let row = Outcome { ingested_at, completed_at, announcement, ..row };
        self.rows().insert(episode.key().clone(), row);
        run.feed.ended(&episode);
        true
    }

    fn free(&mut self, run: &mut Run, at: usize) {
        let settled = |row: &Outcome| matches!(row.state, State::Duplicate { .. });
        let key = |row: &Outcome| row.announcement.key.clone();
        let settled: Vec<EpisodeKey> = self.rows().values().filter(|row| settled(row)).map(key).collect();
        if let Some(key) = settled.get(at).filter(|key| !self.fresh.contains(key)) {
            self.fresh.insert(key.clone());
            run.set_out_again(&self.rows()[key].announcement);
        }
    }

    /// As a publisher does after a start.
    fn compare(&self, run: &mut Run) {
        if std::mem::replace(&mut run.compared, true) {
            return;
        }
        for (key, row) in self.rows().iter() {
            let again = match row.state {
                State::Duplicate { .. } => self.fresh.contains(key),
                _ if run.remembered[self.process(key)].covers_own(row) => false,
                _ => !run.feed.is_under_way(&row.announcement),
            };
            if again {
                run.set_out_again(&row.announcement);
            }
        }
    }

    /// All that is left is done, and nobody dies any more.
    fn finish(&mut self) -> BTreeSet<EpisodeKey> {
        let mut run = self.start();
        self.make(&mut run, Step::Compare);
        while self.make(&mut run, Step::Take(0)) || self.make(&mut run, Step::Know(0)) {
            self.now += 10;
            self.make(&mut run, Step::End(0));
        }
        for worker in 0..WORKERS {
            self.now += 100;
            self.make(&mut run, Step::Look(worker));
        }
        run.commit(DRAINED);
        let end = run.durable.positions()["entries"];
        assert_eq!(end, ALL, "all of the source is done");
        let restored = run.durable.load(0, 1).expect("in memory").expect("it is the first process");
        let told = restored.facts.map(|fact| Told::from(fact.expect("in memory")));
        told.filter_map(|told| if let Told::Digest(key, _) = told { Some(key) } else { None }).collect()
    }
}

impl Run {
    fn at(&mut self, at: usize) -> Option<&mut Journey> {
        let count = self.journeys.len();
        self.journeys.get_mut(at.checked_rem(count)?)
    }

    fn set_out_again(&mut self, announcement: &Announcement) {
        if self.again.insert(announcement.key.clone()) {
            self.feed.corrections.set_out_again(announcement.clone());
        }
    }

    fn pass(&self) {
        let open = self.journeys.iter().map(|journey| journey.tick).chain(self.ticks);
        self.durable.passed(open.min().expect("there are workers"));
    }

    fn commit(&self, at: i64) {
        self.durable.commit_until(at, &self.feed).expect("in memory");
    }
}

fn number(key: &EpisodeKey) -> usize {
    key.episode.as_str().parse().expect("a number")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn wherever_runs_die_every_announcement_ends_and_what_ended_fresh_is_known(
        ahead in prop::option::of(-doubt(false)..=doubt(false)),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut world = World::new(ahead);
        let mut run = world.start();
        for (step, milliseconds) in steps {
            world.now += milliseconds;
            match step {
                Step::Die => {
                    drop(run);
                    run = world.start();
                }
                step => drop(world.make(&mut run, step)),
            }
        }
        drop(run);
        let known = world.finish();
        let rows = world.rows();
        prop_assert_eq!(rows.len() as i64, ALL);
        for (key, row) in rows.iter() {
            match row.state {
                State::Duplicate { .. } => prop_assert!(!world.fresh.contains(key), "{key:?} is fresh"),
                _ => prop_assert!(known.contains(key), "what {key:?} made known is lost"),
            }
        }
    }
}
