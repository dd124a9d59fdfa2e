//! What can be wrong with brokers and topics before a job begins. Every message names the thing and the
//! remedy; none holds a value of the properties file.

use std::path::PathBuf;

use rdkafka::error::KafkaError;

use crate::sink::SinkError;

/// Why a job cannot work with a broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The properties file cannot be read.
    #[error("{}: cannot be read ({cause}); check the path and its permissions", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// A line of it is none.
    #[error("{}:{line}: no key=value; write one property of librdkafka per line, comments begin with #", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The client does not know a property, or not its value.
    #[error("the Kafka property {key} is unknown or its value is none that librdkafka takes; see its CONFIGURATION.md")]
    Property {
        /// The property.
        key: String,
    },
    /// A client could not be made.
    #[error("cannot make a Kafka client ({cause}); check the ssl.* and sasl.* properties of --kafka-config")]
    Client {
        /// What librdkafka said.
        cause: String,
    },
    /// Nobody answers.
    #[error(
        "no broker answers at {addresses} ({cause}); check --brokers, the network, and security.protocol in --kafka-config"
    )]
    Unreachable {
        /// As given.
        addresses: String,
        /// What librdkafka said last.
        cause: String,
    },
    /// The broker refuses who we say we are.
    #[error(
        "the broker at {addresses} refuses the login ({cause}); check sasl.mechanism, sasl.username and sasl.password in --kafka-config"
    )]
    Login {
        /// As given.
        addresses: String,
        /// What the broker said.
        cause: String,
    },
    /// No secure connection comes about.
    #[error(
        "no TLS connection to {addresses} ({cause}); check security.protocol and ssl.ca.location in --kafka-config"
    )]
    Tls {
        /// As given.
        addresses: String,
        /// What librdkafka said.
        cause: String,
    },
    /// A topic of announcements is not there. It is never made by hark: its producers know its partitions.
    #[error("there is no topic {topic}; create it, or check --announcements")]
    Missing {
        /// Its name.
        topic: String,
    },
    /// No transactions with this id.
    #[error(
        "brokers give no transactions to id {id} ({cause}); check that they have them (Kafka has since 0.11) and what this client is allowed, or leave out --transactions"
    )]
    Transactions {
        /// The transactional id.
        id: String,
        /// What librdkafka said.
        cause: String,
    },
    /// Something about a topic.
    #[error("topic {topic}: {cause}; check its name and what this client is allowed there")]
    Topic {
        /// Its name.
        topic: String,
        /// What the broker said.
        cause: String,
    },
    /// The offsets of a group.
    #[error("group {group}: {cause}; check --group and what this client is allowed there")]
    Group {
        /// Its name.
        group: String,
        /// What the broker said.
        cause: String,
    },
    /// A message was not taken.
    #[error(transparent)]
    Message(#[from] SinkError),
}

impl BrokerError {
    /// Of making a client. The library's own message would show values.
    pub(crate) fn client(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, _, key, _) => Self::Property { key },
            other => Self::Client { cause: other.to_string() },
        }
    }

    pub(crate) fn topic(topic: &str, cause: impl ToString) -> Self {
        Self::Topic { topic: topic.to_owned(), cause: cause.to_string() }
    }
}
