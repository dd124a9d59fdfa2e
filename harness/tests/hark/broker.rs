//! A real Kafka broker of one node on loopback, and what tests say to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::java::{Java, free_ports, java};

/// A broker starts in some 4 s; on a machine that is busy it may take long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A message of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub key: Option<String>,
    pub value: Option<Vec<u8>>,
    pub headers: BTreeMap<String, String>,
}

impl Found {
    /// Its value as text; empty of a tombstone.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

/// A broker. Killed when it is dropped.
pub struct Broker {
    folder: PathBuf,
    port: u16,
    sasl: u16,
    running: Mutex<Option<Java>>,
}

impl Broker {
    /// The one that the tests of this program share. Tests take topics and groups of their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A new one.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let [port, sasl, controller] = free_ports();
        std::fs::write(folder.join("server.properties"), properties(&folder, [port, sasl, controller]))
            .expect("a new folder");
        let formatted = java("kafka")
            .args(["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c"])
            .arg(folder.join("server.properties"))
            .output()
            .expect("java is installed by make setup-tests");
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        let broker = Self { folder, port, sasl, running: Mutex::new(None) };
        broker.restart();
        broker
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A listener that asks for user `hark` and password `right`.
    pub fn sasl_address(&self) -> String {
        format!("127.0.0.1:{}", self.sasl)
    }

    /// Starts it again, and waits until it answers.
    pub fn restart(&self) {
        let mut command = java("kafka");
        command.arg("kafka.Kafka").arg(self.folder.join("server.properties"));
        *self.running.lock().expect("no test panics there") = Some(Java::start(&command, &self.folder));
        let (started, consumer) = (Instant::now(), self.consumer("nobody"));
        while consumer.fetch_metadata(None, Duration::from_secs(1)).is_err() {
            assert!(
                started.elapsed() < PATIENCE,
                "{}",
                std::fs::read_to_string(self.folder.join("log")).expect("java logs there")
            );
        }
    }

    /// As a machine loses it; what is on its disk stays.
    pub fn kill(&self) {
        if let Some(java) = self.running.lock().expect("no test panics there").take() {
            java.kill();
        }
    }

    /// Sends the broker a signal by name (`STOP`, `CONT`).
    pub fn signal(&self, name: &str) {
        self.running.lock().expect("no test panics there").as_ref().expect("it runs").signal(name);
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address()).set("message.max.bytes", "100000000");
        config.set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = self.config();
        config.set("group.id", group).set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
        config.create().expect("a consumer")
    }

    /// Makes a topic with these settings.
    pub fn topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("an admin client");
        let new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let made = runtime.block_on(admin.create_topics([&new], &options)).expect("the broker answers");
        assert!(made[0].is_ok(), "{made:?}");
    }

    /// Sends messages of key and value, and waits until all are there.
    pub fn send<'a>(&self, topic: &str, messages: impl IntoIterator<Item = (&'a str, Option<Vec<u8>>)>) {
        self.send_with(topic, messages, &[]);
    }

    /// The same with headers.
    pub fn send_with<'a>(
        &self,
        topic: &str,
        messages: impl IntoIterator<Item = (&'a str, Option<Vec<u8>>)>,
        headers: &[(&str, &str)],
    ) {
        let producer: BaseProducer = self.config().create().expect("a producer");
        for (key, value) in messages {
            let headers = headers
                .iter()
                .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
            let mut record = BaseRecord::<str, [u8]>::to(topic).key(key).headers(headers);
            record.payload = value.as_deref();
            producer.send(record).map_err(|(error, _)| error).expect("it is queued");
        }
        producer.flush(PATIENCE).expect("all are taken");
        assert_eq!(producer.in_flight_count(), 0);
    }

    /// All messages of a topic that are there now, partition by partition; of transactions those that were
    /// committed.
    pub fn read(&self, topic: &str) -> Vec<Found> {
        let mut config = self.config();
        config.set("group.id", "reader").set("enable.partition.eof", "true");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("the broker answers");
        let (mut all, mut open) = (TopicPartitionList::new(), BTreeSet::new());
        for partition in metadata.topics()[0].partitions() {
            all.add_partition_offset(topic, partition.id(), Offset::Beginning).expect("a partition");
            open.insert(partition.id());
        }
        consumer.assign(&all).expect("partitions");
        let (mut found, started) = (BTreeMap::<(i32, i64), Found>::new(), Instant::now());
        while !open.is_empty() {
            assert!(started.elapsed() < PATIENCE, "{topic} does not give all it has");
            let message = match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => message,
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                    continue;
                }
                _ => continue,
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            let headers = headers.map(|h| (h.key.to_owned(), h.value.map(text).unwrap_or_default())).collect();
            let at = (message.partition(), message.offset());
            let (key, value) = (message.key().map(text), message.payload().map(<[u8]>::to_vec));
            found.insert(at, Found { key, value, headers });
        }
        found.into_values().collect()
    }

    /// What is left of a topic when it is compacted: by key the last value.
    pub fn compacted(&self, topic: &str) -> BTreeMap<String, String> {
        let mut last = BTreeMap::new();
        for message in self.read(topic) {
            let key = message.key.clone().expect("messages of a compacted topic have keys");
            match message.value {
                Some(_) => last.insert(key, message.text()),
                None => last.remove(&key),
            };
        }
        last
    }

    /// Next offsets that a group has committed, and the ends, summed over partitions.
    pub fn committed(&self, group: &str, topic: &str) -> (i64, i64) {
        let consumer = self.consumer(group);
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("the broker answers");
        let mut asked = TopicPartitionList::new();
        let mut end = 0;
        for partition in metadata.topics()[0].partitions() {
            asked.add_partition(topic, partition.id());
            end += consumer.fetch_watermarks(topic, partition.id(), PATIENCE).expect("it answers").1;
        }
        let committed = consumer.committed_offsets(asked, PATIENCE).expect("it answers");
        let next = |offset| if let Offset::Offset(next) = offset { next } else { 0 };
        (committed.elements().iter().map(|found| next(found.offset())).sum(), end)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.running.lock().expect("no test panics there").is_none() {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

fn properties(folder: &Path, [port, sasl, controller]: [u16; 3]) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         inter.broker.listener.name=PLAINTEXT\n\
         sasl.enabled.mechanisms=PLAIN\n\
         listener.name.sasl_plaintext.plain.sasl.jaas.config=\
         org.apache.kafka.common.security.plain.PlainLoginModule required user_hark=\"right\";\n\
         log.dirs={}\n\
         auto.create.topics.enable=false\n\
         offsets.topic.num.partitions=1\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.num.partitions=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         num.network.threads=1\n\
         num.io.threads=2\n\
         background.threads=2\n\
         num.recovery.threads.per.data.dir=1\n\
         log.cleaner.dedupe.buffer.size=2097152\n",
        folder.join("data").display()
    )
}
