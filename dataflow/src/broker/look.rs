//! Before the first message: does a broker answer, does it let us in, is the topic there.

use std::time::{Duration, Instant};

use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::metadata::Metadata;

use super::{BrokerError, Brokers, Heard};

/// How long to wait for an answer in all.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long to wait before looking at what the client complains of.
const SLICE: Duration = Duration::from_millis(700);

impl Brokers {
    /// How many partitions a topic of announcements has.
    ///
    /// # Errors
    /// [`BrokerError`], within some 5 s.
    pub fn partitions(&self, topic: &str) -> Result<i32, BrokerError> {
        self.partitions_if_there(topic)?.ok_or_else(|| BrokerError::Missing { topic: topic.to_owned() })
    }

    /// The same of a topic that need not be there.
    pub(super) fn partitions_if_there(&self, topic: &str) -> Result<Option<i32>, BrokerError> {
        // A consumer, because a producer that asks for a topic may make it.
        let config = self.client(&[("allow.auto.create.topics", "false")]);
        let consumer: BaseConsumer<Heard> =
            config.create_with_context(Heard::default()).map_err(BrokerError::client)?;
        let metadata = self.ask(&consumer, topic)?;
        count(&metadata, topic)
    }

    fn ask(&self, consumer: &BaseConsumer<Heard>, topic: &str) -> Result<Metadata, BrokerError> {
        let started = Instant::now();
        let addresses = || self.addresses().to_owned();
        let mut heard = None;
        loop {
            let error = match consumer.fetch_metadata(Some(topic), SLICE) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => error,
            };
            // Serves the complaints; without a group there is nothing else to come.
            while consumer.poll(Duration::from_millis(1)).is_some() {}
            heard = consumer.context().take().or(heard);
            let (code, cause) = heard.clone().unwrap_or_else(|| (error.rdkafka_error_code(), error.to_string()));
            match code {
                Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
                    return Err(BrokerError::Login { addresses: addresses(), cause });
                }
                // A listener without TLS just hangs up on us.
                _ if code == Some(Code::SSL) || cause.contains("SSL handshake failed") => {
                    return Err(BrokerError::Tls { addresses: addresses(), cause });
                }
                _ if started.elapsed() > PATIENCE => {
                    return Err(BrokerError::Unreachable { addresses: addresses(), cause });
                }
                _ => {}
            }
        }
    }
}

/// The partitions of a topic now, in a client that is running.
pub(crate) fn partitions_now<C: rdkafka::ClientContext>(
    client: &Client<C>,
    topic: &str,
) -> Result<Option<i32>, BrokerError> {
    let metadata = client.fetch_metadata(Some(topic), PATIENCE).map_err(|error| BrokerError::topic(topic, error))?;
    count(&metadata, topic)
}

fn count(metadata: &Metadata, topic: &str) -> Result<Option<i32>, BrokerError> {
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
    match found.error().map(Code::from) {
        None => Ok(Some(found.partitions().len() as i32)),
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(None),
        Some(code) => Err(BrokerError::topic(topic, code)),
    }
}
