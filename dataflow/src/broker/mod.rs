//! Reaching Kafka: how a client is set up, what is looked at before the first message, which topics are
//! made.
//!
//! ```text
//! addresses ┐
//!           ├▶ Brokers ─ look ─▶ partitions of the announcements ─ prepare ─▶ topics of what is made
//! file ─────┘     │
//!                 └▶ clients of source/kafka and sink/messages
//! ```
//!
//! Invariant: what a file says of a client never undoes what delivery rests on (no commits by the client
//! itself, acknowledgement by all replicas), and no value of it is ever shown.

mod dead_letters;
mod error;
mod heard;
mod look;
mod properties;
mod range;
mod stretch;
mod topics;

use rdkafka::ClientConfig;

pub use dead_letters::{DeadLetters, replay};
pub use error::BrokerError;
pub(crate) use heard::Heard;
pub(crate) use look::partitions_now;
pub use properties::Properties;
pub(crate) use range::origin;
pub use range::{Range, Span};
pub use stretch::{Passed, Stretch};
pub use topics::Limits;
pub(crate) use topics::dead_letters_of;

/// The brokers of a cluster and how they are to be spoken to.
#[derive(Clone, Debug)]
pub struct Brokers {
    addresses: String,
    properties: Properties,
}

impl Brokers {
    /// Brokers at `HOST:PORT`, several by commas.
    pub fn new(addresses: &str, properties: Properties) -> Self {
        Self { addresses: addresses.to_owned(), properties }
    }

    /// The addresses as given.
    pub fn addresses(&self) -> &str {
        &self.addresses
    }

    /// A client with these settings, which stand above those of the file.
    pub(crate) fn client(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "hark").set("socket.keepalive.enable", "true");
        // Brokers that are back are found within seconds.
        config.set("reconnect.backoff.max.ms", "2000");
        for (name, value) in self.properties.all() {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.addresses);
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config
    }
}
