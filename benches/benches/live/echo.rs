//! The baseline: what broker and client cost without any work between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::broker::Broker;

/// A thread that writes each message of `NAME` to `NAME-ends`, acknowledged as hark's are.
pub struct Echo {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

pub fn start(broker: &Broker, name: &str) -> Result<Echo> {
    let (from, to) = (name.to_owned(), format!("{name}-ends"));
    broker.topic(&from, 4, &[]);
    broker.topic(&to, 4, &[]);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address());
    let producer: ThreadedProducer<DefaultProducerContext> =
        config.clone().set("acks", "all").set("enable.idempotence", "true").set("linger.ms", "2").create()?;
    let consumer: BaseConsumer = config.set("group.id", "echo").set("enable.auto.commit", "false").create()?;
    let mut all = TopicPartitionList::new();
    (0..4).try_for_each(|partition| all.add_partition_offset(&from, partition, Offset::Beginning))?;
    consumer.assign(&all)?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
            let record = BaseRecord::<[u8], [u8]>::to(&to);
            let record = record.key(message.key().unwrap_or_default()).payload(message.payload().unwrap_or_default());
            producer.send(record).map_err(|(error, _)| error).expect("its queue holds all that are sent at once");
        }
        producer.flush(Duration::from_secs(60)).expect("the broker is there");
    });
    Ok(Echo { stop, thread: Some(thread) })
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends within one poll.
        self.thread.take().map(JoinHandle::join);
    }
}
