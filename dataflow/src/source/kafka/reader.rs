//! One consumer, and the partitions that it reads.

use std::time::Duration;

use hark_operators::record::Origin;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::{Lag, Positions, Share};
use crate::broker::{BrokerError, Brokers, Heard, origin, partitions_now};

/// How long a broker may take to say what a group has committed: the first time, it makes a topic for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it may take to say how far a partition reaches.
const GLANCE: Duration = Duration::from_secs(5);

/// `topic/partition`; a topic's name has no slash.
pub(super) fn name(topic: &str, partition: i32) -> String {
    format!("{topic}/{partition}")
}

pub(super) struct Reader {
    consumer: BaseConsumer<Heard>,
    group: String,
    topics: Vec<String>,
    share: Share,
}

impl Reader {
    /// A reader of these topics, with nothing assigned to it yet.
    pub fn open(brokers: &Brokers, group: &str, topics: Vec<String>, share: Share) -> Result<Self, BrokerError> {
        let settings = [
            ("group.id", group),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "earliest"),
            ("isolation.level", "read_committed"),
            // Fetched and not yet offered; the rest waits at the broker.
            ("queued.max.messages.kbytes", "16384"),
            ("fetch.queue.backoff.ms", "100"),
        ];
        let consumer = brokers.client(&settings).create_with_context(Heard::default()).map_err(BrokerError::client)?;
        Ok(Self { consumer, group: group.to_owned(), topics, share })
    }

    /// Assigns partitions of its share that are not yet. Each is read on from its position, or from where
    /// the group has committed if that is farther. Where they begin, as far as it is known.
    pub fn assign_new(&self, positions: &Positions) -> Result<Positions, BrokerError> {
        let group = |error: KafkaError| BrokerError::Group { group: self.group.clone(), cause: error.to_string() };
        let assigned = self.consumer.assignment().map_err(group)?;
        let mut new = TopicPartitionList::new();
        for topic in &self.topics {
            let partitions = partitions_now(self.consumer.client(), topic)?;
            let partitions = partitions.ok_or_else(|| BrokerError::Missing { topic: topic.clone() })?;
            for partition in (0..partitions).filter(|partition| self.share.holds(*partition)) {
                if assigned.find_partition(topic, partition).is_none() {
                    new.add_partition(topic, partition);
                }
            }
        }
        if new.count() == 0 {
            return Ok(Positions::new());
        }
        let committed = self.consumer.committed_offsets(new, PATIENCE).map_err(group)?;
        let (mut from, mut starts) = (TopicPartitionList::new(), Positions::new());
        for found in committed.elements() {
            found.error().map_err(group)?;
            let name = name(found.topic(), found.partition());
            let known = positions.get(&name).copied();
            let start = match found.offset() {
                Offset::Offset(committed) => Some(known.map_or(committed, |known| known.max(committed))),
                _ => known,
            };
            let offset = start.map_or(Offset::Beginning, Offset::Offset);
            from.add_partition_offset(found.topic(), found.partition(), offset).map_err(group)?;
            starts.extend(start.map(|start| (name, start)));
        }
        self.consumer.incremental_assign(&from).map_err(group)?;
        tracing::info!(topics = ?self.topics, partitions = from.count(), "reading more partitions");
        Ok(starts)
    }

    /// The next message that is here already.
    pub fn next(&self) -> Option<Origin> {
        // What goes wrong is logged where it is heard, and the client tries again by itself.
        self.consumer.poll(Duration::ZERO)?.ok().map(|message| origin(&message))
    }

    pub fn lost_a_commit(&self) -> bool {
        self.consumer.context().lost_a_commit()
    }

    /// Commits the positions of its topics, those that other processes read too: one commits for all.
    pub fn commit(&self, positions: &Positions, wait: bool) -> Result<(), KafkaError> {
        let mut offsets = TopicPartitionList::new();
        for (name, next) in positions {
            let Some((topic, partition)) = name.rsplit_once('/') else { continue };
            let Ok(partition) = partition.parse() else { continue };
            if self.topics.iter().any(|own| own == topic) {
                offsets.add_partition_offset(topic, partition, Offset::Offset(*next))?;
            }
        }
        if offsets.count() == 0 {
            return Ok(());
        }
        self.consumer.commit(&offsets, if wait { CommitMode::Sync } else { CommitMode::Async })
    }

    /// Asks where its partitions begin and end.
    pub fn look(&self, lag: &Lag) -> Result<(), KafkaError> {
        for partition in self.consumer.assignment()?.elements() {
            let (topic, partition) = (partition.topic(), partition.partition());
            let (begin, end) = self.consumer.fetch_watermarks(topic, partition, GLANCE)?;
            lag.spans(&name(topic, partition), begin, end);
        }
        Ok(())
    }
}
