//! The arguments that have to do with Kafka.

use std::path::PathBuf;

use clap::Args;

/// Where the brokers are.
#[derive(Args)]
pub struct BrokerArgs {
    /// Kafka brokers to begin with; several by commas.
    #[arg(long, value_name = "HOST:PORT")]
    pub brokers: Option<String>,
    /// Properties of librdkafka for TLS, SASL and the like, one key=value per line. Values are never shown.
    #[arg(long, value_name = "FILE", requires = "brokers")]
    pub kafka_config: Option<PathBuf>,
}

/// What is read and written there.
#[derive(Args)]
pub struct KafkaArgs {
    #[command(flatten)]
    pub at: BrokerArgs,
    /// A topic of announcements; may be given several times.
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    pub announcements: Vec<String>,
    /// A topic of announcements that overtake the others; may be given several times.
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    pub urgent_announcements: Vec<String>,
    /// The topic for previews, compacted, by episode; made if it is missing.
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    pub previews: Option<String>,
    /// The topic for outcomes, by episode; made if it is missing.
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    pub outcomes_topic: Option<String>,
    /// Tell all messages of a commit in one transaction: who reads with isolation.level=read_committed sees
    /// a preview together with its outcome, or neither.
    #[arg(long, requires = "brokers")]
    pub transactions: bool,
    /// In whose name offsets are committed.
    #[arg(long, default_value = "hark", value_name = "NAME")]
    pub group: String,
    /// Bytes of the largest message that is read as an announcement.
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    pub largest_announcement: usize,
}

/// Announces to a topic what an input holds.
#[derive(Args)]
pub struct AnnounceArgs {
    #[command(flatten)]
    pub at: BrokerArgs,
    /// The topic of announcements.
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    pub topic: String,
    /// A podcast RSS feed, a JSON Lines or Parquet file of episodes, or a folder of partitions.
    #[arg(long, value_name = "FILE|FOLDER")]
    pub input: PathBuf,
}
