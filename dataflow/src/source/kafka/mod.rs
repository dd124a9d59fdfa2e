//! Topics of announcements.
//!
//! ```text
//!            ┌ Reader: urgent topics ┐
//! brokers ──▶│                       ├─ offer ─▶ Entry, Origin
//!            └ Reader: the others    ┘             │
//!   ▲                                              ▼
//!   └──── committed ◀── durable outcomes ◀──── the graph
//! ```
//! Partitions are assigned by arithmetic, not by a group's protocol: partition p is read by process
//! p mod processes. So a restart waits for no rebalance, and offsets are committed for operators and
//! lag exporters, while hark itself goes on from its own snapshot (decision 10).
//!
//! Invariant: nothing here waits for a broker but `open` and `finished`; a message is offered once, in
//! the order of its partition; an offset is committed only when all before it is durable.

mod lag;
pub(crate) mod message;
mod past;
mod reader;
mod survey;
mod turns;

use std::sync::Arc;

use hark_operators::record::Priority;

use self::reader::Reader;
use self::survey::Survey;
use self::turns::Turns;
use super::live::{Offer, Positions, Source};
use crate::broker::{BrokerError, Brokers};

pub use lag::{Behind, Lag};
pub use past::Past;

/// What is read, and on whose behalf.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where.
    pub brokers: Brokers,
    /// Topics of announcements.
    pub topics: Vec<String>,
    /// Topics of announcements that overtake those.
    pub urgent: Vec<String>,
    /// In whose name offsets are committed.
    pub group: String,
    /// Bytes of the largest value that is read as an announcement.
    pub longest: usize,
}

/// The part of all partitions that one process reads.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Its number, from 0.
    pub process: usize,
    /// How many there are.
    pub processes: usize,
}

impl Share {
    fn holds(self, partition: i32) -> bool {
        partition as usize % self.processes.max(1) == self.process
    }
}

/// A source that reads topics; it never ends.
pub struct Kafka {
    /// Urgent ones first; either may be absent.
    readers: Vec<(Priority, Arc<Reader>)>,
    /// Next offsets by `topic/partition`.
    positions: Positions,
    committed: Positions,
    longest: usize,
    turns: Turns,
    lag: Lag,
    _survey: Survey,
}

impl Kafka {
    /// Reads a share of the topics on from these positions; where there are none from the offsets that
    /// the group has committed, else from the beginning.
    ///
    /// # Errors
    /// [`BrokerError`]: brokers, topics, group.
    pub fn open(settings: Settings, share: Share, positions: &Positions) -> Result<Self, BrokerError> {
        let Settings { brokers, topics, urgent, group, longest } = settings;
        let (lag, mut from, mut readers) = (Lag::default(), Positions::new(), Vec::new());
        for (priority, topics) in [(Priority::Urgent, urgent), (Priority::Normal, topics)] {
            if !topics.is_empty() {
                let reader = Reader::open(&brokers, &group, topics, share)?;
                from.extend(reader.assign_new(positions)?);
                readers.push((priority, Arc::new(reader)));
            }
        }
        for (name, next) in &from {
            lag.read(name, *next, None);
        }
        let survey = Survey::start(readers.iter().map(|(_, reader)| reader.clone()).collect(), lag.clone());
        let committed = Positions::new();
        Ok(Self { readers, positions: from, committed, longest, turns: Turns::default(), lag, _survey: survey })
    }

    /// How far it is behind, now and later.
    pub fn lag(&self) -> Lag {
        self.lag.clone()
    }

    /// The readers in the order in which they are asked.
    fn turn(&self) -> Vec<(Priority, Arc<Reader>)> {
        let mut readers = self.readers.clone();
        if self.turns.is_the_others() {
            readers.reverse();
        }
        readers
    }

    fn read(&mut self, priority: Priority, reader: &Reader) -> Option<Offer> {
        let origin = reader.next()?;
        let name = reader::name(&origin.topic, origin.partition);
        self.lag.read(&name, origin.offset + 1, origin.timestamp_ms);
        self.positions.insert(name, origin.offset + 1);
        self.turns.read(priority);
        let entry = message::entry(&origin, self.longest, priority);
        Some(Offer::Entry(Box::new(entry), Some(Arc::new(origin))))
    }

    fn commit(&mut self, positions: &Positions, wait: bool) {
        let lost = self.readers.iter().fold(false, |lost, (_, reader)| reader.lost_a_commit() || lost);
        if *positions == self.committed && !lost && !wait {
            return;
        }
        for (_, reader) in &self.readers {
            if let Err(error) = reader.commit(positions, wait) {
                tracing::warn!(%error, "offsets were not committed; the next commit makes up for it");
            }
        }
        self.committed.clone_from(positions);
    }
}

impl Source for Kafka {
    fn offer(&mut self) -> Offer {
        for (priority, reader) in self.turn() {
            if let Some(offer) = self.read(priority, &reader) {
                return offer;
            }
        }
        self.turns.rest();
        Offer::Nothing
    }

    fn offer_urgent(&mut self) -> Offer {
        let urgent = self.readers.iter().find(|(priority, _)| *priority == Priority::Urgent).cloned();
        urgent.and_then(|(priority, reader)| self.read(priority, &reader)).unwrap_or(Offer::Nothing)
    }

    fn positions(&self) -> Positions {
        self.positions.clone()
    }

    fn committed(&mut self, positions: &Positions) {
        self.commit(positions, false);
    }

    fn finished(&mut self) {
        let positions = self.committed.clone();
        self.commit(&positions, true);
    }
}

#[cfg(test)]
mod tests;
