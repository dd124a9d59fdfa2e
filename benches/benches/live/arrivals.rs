//! Announcements: episodes of words alone, no two of them alike: two share 0.02 of their shingles, as different
//! real episodes do.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::broker::Broker;

/// An episode by its number.
pub struct Talk(pub u64);

const THINGS: [&str; 12] = [
    "river", "bridge", "engine", "garden", "letter", "winter", "harbour", "violin", "market", "lantern", "glacier",
    "orchard",
];
const VERBS: [&str; 9] =
    ["carries", "follows", "mends", "forgets", "paints", "opens", "weighs", "answers", "remembers"];

impl Talk {
    /// The episode's id.
    pub fn id(&self) -> String {
        format!("talk-{}", self.0)
    }

    fn announced(&self, revision: u64) -> String {
        let mut drawn = fastrand::Rng::with_seed(self.0 ^ (revision << 40));
        let mut words = String::new();
        for sentence in 0..45 {
            let mut pick = |from: &'static [&'static str]| from[drawn.usize(..from.len())];
            let [a, b, c, d, e, f]: [&str; 6] = std::array::from_fn(|_| pick(&THINGS));
            let [does, goes, also] = std::array::from_fn(|_| pick(&VERBS));
            words.push_str(&format!(
                "The {a} and {b} {does} {c} {sentence} of talk {}, {goes} {d}, and {e} {also} {f}. ",
                self.0
            ));
        }
        let id = self.id();
        format!(
            r#"{{"id":"{id}","revision":{revision},"show":"bench","title":"{id}","published":{},"transcript":{{"text":"{words}","media_type":"text/plain"}}}}"#,
            self.0
        )
    }
}

fn producer(broker: &Broker) -> Result<ThreadedProducer<DefaultProducerContext>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("linger.ms", "0");
    Ok(config.create()?)
}

/// Each at its moment. Returns those moments.
pub fn paced(broker: &Broker, topic: &str, talks: Range<u64>, pace: f64) -> Result<Vec<Instant>> {
    at_pace(broker, topic, talks.map(|talk| (Talk(talk), 0)), pace)
}

/// The talks of a catalogue over and over, each time as a later revision.
pub fn revised(broker: &Broker, topic: &str, steps: Range<u64>, catalogue: u64, pace: f64) -> Result<Vec<Instant>> {
    at_pace(broker, topic, steps.map(|step| (Talk(step % catalogue), step / catalogue)), pace)
}

fn at_pace(broker: &Broker, topic: &str, talks: impl Iterator<Item = (Talk, u64)>, pace: f64) -> Result<Vec<Instant>> {
    let producer = producer(broker)?;
    let began = Instant::now();
    let mut moments = Vec::new();
    for (at, (talk, revision)) in talks.enumerate() {
        let (id, value) = (talk.id(), talk.announced(revision));
        let due = began + Duration::from_secs_f64(at as f64 / pace);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        producer.send(BaseRecord::to(topic).key(&id).payload(&value)).map_err(|(error, _)| error)?;
        moments.push(due);
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(moments)
}

/// As fast as the broker takes them.
pub fn all_at_once(broker: &Broker, topic: &str, talks: Range<u64>) -> Result<()> {
    let producer = producer(broker)?;
    for talk in talks.map(Talk) {
        let (id, value) = (talk.id(), talk.announced(0));
        let mut record = BaseRecord::to(topic).key(&id).payload(&value);
        while let Err((error, refused)) = producer.send(record) {
            let full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            ensure!(full, "{error}");
            record = refused;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(())
}

/// One, now.
pub fn one(broker: &Broker, topic: &str, talk: &Talk) -> Result<Instant> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("linger.ms", "0");
    let producer: BaseProducer = config.create()?;
    // Its connection is not what is measured.
    producer.client().fetch_metadata(Some(topic), Duration::from_secs(60))?;
    let (id, value, sent) = (talk.id(), talk.announced(0), Instant::now());
    producer.send(BaseRecord::to(topic).key(&id).payload(&value)).map_err(|(error, _)| error)?;
    producer.flush(Duration::from_secs(60))?;
    Ok(sent)
}
