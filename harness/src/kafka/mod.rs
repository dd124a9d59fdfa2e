//! A job's ends at Kafka, and what else the command does there.
//!
//! Everything about brokers and topics is looked at before a model is loaded, so that a wrong address or
//! password is told within seconds.

mod announce;
mod args;
mod replay;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use hark_dataflow::broker::{Brokers, Properties, Span, Stretch};
use hark_dataflow::cluster::Peers;
use hark_dataflow::sink::Messages;
use hark_dataflow::sink::messages::{Outbox, Topics};
use hark_dataflow::source::kafka::{Past, Settings, Share};
use hark_dataflow::source::{Kafka, Positions};

pub use announce::announce;
pub use args::{AnnounceArgs, BrokerArgs, KafkaArgs};
pub use replay::dead_letters;

impl BrokerArgs {
    /// The brokers, where there are to be any.
    fn resolve(&self) -> Result<Option<Brokers>> {
        let Some(addresses) = &self.brokers else { return Ok(None) };
        let properties = self.kafka_config.as_deref().map(Properties::read).transpose()?.unwrap_or_default();
        Ok(Some(Brokers::new(addresses, properties)))
    }

    /// What lay in topics between two times.
    pub fn past(&self, topics: &[String], span: Span, longest: usize) -> Result<Past> {
        Ok(Past::open(&self.needed()?, topics, span, longest)?)
    }

    /// The same, on its way to another topic, for whose outcome is older than a time.
    pub fn stretch(
        &self,
        topics: &[String],
        span: Span,
        to: &str,
        older_than_ms: i64,
        longest: usize,
    ) -> Result<Stretch> {
        Ok(Stretch::open(&self.needed()?, topics, span, to, older_than_ms, longest)?)
    }

    /// The brokers of a command that is about nothing else.
    fn needed(&self) -> Result<Brokers> {
        self.resolve()?.ok_or_else(|| anyhow::anyhow!("no brokers; name them with --brokers HOST:PORT"))
    }
}

/// Topics of announcements that are known to be there.
pub struct Announcements(Settings);

impl KafkaArgs {
    /// Looks at brokers and topics and makes those that hark writes into: what is read there, and what is
    /// told of how episodes end, by this process of the cluster. `None` for a job without Kafka.
    pub fn open(&self, process: usize) -> Result<Option<(Announcements, Messages)>> {
        let Some(brokers) = self.at.resolve()? else { return Ok(None) };
        let all: Vec<String> = self.urgent_announcements.iter().chain(&self.announcements).cloned().collect();
        ensure!(!all.is_empty(), "no topic to read; name one with --announcements TOPIC");
        let distinct: BTreeSet<&String> = all.iter().collect();
        ensure!(distinct.len() == all.len(), "a topic is named twice; name each once, urgent or not");
        let limits = brokers.prepare(&all, self.previews.as_deref(), self.outcomes_topic.as_deref())?;
        let topics = Topics {
            previews: self.previews.clone(),
            outcomes: self.outcomes_topic.clone(),
            dead_letters: all.last().map(|topic| format!("{topic}.dlq")),
        };
        let outbox = if self.transactions {
            Outbox::transactional(&brokers, &format!("hark-{}-{process}", self.group))?
        } else {
            Outbox::open(&brokers)?
        };
        let messages = Messages::new(outbox, topics, limits, &format!("/hark/{}", self.group));
        let settings = Settings {
            brokers,
            topics: self.announcements.clone(),
            urgent: self.urgent_announcements.clone(),
            group: self.group.clone(),
            longest: self.largest_announcement,
        };
        Ok(Some((Announcements(settings), messages)))
    }
}

impl Announcements {
    /// Reads this process's share on from these positions.
    pub fn read(self, peers: &Peers, positions: &Positions) -> Result<Kafka> {
        let share = Share { process: peers.process, processes: peers.processes };
        Ok(Kafka::open(self.0, share, positions)?)
    }
}
