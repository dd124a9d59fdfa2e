//! What an operator has given to lanes, until it has come back.
//!
//! ```text
//! sent ─▶ a lane begins ─▶ records come ─▶ done
//!   │        └ not done within the deadline: the lane hangs and is given up
//!   │             ├ a batch of one: this item hangs lanes, and its episode goes on without this operator
//!   │             └ of several: each is tried again, alone, so that nobody pays for another
//!   └ none begins within twice the deadline: there is no lane, and it fails
//! ```
//! Invariant: of a batch of several nothing is passed on before all of it is done. So what is tried again gives
//! nothing twice.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::group::Ticket;
use super::lines::Waiting;
use crate::record::{EpisodeKey, Kind, Priority, Record};

/// What a lane and who sent it a batch tell each other of it.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// When a lane began; `None` if nobody waited for it any more before one did.
    begun: OnceLock<Option<Instant>>,
    given_up: AtomicBool,
}

impl Fate {
    /// A lane has it now. Tells whether it is to run it: somebody waits for it still.
    pub(super) fn begin(&self, now: Instant) -> bool {
        self.begun.set(Some(now)).is_ok()
    }

    /// Whether no lane has begun it, and none will.
    fn is_withdrawn(&self) -> bool {
        self.begun.get_or_init(|| None).is_none()
    }

    /// Whether nobody waits for it any more, and another lane stands where the one that has it stood.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

/// Episodes of which an item hung a lane that are remembered: the last so many, for so long.
const MARKED: usize = 64;
const MARKED_FOR: Duration = Duration::from_secs(3600);

/// The batches of one operator; `C` is what its driver keeps beside a record.
pub(super) struct Flight<C> {
    deadline: Duration,
    items: BTreeMap<Ticket, Item<C>>,
    next: Ticket,
    /// Of batches that hung a lane: each is to go alone.
    suspects: VecDeque<Waiting<C>>,
    /// The latest first.
    marked: VecDeque<Mark>,
}

/// Of this episode an item of this kind hung a lane, alone.
struct Mark {
    episode: EpisodeKey,
    kind: Kind,
    at: Instant,
}

struct Item<C> {
    waited: Waiting<C>,
    batch: Rc<Batch>,
    /// What has come of it and is held back.
    came: Vec<Record>,
}

struct Batch {
    fate: Arc<Fate>,
    first: Ticket,
    sent: Instant,
    alone: bool,
}

/// A lane that hangs.
#[derive(Debug, PartialEq)]
pub(super) struct Hung {
    /// What it was given.
    pub(super) kind: Kind,
    /// Whose item it was, if it was one alone.
    pub(super) by: Option<EpisodeKey>,
}

impl<C> Flight<C> {
    /// `deadline` is how long a lane may take for a batch.
    pub(super) fn new(deadline: Duration) -> Self {
        Self { deadline, items: BTreeMap::new(), next: 0, suspects: VecDeque::new(), marked: VecDeque::new() }
    }

    /// Items with a lane, or on the way to one.
    pub(super) fn len(&self) -> usize {
        self.items.len() + self.suspects.len()
    }

    /// Notes a batch, and makes it ready for a lane.
    pub(super) fn send(&mut self, batch: Vec<Waiting<C>>, now: Instant) -> (Vec<(Ticket, Record)>, Arc<Fate>) {
        let fate = Arc::new(Fate::default());
        let (first, alone) = (self.next + 1, batch.len() == 1);
        let sent = Rc::new(Batch { fate: fate.clone(), first, sent: now, alone });
        let records = batch.into_iter().map(|waited| {
            self.next += 1;
            let record = waited.record.clone();
            self.items.insert(self.next, Item { waited, batch: sent.clone(), came: Vec::new() });
            (self.next, record)
        });
        (records.collect(), fate)
    }

    /// A record that came of an item: to be passed on now, unless it is held back or nobody waits for it.
    pub(super) fn came(&mut self, ticket: Ticket, record: Record) -> Option<(&C, Record)> {
        let item = self.items.get_mut(&ticket)?;
        if item.batch.alone {
            return Some((&item.waited.kept, record));
        }
        item.came.push(record);
        None
    }

    /// Nothing more comes of these: what was held back, and the items.
    pub(super) fn done(&mut self, tickets: &[Ticket]) -> Vec<(Waiting<C>, Vec<Record>)> {
        let ended = tickets.iter().filter_map(|ticket| self.items.remove(ticket));
        ended.map(|item| (item.waited, item.came)).collect()
    }

    /// Lanes that hang, and the items of which nothing will come.
    pub(super) fn overdue(&mut self, now: Instant) -> (Vec<Hung>, Vec<Waiting<C>>) {
        let deadline = self.deadline;
        let late = |batch: &Batch| match batch.fate.begun.get() {
            Some(Some(begun)) => now.duration_since(*begun) > deadline,
            Some(None) => true,
            None => now.duration_since(batch.sent) > deadline.saturating_mul(2),
        };
        let tickets: Vec<Ticket> = self.items.iter().filter(|(_, item)| late(&item.batch)).map(|(at, _)| *at).collect();
        let (mut hung, mut lost) = (BTreeMap::new(), Vec::new());
        for Item { waited, batch, .. } in tickets.iter().filter_map(|ticket| self.items.remove(ticket)) {
            if batch.fate.is_withdrawn() {
                lost.push(waited);
                continue;
            }
            batch.fate.given_up.store(true, Ordering::Release);
            let key = waited.record.episode.key();
            hung.insert(batch.first, Hung { kind: waited.record.kind(), by: batch.alone.then(|| key.clone()) });
            if batch.alone {
                self.marked.push_front(Mark { episode: key.clone(), kind: waited.record.kind(), at: now });
                self.marked.truncate(MARKED);
                lost.push(waited);
            } else {
                self.suspects.push_back(waited);
            }
        }
        if !hung.is_empty() {
            let suspects = std::mem::take(&mut self.suspects);
            let (marked, others) = suspects.into_iter().partition(|one| self.is_marked(&one.record, now));
            self.suspects = others;
            lost.extend::<VecDeque<_>>(marked);
        }
        (hung.into_values().collect(), lost)
    }

    /// Whether another such item of its episode hung a lane alone, lately: then this one is not tried.
    pub(super) fn is_marked(&self, record: &Record, now: Instant) -> bool {
        let lately = self.marked.iter().take_while(|mark| now.duration_since(mark.at) < MARKED_FOR);
        lately.into_iter().any(|mark| mark.kind == record.kind() && mark.episode == *record.episode.key())
    }

    /// The class of the next item that is to go alone.
    pub(super) fn suspected(&self) -> Option<Priority> {
        self.suspects.front().map(|one| one.record.episode.announcement.priority)
    }

    /// That item.
    pub(super) fn take_suspect(&mut self) -> Option<Waiting<C>> {
        self.suspects.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::super::sample;
    use super::*;
    use crate::driver::Limits;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// A passage of that episode.
    fn of(episode: &str, at: u32) -> Record {
        sample::of(episode, sample::passage(at, Priority::Normal, 5))
    }

    fn waiting(records: Vec<Record>, now: Instant) -> Vec<Waiting<()>> {
        let mut lines = Lines::default();
        let count = records.len();
        records.into_iter().for_each(|record| lines.push((), record, now, None));
        lines.take(&Limits::items(count))
    }

    fn names(lost: &[Waiting<()>]) -> Vec<&str> {
        lost.iter().map(|one| one.record.episode.key().episode.as_str()).collect()
    }

    #[test]
    fn of_a_batch_that_hangs_each_goes_alone_and_only_what_hangs_again_is_lost_with_its_episode() {
        let (mut flight, start) = (Flight::new(DEADLINE), Instant::now());
        let batch = waiting(vec![of("good", 0), of("bad", 1), of("bad", 2), of("other", 3)], start);
        let (sent, fate) = flight.send(batch, start);
        assert!(fate.begin(start));
        assert!(flight.came(sent[0].0, of("good", 0)).is_none(), "what comes early is held back");
        let (hung, lost) = flight.overdue(start + DEADLINE * 2);
        assert_eq!(hung, [Hung { kind: Kind::Passage, by: None }], "one lane hangs, however many items it had");
        assert!(lost.is_empty() && fate.is_given_up());
        assert!(flight.came(sent[0].0, of("good", 0)).is_none(), "what comes after all is nobody's");
        assert!(flight.done(&[sent[0].0]).is_empty());

        let mut ends = Vec::new();
        let mut now = start + DEADLINE * 2;
        while let Some(suspect) = flight.take_suspect() {
            let bad = suspect.record.episode.key().episode.as_str() == "bad";
            let (sent, fate) = flight.send(vec![suspect], now);
            assert_eq!(sent.len(), 1);
            assert!(fate.begin(now));
            if bad {
                now += DEADLINE * 2;
                let (hung, lost) = flight.overdue(now);
                assert!(hung[0].by.is_some());
                ends.extend(names(&lost).into_iter().map(|name| format!("{name} lost")));
            } else {
                assert!(flight.came(sent[0].0, of("x", 0)).is_some(), "alone, it is passed on at once");
                let done = flight.done(&[sent[0].0]);
                ends.push(format!("{} done", done[0].0.record.episode.key().episode.as_str()));
            }
        }
        assert_eq!(ends, ["good done", "bad lost", "bad lost", "other done"], "its second piece is not tried");
        assert!(flight.is_marked(&of("bad", 9), now) && !flight.is_marked(&of("good", 9), now));
        assert!(!flight.is_marked(&of("bad", 9), now + MARKED_FOR), "a replay another day is tried");
        assert_eq!(flight.len(), 0);
    }

    #[test]
    fn what_waits_behind_a_lane_that_hangs_is_not_blamed_for_it() {
        let (mut flight, start) = (Flight::new(DEADLINE), Instant::now());
        let (_, hangs) = flight.send(waiting(vec![of("bad", 0)], start), start);
        let (_, waits) = flight.send(waiting(vec![of("good", 0)], start), start);
        assert!(hangs.begin(start));
        let now = start + DEADLINE + Duration::from_secs(1);
        assert_eq!(names(&flight.overdue(now).1), ["bad"]);
        assert!(waits.begin(now));
        assert!(flight.overdue(now + DEADLINE).1.is_empty());
        assert_eq!(flight.len(), 1);
    }

    #[test]
    fn what_no_lane_ever_begins_fails_without_a_lane_being_blamed() {
        let (mut flight, start) = (Flight::new(DEADLINE), Instant::now());
        let (_, fate) = flight.send(waiting(vec![of("a", 0), of("b", 1)], start), start);
        assert!(flight.overdue(start + DEADLINE * 2).1.is_empty());
        let (hung, lost) = flight.overdue(start + DEADLINE * 3);
        assert_eq!((hung.len(), names(&lost)), (0, vec!["a", "b"]));
        assert!(!fate.begin(start + DEADLINE * 4), "a lane that comes to it late leaves it");
        assert!(!fate.is_given_up(), "and goes on: nothing stands in its place");
    }

    #[test]
    fn a_batch_of_several_is_passed_on_when_all_of_it_is_done() {
        let (mut flight, start) = (Flight::new(DEADLINE), Instant::now());
        let (sent, fate) = flight.send(waiting(vec![of("a", 0), of("b", 1)], start), start);
        assert!(fate.begin(start));
        assert!(flight.came(sent[0].0, of("a", 0)).is_none() && flight.came(sent[1].0, of("b", 1)).is_none());
        let tickets: Vec<Ticket> = sent.iter().map(|(ticket, _)| *ticket).collect();
        let done = flight.done(&tickets);
        assert_eq!(done.iter().map(|(_, came)| came.len()).collect::<Vec<_>>(), [1, 1]);
    }
}
