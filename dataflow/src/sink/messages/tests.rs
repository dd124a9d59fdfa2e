//! Against the mock cluster inside librdkafka: no broker, no Java.

use std::time::{Duration, Instant};

use hark_operators::record::outcome::State;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Message as _};

use super::*;
use crate::broker::{Brokers, Properties};
use crate::sink::sample;

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).expect("the mock listens on loopback");
    for topic in ["previews", "outcomes", "ann.dlq"] {
        cluster.create_topic(topic, 1, 1).expect("a new topic");
    }
    cluster
}

fn messages(cluster: &MockCluster<'static, DefaultProducerContext>) -> Messages {
    let brokers = Brokers::new(&cluster.bootstrap_servers(), Properties::default());
    let topics = Topics {
        previews: Some("previews".into()),
        outcomes: Some("outcomes".into()),
        dead_letters: Some("ann.dlq".into()),
    };
    Messages::new(Outbox::open(&brokers).expect("a producer"), topics, Limits::new(), "/hark/test")
}

/// Keys and values of so many messages of a topic.
fn read(
    cluster: &MockCluster<'static, DefaultProducerContext>,
    topic: &str,
    count: usize,
) -> Vec<(String, Option<String>)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "test");
    config.set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut all = rdkafka::TopicPartitionList::new();
    all.add_partition(topic, 0);
    consumer.assign(&all).expect("a partition");
    let (started, mut found) = (Instant::now(), Vec::new());
    while found.len() < count {
        assert!(started.elapsed() < Duration::from_secs(30), "{found:?}");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it is text");
        found.push((message.key().map(text).unwrap_or_default(), message.payload().map(text)));
    }
    found
}

#[test]
fn a_flush_returns_when_all_is_acknowledged_and_a_repeat_has_the_same_bytes() {
    let cluster = cluster();
    let messages = messages(&cluster);
    let first = sample::published("s", "e", 1);
    let later =
        Outcome { ingested_at: first.ingested_at + 99.0, completed_at: first.completed_at + 99.5, ..first.clone() };
    messages.tell(&first, true, None).expect("it is queued");
    messages.tell(&later, true, None).expect("it is queued");
    messages.flush().expect("it is acknowledged");
    let previews = read(&cluster, "previews", 2);
    assert_eq!(previews[0], previews[1]);
    let value = previews[0].1.clone().expect("a preview");
    assert!(value.starts_with("{\"episode\":\"e\"") && !value.contains("ingested_at"), "{value}");
    let outcomes = read(&cluster, "outcomes", 2);
    assert_eq!(outcomes[0], outcomes[1]);
}

#[test]
fn without_a_preview_the_newest_revision_leaves_a_tombstone_and_an_older_one_nothing() {
    let cluster = cluster();
    let messages = messages(&cluster);
    let ended = |episode: &str, state| sample::outcome("s", episode, 0, state);
    let revised = ended("revised", State::TakenDown { revised_by: Some(1) });
    messages.tell(&revised, true, None).expect("it is queued");
    messages.tell(&sample::failed("s", "older"), false, None).expect("it is queued");
    messages.tell(&ended("gone", State::TakenDown { revised_by: None }), true, None).expect("it is queued");
    messages.tell(&sample::failed("s", "failed"), true, None).expect("it is queued");
    messages.flush().expect("it is acknowledged");
    let tombstone = |key: &str| (key.to_owned(), None);
    assert_eq!(read(&cluster, "previews", 2), [tombstone("gone"), tombstone("failed")]);
    assert_eq!(read(&cluster, "outcomes", 4).len(), 4);
    // An episode without a message of its own is spelled anew.
    let dead = read(&cluster, "ann.dlq", 2);
    assert!(
        dead[0].0 == "older" && dead[0].1.as_ref().is_some_and(|value| value.contains("\"id\":\"older\"")),
        "{dead:?}"
    );
}
