//! The messages of a topic between two times, as they are there when it is opened.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hark_operators::record::Origin;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::{BrokerError, Brokers, Heard};

/// A broker that gives nothing for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which messages: by the times that they bear, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// From then on; from the beginning if `None`.
    pub since_ms: Option<i64>,
    /// Before then; up to what is there now if `None`.
    pub until_ms: Option<i64>,
}

/// Reads a span of a topic once. What comes behind the end while it is read is not its business.
pub struct Range {
    consumer: BaseConsumer<Heard>,
    topic: String,
    /// Next and last offset, the latter not included, of partitions that are not done.
    open: BTreeMap<i32, (i64, i64)>,
    heard: Instant,
}

impl Range {
    /// Finds out where the span begins and ends.
    ///
    /// # Errors
    /// [`BrokerError`]: brokers, topic.
    pub fn open(brokers: &Brokers, topic: &str, span: Span) -> Result<Self, BrokerError> {
        let named = |error: KafkaError| BrokerError::topic(topic, error);
        let partitions = brokers.partitions(topic)?;
        let settings = [("group.id", "hark-range"), ("enable.auto.commit", "false"), ("enable.partition.eof", "false")];
        let consumer: BaseConsumer<Heard> =
            brokers.client(&settings).create_with_context(Heard::default()).map_err(BrokerError::client)?;
        let at = |time: Option<i64>| -> Result<BTreeMap<i32, Offset>, KafkaError> {
            let Some(time) = time else { return Ok(BTreeMap::new()) };
            let mut asked = TopicPartitionList::new();
            asked.add_partition_range(topic, 0, partitions - 1);
            asked.set_all_offsets(Offset::Offset(time))?;
            let found = consumer.offsets_for_times(asked, PATIENCE)?;
            Ok(found.elements().iter().map(|found| (found.partition(), found.offset())).collect())
        };
        let (since, until) = (at(span.since_ms).map_err(named)?, at(span.until_ms).map_err(named)?);
        let (mut from, mut open) = (TopicPartitionList::new(), BTreeMap::new());
        for partition in 0..partitions {
            let (low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE).map_err(named)?;
            let first = match since.get(&partition) {
                Some(Offset::Offset(first)) => (*first).max(low),
                Some(_) => high,
                None => low,
            };
            let end = match until.get(&partition) {
                Some(Offset::Offset(end)) => (*end).min(high),
                _ => high,
            };
            if first < end {
                from.add_partition_offset(topic, partition, Offset::Offset(first)).map_err(named)?;
                open.insert(partition, (first, end));
            }
        }
        consumer.assign(&from).map_err(named)?;
        Ok(Self { consumer, topic: topic.to_owned(), open, heard: Instant::now() })
    }

    /// Messages left, those that compaction removed among them.
    pub fn left(&self) -> u64 {
        self.open.values().map(|(next, end)| end.abs_diff(*next)).sum()
    }

    /// The next message; `None` where none has come within `wait`, or all have.
    ///
    /// # Errors
    /// A broker that gives nothing any more.
    pub fn next(&mut self, wait: Duration) -> Result<Option<Origin>, BrokerError> {
        if self.left() == 0 {
            return Ok(None);
        }
        match self.consumer.poll(wait) {
            Some(Ok(message)) => {
                self.heard = Instant::now();
                let (partition, offset) = (message.partition(), message.offset());
                let Some((next, end)) = self.open.get_mut(&partition) else { return Ok(None) };
                let wanted = offset < *end;
                *next = offset + 1;
                if *next >= *end {
                    self.open.remove(&partition);
                }
                Ok(wanted.then(|| origin(&message)))
            }
            Some(Err(error)) => {
                tracing::debug!(%error, topic = self.topic, "reading a range");
                Ok(None)
            }
            None if self.heard.elapsed() > PATIENCE => {
                Err(BrokerError::topic(&self.topic, "it gives nothing any more"))
            }
            None => Ok(None),
        }
    }
}

/// A message of its own, free of the client's memory.
pub(crate) fn origin(message: &BorrowedMessage<'_>) -> Origin {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Origin {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
    }
}
