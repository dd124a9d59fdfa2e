//! Messages on their way to the brokers, and who waits for them.
//!
//! ```text
//! send ─▶ ticket outstanding ─▶ librdkafka ─▶ acknowledged by all replicas ─▶ ticket gone
//! flush ─────────────── waits until all tickets before it are gone ──────────────┘
//! ```
//!
//! Invariant: after one message was refused for good every flush fails, so that no later one can pass
//! for the acknowledgement of all.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};

use super::transaction::Transaction;
use crate::broker::{BrokerError, Brokers, Heard};
use crate::sink::SinkError;

/// How long a message may wait for brokers that are gone: much longer than a restart of them takes.
pub(super) const PATIENCE_MS: u64 = 600_000;

/// Name and value of a header.
pub type Named = (String, Option<Vec<u8>>);

/// One message.
pub struct Message<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its key, by which the partition is chosen.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` makes it a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Vec<Named>,
}

/// A producer, and what waits for its messages.
type Sending = (ThreadedProducer<Delivery>, Arc<Tickets>);

/// Sends messages, each once and in the order of their keys.
pub struct Outbox {
    producer: ThreadedProducer<Delivery>,
    tickets: Arc<Tickets>,
    transaction: Option<Transaction>,
}

impl Outbox {
    /// An outbox to these brokers.
    ///
    /// # Errors
    /// Properties that librdkafka does not take.
    pub fn open(brokers: &Brokers) -> Result<Self, BrokerError> {
        let (producer, tickets) = Self::producer(brokers, &[])?;
        Ok(Self { producer, tickets, transaction: None })
    }

    /// One whose messages are seen all together at each [`Outbox::commit`]. Of those with the same `id` the
    /// latest is heard alone.
    ///
    /// # Errors
    /// The same; brokers that know no transactions, or do not let this user have the id.
    pub fn transactional(brokers: &Brokers, id: &str) -> Result<Self, BrokerError> {
        let patience = PATIENCE_MS.to_string();
        let (producer, tickets) =
            Self::producer(brokers, &[("transactional.id", id), ("transaction.timeout.ms", &patience)])?;
        let transaction = Transaction::take_over(&producer)
            .map_err(|error| BrokerError::Transactions { id: id.to_owned(), cause: error.to_string() })?;
        Ok(Self { producer, tickets, transaction: Some(transaction) })
    }

    fn producer(brokers: &Brokers, more: &[(&str, &str)]) -> Result<Sending, BrokerError> {
        let patience = PATIENCE_MS.to_string();
        let settings = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("compression.type", "lz4"),
            ("linger.ms", "2"),
            ("delivery.timeout.ms", patience.as_str()),
            // How large a message may be is the topic's to say.
            ("message.max.bytes", "1000000000"),
            // As Java's clients choose partitions, so that keys meet those of other producers.
            ("partitioner", "murmur2_random"),
        ];
        let tickets = Arc::new(Tickets::default());
        let delivery = Delivery { heard: Heard::default(), tickets: tickets.clone() };
        let settings = [&settings, more].concat();
        let producer = brokers.client(&settings).create_with_context(delivery).map_err(BrokerError::client)?;
        Ok((producer, tickets))
    }

    /// Puts a message on its way.
    ///
    /// # Errors
    /// One that the client does not take at all.
    pub fn send(&self, message: Message<'_>) -> Result<(), SinkError> {
        self.in_transaction(|transaction| transaction.begin(&self.producer))?;
        let ticket = self.tickets.take();
        let Message { topic, key, value, headers } = message;
        let headers = headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, (key, value)| {
            all.insert(Header { key, value: value.as_deref() })
        });
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, ticket).headers(headers);
        (record.key, record.payload) = (key, value);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                // Brokers are slow or gone: what waits is bounded, so is this.
                Err((KafkaError::MessageProduction(Code::QueueFull), refused)) => {
                    record = refused;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => {
                    self.tickets.gone(ticket, Some((topic.to_owned(), error.to_string())));
                    return self.tickets.state().result();
                }
            }
        }
    }

    /// Returns when every message sent before is acknowledged.
    ///
    /// # Errors
    /// The first message that was refused for good.
    pub fn flush(&self) -> Result<(), SinkError> {
        self.tickets.wait()
    }

    /// The same, and from then on readers may see them, if they wait for transactions. Nobody may send
    /// meanwhile.
    ///
    /// # Errors
    /// The same; brokers that dropped the transaction: the run has to stop, and its next start repeats it.
    pub fn commit(&self) -> Result<(), SinkError> {
        self.flush()?;
        self.in_transaction(|transaction| transaction.commit(&self.producer))
    }

    fn in_transaction(&self, step: impl FnOnce(&Transaction) -> KafkaResult<()>) -> Result<(), SinkError> {
        let done = self.transaction.as_ref().map_or(Ok(()), step);
        done.map_err(|error| SinkError::Transaction { cause: error.to_string() })
    }
}

/// Which messages are on their way.
#[derive(Default)]
struct Tickets {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: usize,
    outstanding: BTreeSet<usize>,
    /// Topic and cause of the first message that was refused.
    refused: Option<(String, String)>,
}

impl State {
    fn result(&self) -> Result<(), SinkError> {
        match self.refused.clone() {
            Some((topic, cause)) => Err(SinkError::Message { topic, cause }),
            None => Ok(()),
        }
    }
}

impl Tickets {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> usize {
        let mut state = self.state();
        let ticket = state.next;
        state.next += 1;
        state.outstanding.insert(ticket);
        ticket
    }

    fn gone(&self, ticket: usize, refused: Option<(String, String)>) {
        let mut state = self.state();
        state.outstanding.remove(&ticket);
        if state.refused.is_none() {
            state.refused = refused;
        }
        self.changed.notify_all();
    }

    fn wait(&self) -> Result<(), SinkError> {
        let mut state = self.state();
        let until = state.next;
        while state.refused.is_none() && state.outstanding.first().is_some_and(|first| *first < until) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.result()
    }
}

/// Hears what became of each message.
struct Delivery {
    heard: Heard,
    tickets: Arc<Tickets>,
}

impl ClientContext for Delivery {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.heard.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(error, reason);
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let refused = result.as_ref().err().map(|(error, message)| (message.topic().to_owned(), error.to_string()));
        self.tickets.gone(ticket, refused);
    }
}
