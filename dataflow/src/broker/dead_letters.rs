//! Dead letters back into the topic that they came from, with the bytes that they came with.
//!
//! Invariant: asking twice changes nothing that once has not: a job runs an announcement that was asked
//! for again only while its row says that it failed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hark_operators::record::origin::REPLAY;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::topics::dead_letters_of;
use super::{BrokerError, Brokers, Heard};
use crate::sink::messages::{Message, Named, Outbox, dead_letter};

/// A broker that gives nothing for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which dead letters.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetters<'a> {
    /// The topic of announcements.
    pub of: &'a str,
    /// Those since then, in milliseconds since 1970; all if `None`.
    pub since_ms: Option<i64>,
}

/// Announces once more what came to nothing; how many messages that were.
///
/// # Errors
/// [`BrokerError`]; what was announced until then may be announced again.
pub fn replay(brokers: &Brokers, letters: DeadLetters<'_>) -> Result<u64, BrokerError> {
    let topic = dead_letters_of(letters.of);
    let named = |error: KafkaError| BrokerError::topic(&topic, error);
    brokers.partitions(letters.of)?;
    let partitions = brokers.partitions(&topic)?;
    let settings = [("group.id", "hark-replay"), ("enable.auto.commit", "false"), ("enable.partition.eof", "false")];
    let consumer: BaseConsumer<Heard> =
        brokers.client(&settings).create_with_context(Heard::default()).map_err(BrokerError::client)?;
    let mut starts = TopicPartitionList::new();
    starts.add_partition_range(&topic, 0, partitions - 1);
    let starts = match letters.since_ms {
        Some(since) => {
            starts.set_all_offsets(Offset::Offset(since)).map_err(named)?;
            consumer.offsets_for_times(starts, PATIENCE).map_err(named)?
        }
        None => starts,
    };
    // What is there now: a letter that fails once more lies behind the end.
    let (mut from, mut ends) = (TopicPartitionList::new(), BTreeMap::new());
    for start in starts.elements() {
        let (low, high) = consumer.fetch_watermarks(&topic, start.partition(), PATIENCE).map_err(named)?;
        let first = match start.offset() {
            Offset::Offset(first) => first.max(low),
            Offset::End => high,
            _ => low,
        };
        if first < high {
            from.add_partition_offset(&topic, start.partition(), Offset::Offset(first)).map_err(named)?;
            ends.insert(start.partition(), high);
        }
    }
    consumer.assign(&from).map_err(named)?;
    let outbox = Outbox::open(brokers)?;
    let (mut count, mut heard) = (0, Instant::now());
    while !ends.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(letter)) => {
                heard = Instant::now();
                let end = ends.get(&letter.partition()).copied().unwrap_or_default();
                if letter.offset() < end {
                    send(&outbox, letters.of, &letter)?;
                    count += 1;
                }
                if letter.offset() + 1 >= end {
                    ends.remove(&letter.partition());
                }
            }
            Some(Err(error)) => tracing::debug!(%error, "reading dead letters"),
            None if heard.elapsed() > PATIENCE => return Err(BrokerError::topic(&topic, "it gives nothing any more")),
            None => {}
        }
    }
    outbox.flush()?;
    Ok(count)
}

fn send(outbox: &Outbox, topic: &str, letter: &BorrowedMessage<'_>) -> Result<(), BrokerError> {
    let came: Vec<Named> = letter
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter())
        .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
        .collect();
    let replay = (REPLAY.to_owned(), Some(b"1".to_vec()));
    let headers = dead_letter::own(&came).chain([replay]).collect();
    Ok(outbox.send(Message { topic, key: letter.key(), value: letter.payload(), headers })?)
}
