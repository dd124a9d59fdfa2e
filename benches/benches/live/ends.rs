//! When each episode's end could be read from a topic.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::broker::Broker;

/// Longer than any of these takes.
const PATIENCE: Duration = Duration::from_secs(1_800);

#[derive(Default)]
struct Seen {
    at: Mutex<HashMap<String, Instant>>,
    changed: Condvar,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.at.lock().expect("nobody panics while it is held")
    }

    /// Waits until something holds of what was seen.
    fn wait(
        &self,
        what: &str,
        holds: impl Fn(&HashMap<String, Instant>) -> bool,
    ) -> Result<MutexGuard<'_, HashMap<String, Instant>>> {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |seen| !holds(seen));
        let (seen, late) = waited.expect("nobody panics while it is held");
        ensure!(!late.timed_out(), "waited in vain for {what}");
        Ok(seen)
    }
}

/// A thread that reads a topic from its present end on.
pub struct Ends {
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ends {
    pub fn of(broker: &Broker, topic: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker.address()).set("group.id", "ends").set("enable.auto.commit", "false");
        config.set("fetch.wait.max.ms", "5");
        let consumer: BaseConsumer = config.create()?;
        let patience = Duration::from_secs(60);
        let metadata = consumer.fetch_metadata(Some(topic), patience)?;
        let mut from = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            let (_, end) = consumer.fetch_watermarks(topic, partition.id(), patience)?;
            from.add_partition_offset(topic, partition.id(), Offset::Offset(end))?;
        }
        consumer.assign(&from)?;
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let (into, stopped) = (seen.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
                let (at, key) =
                    (Instant::now(), String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned());
                into.lock().entry(key).or_insert(at);
                into.changed.notify_all();
            }
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// When the end of a talk was read; waits for it.
    pub fn time_of(&self, talk: u64) -> Result<Instant> {
        let id = crate::Talk(talk).id();
        Ok(self.seen.wait(&id, |seen| seen.contains_key(&id))?[&id])
    }

    /// Waits until so many have ended.
    pub fn wait_for(&self, count: u64) -> Result<()> {
        self.seen.wait("all to end", |seen| seen.len() as u64 >= count).map(drop)
    }

    /// How many of these have ended.
    pub fn count_of(&self, talks: std::ops::Range<u64>) -> u64 {
        let seen = self.seen.lock();
        talks.filter(|&talk| seen.contains_key(&crate::Talk(talk).id())).count() as u64
    }

    /// How many have ended.
    pub fn count(&self) -> u64 {
        self.seen.lock().len() as u64
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends within one poll.
        self.thread.take().map(JoinHandle::join);
    }
}
