//! Topics that hark writes into: made if they are missing, with the partitions of the announcements.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::{BrokerError, Brokers, Heard};

const PATIENCE: Duration = Duration::from_secs(8);

/// The property of a topic that says how large a batch may be.
const LARGEST: &str = "max.message.bytes";

/// What a broker takes where nobody has said otherwise.
const USUAL: usize = 1_048_588;

/// Headers that a dead letter gains, and the batch around it.
const ROOM: usize = 64 * 1024;

/// How large a message each topic takes, in bytes.
pub type Limits = BTreeMap<String, usize>;

impl Brokers {
    /// Makes what is missing of the topics for previews (compacted), outcomes, and dead letters (one per
    /// topic of announcements, with room for the largest of those and what hark adds). How large a message
    /// each takes.
    ///
    /// # Errors
    /// [`BrokerError`].
    pub fn prepare(
        &self,
        announcements: &[String],
        previews: Option<&str>,
        outcomes: Option<&str>,
    ) -> Result<Limits, BrokerError> {
        let admin: AdminClient<Heard> =
            self.client(&[]).create_with_context(Heard::default()).map_err(BrokerError::client)?;
        let mut most = 1;
        for topic in announcements {
            let partitions = self.partitions(topic)?;
            most = most.max(partitions);
            let largest = (limit(&admin, topic)? + ROOM).to_string();
            self.make(&admin, &dead_letters_of(topic), partitions, &[(LARGEST, &largest)])?;
        }
        if let Some(topic) = previews {
            self.make(&admin, topic, most, &[("cleanup.policy", "compact")])?;
        }
        if let Some(topic) = outcomes {
            self.make(&admin, topic, most, &[])?;
        }
        let made = announcements.iter().map(|topic| dead_letters_of(topic));
        let made = made.chain([previews, outcomes].into_iter().flatten().map(str::to_owned));
        made.map(|topic| Ok((topic.clone(), limit(&admin, &topic)?))).collect()
    }

    fn make(
        &self,
        admin: &AdminClient<Heard>,
        topic: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<(), BrokerError> {
        if self.partitions_if_there(topic)?.is_some() {
            return Ok(());
        }
        // How many replicas is the broker's to say.
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
        let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
        let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
        let made = wait(admin.create_topics([&new], &options)).map_err(|error| BrokerError::topic(topic, error))?;
        match made.into_iter().next() {
            // Another process was faster.
            Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) => {
                tracing::info!(topic, partitions, "the topic is there");
                Ok(())
            }
            Some(Err((_, code))) => Err(BrokerError::topic(topic, code)),
            None => Err(BrokerError::topic(topic, "the broker does not say whether it was made")),
        }
    }
}

/// Where a topic's dead letters go.
pub(crate) fn dead_letters_of(topic: &str) -> String {
    format!("{topic}.dlq")
}

fn limit(admin: &AdminClient<Heard>, topic: &str) -> Result<usize, BrokerError> {
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let asked = wait(admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options));
    let found = match asked.map(|found| found.into_iter().next()) {
        Ok(Some(Ok(found))) => found,
        // Who may write into a topic need not be allowed to look at its settings.
        Ok(Some(Err(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed)) | None) => return Ok(USUAL),
        Ok(Some(Err(code))) => return Err(BrokerError::topic(topic, code)),
        Err(error) => return Err(BrokerError::topic(topic, error)),
    };
    let value = found.get(LARGEST).and_then(|entry| entry.value.as_deref()?.parse().ok());
    Ok(value.unwrap_or(USUAL))
}

/// The admin client answers by futures of threads of its own.
fn wait<T>(answer: impl Future<Output = Result<T, KafkaError>>) -> Result<T, KafkaError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without any driver");
    runtime.block_on(answer)
}
