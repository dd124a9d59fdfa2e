//! How far reading is behind what is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How far one topic is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Behind {
    /// Messages that are there and not read.
    pub messages: u64,
    /// Seconds since the last message that was read had been produced; 0 where none waits.
    pub seconds: f64,
}

/// The lag of a source, shared with whoever shows it. Looking never waits for a broker.
#[derive(Clone, Debug, Default)]
pub struct Lag(Arc<Mutex<BTreeMap<String, Partition>>>);

#[derive(Debug, Default)]
struct Partition {
    next: i64,
    end: i64,
    timestamp_ms: Option<i64>,
}

impl Lag {
    /// A partition has been read up to there.
    pub(super) fn read(&self, name: &str, next: i64, timestamp_ms: Option<i64>) {
        let mut partitions = self.partitions();
        let partition = partitions.entry(name.to_owned()).or_default();
        partition.next = next;
        partition.timestamp_ms = timestamp_ms.or(partition.timestamp_ms);
    }

    /// A partition begins and ends there.
    pub(super) fn spans(&self, name: &str, begin: i64, end: i64) {
        let mut partitions = self.partitions();
        let partition = partitions.entry(name.to_owned()).or_default();
        (partition.next, partition.end) = (partition.next.max(begin), end);
    }

    /// How far each topic is behind at a time in milliseconds since 1970.
    pub fn by_topic(&self, now_ms: i64) -> BTreeMap<String, Behind> {
        let mut topics: BTreeMap<String, Behind> = BTreeMap::new();
        for (name, partition) in &*self.partitions() {
            let topic = name.rsplit_once('/').map_or(name.as_str(), |(topic, _)| topic);
            let behind = topics.entry(topic.to_owned()).or_default();
            let messages = (partition.end - partition.next).max(0).unsigned_abs();
            behind.messages += messages;
            if let (1.., Some(timestamp)) = (messages, partition.timestamp_ms) {
                behind.seconds = behind.seconds.max((now_ms - timestamp).max(0) as f64 / 1000.0);
            }
        }
        topics
    }

    fn partitions(&self) -> MutexGuard<'_, BTreeMap<String, Partition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_sums_messages_and_takes_the_longest_wait_of_partitions_that_are_behind() {
        let lag = Lag::default();
        lag.spans("ann/0", 2, 10);
        lag.spans("ann/1", 0, 5);
        lag.spans("ann/2", 0, 9);
        lag.read("ann/0", 7, Some(1_000));
        lag.read("ann/1", 5, Some(0));
        let behind = lag.by_topic(61_000);
        assert_eq!(behind, BTreeMap::from([("ann".to_owned(), Behind { messages: 3 + 9, seconds: 60.0 })]));
    }
}
