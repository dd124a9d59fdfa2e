//! What a feed hands out, to whom, and when it ends.

use std::time::Instant;

use super::*;
use crate::source::{Bounded, Entry};

pub(super) fn announced(id: usize, seconds: f64) -> Result<Announcement, BadEntry> {
    let fault = hark_operators::Fault::poison("source", "test", "", "");
    let bad = BadEntry { id: id.to_string(), place: String::new(), fault, original: Vec::new() };
    Ok(Announcement { declared_seconds: Some(seconds), ..unreadable(&bad) })
}

fn none() -> Arc<Corrections> {
    Arc::default()
}

fn feed(
    entries: impl Iterator<Item = Entry> + Send + 'static,
    corrections: Arc<Corrections>,
    workers: usize,
    max_in_flight: usize,
) -> Feed {
    let source = Box::new(Bounded::new(entries));
    Feed::new(source, Repeats::of_this_run(), corrections, Peers::alone(workers), max_in_flight)
}

fn taken(feed: &Feed) -> Option<Arc<Episode>> {
    match feed.next(0, 0) {
        Next::Record(record) => Some(record.episode),
        Next::Wait | Next::End => None,
    }
}

#[test]
fn no_more_episodes_are_on_their_way_than_allowed() {
    let feed = feed((0..5).map(|id| announced(id, 60.0)), none(), 1, 2);
    let first = taken(&feed).expect("the feed has episodes");
    assert!(taken(&feed).is_some());
    assert!(taken(&feed).is_none(), "two are on their way");
    feed.ended(&first);
    assert!(taken(&feed).is_some());
    assert_eq!((feed.offered(), feed.in_flight()), (3, 2));
}

/// Two queues that never end: what is urgent has even numbers.
struct Queues(usize);

impl Source for Queues {
    fn offer(&mut self) -> Offer {
        self.0 += 1;
        Offer::Entry(Box::new(announced(2 * self.0 + 1, 60.0)), None)
    }

    fn offer_urgent(&mut self) -> Offer {
        self.0 += 1;
        Offer::Entry(Box::new(announced(2 * self.0, 60.0)), None)
    }
}

#[test]
fn what_is_urgent_finds_room_beside_a_backfill_and_keeps_nobody_out() {
    let source = Box::new(Queues(0));
    let feed = Feed::new(source, Repeats::of_this_run(), none(), Peers::alone(1), 8);
    let all: Vec<Arc<Episode>> = std::iter::from_fn(|| taken(&feed)).collect();
    let is_urgent =
        |episode: &Arc<Episode>| episode.key().episode.as_str().parse::<usize>().expect("a number") % 2 == 0;
    let (urgent, others): (Vec<_>, Vec<_>) = all.iter().partition(|episode| is_urgent(episode));
    assert_eq!((others.len(), urgent.len()), (8, 2), "a quarter as much again");
    feed.ended(urgent[0]);
    assert!(is_urgent(&taken(&feed).expect("its room is free")) && taken(&feed).is_none());
    feed.ended(others[0]);
    assert!(!is_urgent(&taken(&feed).expect("so is that of the others")) && taken(&feed).is_none());
}

#[test]
fn an_episode_goes_to_the_worker_with_the_least_audio() {
    let lengths = [600.0, 100.0, 100.0, 100.0, 300.0, 100.0];
    let feed = feed(lengths.into_iter().enumerate().map(|(id, seconds)| announced(id, seconds)), none(), 2, 100);
    let homes: Vec<u64> = std::iter::from_fn(|| taken(&feed)).map(|episode| episode.home).collect();
    assert_eq!(homes, [0, 1, 1, 1, 1, 0]);
}

#[test]
fn a_repeated_announcement_is_counted_and_passed_over() {
    let entries = [announced(1, 1.0), announced(1, 2.0), announced(2, 1.0)];
    let feed = feed(entries.into_iter(), none(), 1, 100);
    assert_eq!(std::iter::from_fn(|| taken(&feed)).count(), 2);
    assert_eq!((feed.offered(), feed.repeated()), (2, 1));
}

#[test]
fn the_feed_stays_open_for_what_those_on_their_way_may_make_fresh() {
    let corrections = none();
    let feed = feed([announced(1, 1.0)].into_iter(), corrections.clone(), 1, 100);
    let first = taken(&feed).expect("one is announced");
    assert!(matches!(feed.next(0, 0), Next::Wait), "the source is done, but one is on its way");
    corrections.due(first.key().clone());
    feed.ended(&first);
    assert!(matches!(feed.next(0, 0), Next::Wait), "none is on its way, but a correction is due");
    assert!(corrections.take().is_some() && matches!(feed.next(0, 0), Next::Wait), "it is being made");
    corrections.set_out_again((*first.announcement).clone());
    corrections.settle();
    let again = taken(&feed).expect("it sets out once more");
    feed.ended(&again);
    assert!(matches!(feed.next(0, 0), Next::End));
    assert_eq!(feed.offered(), 1);
}

/// A source of which one entry is there at a time, and that counts them.
struct Trickle {
    entries: Vec<Option<Entry>>,
    given: i64,
    committed: Arc<Mutex<Positions>>,
}

impl Source for Trickle {
    fn offer(&mut self) -> Offer {
        match self.entries.pop() {
            Some(Some(entry)) => {
                self.given += 1;
                Offer::Entry(Box::new(entry), None)
            }
            Some(None) => Offer::Nothing,
            None => Offer::End,
        }
    }

    fn positions(&self) -> Positions {
        Positions::from([("entries".to_owned(), self.given)])
    }

    fn committed(&mut self, positions: &Positions) {
        self.committed.lock().expect("a test").clone_from(positions);
    }
}

#[test]
fn how_far_a_source_was_read_is_told_of_the_latest_tick_in_which_it_was() {
    let committed = Arc::new(Mutex::new(Positions::new()));
    let one = |id| Some(announced(id, 1.0));
    let entries = vec![one(4), one(3), None, one(2), one(1)];
    let source = Trickle { entries, given: 0, committed: committed.clone() };
    let feed = Feed::new(Box::new(source), Repeats::until_done(|_, _, _| false), none(), Peers::alone(1), 100);
    let next = |now| matches!(feed.next(0, now), Next::Record(_));
    let told = |now| match feed.notices(now).pop() {
        Some((at, (0, Notice::Read(said, positions)))) if at == said => Some((at, positions["entries"])),
        None => None,
        Some(other) => panic!("not {other:?}"),
    };
    assert!(next(0));
    assert_eq!(told(0), Some((0, 1)));
    assert!(next(6) && !next(5));
    assert_eq!(told(5), Some((6, 2)), "what another worker read in a later tick is told of that one");
    assert_eq!(told(7), None, "no farther than before");
    assert!(next(5));
    assert_eq!(told(5), Some((6, 3)), "so far includes what was taken in that later tick and told of already");
    assert!(next(6));
    assert_eq!(told(9), Some((9, 4)));
    let positions = Positions::from([("entries".to_owned(), 4)]);
    feed.committed(&positions);
    assert_eq!(*committed.lock().expect("a test"), positions);
}

#[test]
fn who_is_asked_to_end_tells_all_processes_once_and_who_is_told_tells_nobody() {
    let peers = Peers { process: 1, processes: 3, threads: 2, started: Instant::now() };
    let source = || Box::new(Bounded::new(std::iter::empty()));
    let asked = Feed::new(source(), Repeats::of_this_run(), none(), peers, 1);
    asked.close();
    let told: Vec<u64> = asked.notices(0).into_iter().map(|(_, (worker, _))| worker).collect();
    assert_eq!((told, asked.notices(1).len()), (vec![0, 2, 4], 0));
    let other = Feed::new(source(), Repeats::of_this_run(), none(), peers, 1);
    other.close_with_others();
    assert!(other.notices(0).is_empty() && matches!(other.next(2, 0), Next::End));
}

#[test]
fn a_feed_that_goes_on_runs_an_episode_again_only_where_it_has_no_outcome() {
    let entries = [1, 1, 2].map(|id| announced(id, 1.0));
    let done = |key: &EpisodeKey, _withdrawn: bool, _again| key.episode.as_str() == "2";
    let source = Box::new(Bounded::new(entries.into_iter()));
    let feed = Feed::new(source, Repeats::until_done(done), none(), Peers::alone(1), 100);
    let first = taken(&feed).expect("one is new");
    assert!(taken(&feed).is_none(), "it is on its way, the other has its outcome");
    assert_eq!((first.key().episode.as_str(), feed.repeated()), ("1", 2));
}

#[test]
fn a_closed_feed_ends_when_nothing_is_on_its_way() {
    let feed = feed((0..5).map(|id| announced(id, 60.0)), none(), 1, 10);
    let first = taken(&feed).expect("the feed has episodes");
    feed.close();
    assert!(matches!(feed.next(0, 0), Next::Wait));
    feed.ended(&first);
    assert!(matches!(feed.next(0, 0), Next::End));
}

#[test]
fn a_feed_is_looked_at_soon_while_episodes_are_on_their_way_and_else_when_its_source_says_but_each_tick() {
    let idle = |source: Box<dyn Source>| {
        let feed = Feed::new(source, Repeats::of_this_run(), none(), Peers::alone(1), 9);
        assert!(taken(&feed).is_none());
        feed
    };
    let elsewhere = idle(Box::new(crate::source::Idle)).pause();
    assert!((BUSY..=TICK).contains(&elsewhere), "{elsewhere:?}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let watched = crate::source::Watched::open(folder.path(), &Positions::new()).expect("it is there");
    assert!((BUSY..=TICK).contains(&idle(Box::new(watched)).pause()));
    let trickle = Trickle { entries: vec![None], given: 0, committed: Arc::default() };
    let queue = idle(Box::new(trickle)).pause();
    assert!(queue <= Duration::from_millis(10), "{queue:?}");
    let busy = feed((0..5).map(|id| announced(id, 60.0)), none(), 1, 1);
    assert!(taken(&busy).is_some() && taken(&busy).is_none());
    assert_eq!(busy.pause(), BUSY);
}
