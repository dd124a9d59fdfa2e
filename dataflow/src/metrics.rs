//! What operation needs to see, in the terms of Prometheus: base units, totals as counters, and labels
//! of which there are few.

mod devices;
mod known;
mod operators;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hark_operators::cache::Cache;
use hark_operators::driver::Budget;
use hark_operators::record::finding::Variant;
use hark_operators::record::outcome::{Outcome, State};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::durable::Durable;
use crate::intake::{Feed, unix_now};
use crate::latency::IntervalLog;
use crate::publish::FolderPublisher;
use crate::run::Seen;
use crate::source::kafka::Lag;
use devices::Devices;
use known::Known;
use operators::Operators;

pub use devices::DeviceReading;

/// How an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Ended {
    Published,
    Duplicate,
    Failed,
    TakenDown,
}

/// Which way it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Way {
    Full,
    Light,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    state: Ended,
    variant: Way,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LevelLabels {
    level: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabels {
    topic: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    stage: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperatorLabels {
    operator: String,
}

type Seconds = Gauge<f64, AtomicU64>;

/// What metrics are read from, where it is counted elsewhere.
pub struct Sources<'a> {
    /// What was taken in.
    pub feed: &'a Feed,
    /// What became of it.
    pub publisher: &'a FolderPublisher,
    /// What is kept.
    pub durable: &'a Durable,
    /// Bytes of decoded audio in memory.
    pub audio: &'a Budget,
    /// Bytes of decoded audio on disk.
    pub disk: &'a Budget,
    /// What GPUs say now; of a job without any, nothing.
    pub devices: Vec<DeviceReading>,
}

/// The metrics of a run.
pub struct Metrics {
    registry: Registry,
    outcomes: Family<OutcomeLabels, Counter>,
    duplicates: Family<LevelLabels, Counter>,
    faults: Family<FaultLabels, Counter>,
    queued: Family<StageLabels, Counter<f64>>,
    computing: Family<StageLabels, Counter<f64>>,
    audio: Counter<f64>,
    preview: Histogram,
    offered: Counter,
    repeated: Counter,
    in_flight: Gauge,
    open_corrections: Gauge,
    gap: Gauge,
    oldest: Seconds,
    audio_bytes: Gauge,
    disk_bytes: Gauge,
    epochs: Family<OperatorLabels, Histogram>,
    behind: Family<OperatorLabels, Seconds>,
    recorded: AtomicU64,
    log: Option<IntervalLog>,
    operators: Operators,
    devices: Devices,
    chosen_again: Counter,
    popular_bands: Gauge,
    snapshot_age: Seconds,
    snapshot_bytes: Gauge,
    facts: Counter,
    compared: Gauge,
    /// Of a source of topics, and of nothing else.
    lag: Option<Lag>,
    lag_messages: Family<TopicLabels, Gauge>,
    lag_seconds: Family<TopicLabels, Seconds>,
    dead_letters: Family<FaultLabels, Counter>,
    /// Of a run with a cache.
    known: Option<Known>,
}

impl Metrics {
    /// None yet; latencies also go to this log.
    pub fn new(log: Option<IntervalLog>) -> Self {
        let mut registry = Registry::with_prefix("hark");
        let mut metrics = Self {
            operators: Operators::register(&mut registry),
            devices: Devices::register(&mut registry),
            registry,
            outcomes: Family::default(),
            duplicates: Family::default(),
            faults: Family::default(),
            queued: Family::default(),
            computing: Family::default(),
            audio: Counter::default(),
            // 50 ms to 27 minutes.
            preview: Histogram::new(exponential_buckets(0.05, 2.0, 16)),
            offered: Counter::default(),
            repeated: Counter::default(),
            in_flight: Gauge::default(),
            open_corrections: Gauge::default(),
            gap: Gauge::default(),
            oldest: Seconds::default(),
            audio_bytes: Gauge::default(),
            disk_bytes: Gauge::default(),
            // 1 ms to half a minute.
            epochs: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 16))),
            behind: Family::default(),
            recorded: AtomicU64::new(0),
            log,
            chosen_again: Counter::default(),
            popular_bands: Gauge::default(),
            snapshot_age: Gauge::default(),
            snapshot_bytes: Gauge::default(),
            facts: Counter::default(),
            compared: Gauge::default(),
            lag: None,
            lag_messages: Family::default(),
            lag_seconds: Family::default(),
            dead_letters: Family::default(),
            known: None,
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("outcomes", "Outcomes recorded, by state and variant", self.outcomes.clone());
        registry.register("duplicates", "Episodes found to be another's copy, by level", self.duplicates.clone());
        registry.register("failures", "Episodes without a preview, by stage and code", self.faults.clone());
        let seconds = |help: &str| help.to_owned();
        registry.register_with_unit(
            "stage_queued",
            seconds("Time that pieces of episodes waited for a batch or a lane"),
            Unit::Seconds,
            self.queued.clone(),
        );
        registry.register_with_unit(
            "stage_computing",
            seconds("Time that stages computed"),
            Unit::Seconds,
            self.computing.clone(),
        );
        registry.register_with_unit("audio", "Audio of episodes that ended", Unit::Seconds, self.audio.clone());
        registry.register_with_unit(
            "preview_latency",
            "From taking an episode in to its preview",
            Unit::Seconds,
            self.preview.clone(),
        );
        registry.register("announcements", "Episodes taken in", self.offered.clone());
        registry.register("repeated_announcements", "Announcements passed over as repeats", self.repeated.clone());
        registry.register("in_flight_episodes", "Episodes on their way", self.in_flight.clone());
        registry.register(
            "open_corrections",
            "Episodes of which something came to be known that their outcome does not say yet",
            self.open_corrections.clone(),
        );
        registry.register(
            "conservation_gap_episodes",
            "Episodes that set out, less outcomes and those on their way; summed over processes it is 0 at rest",
            self.gap.clone(),
        );
        registry.register_with_unit(
            "oldest_in_flight",
            "Since the episode that is longest on its way was taken in",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register_with_unit(
            "in_flight_audio",
            "Decoded audio in memory",
            Unit::Bytes,
            self.audio_bytes.clone(),
        );
        registry.register_with_unit("staged_audio", "Decoded audio on disk", Unit::Bytes, self.disk_bytes.clone());
        registry.register_with_unit(
            "epoch_latency",
            "From the end of an epoch at the source until all its work was done at an operator",
            Unit::Seconds,
            self.epochs.clone(),
        );
        registry.register_with_unit(
            "frontier_behind",
            "From an operator's frontier until now",
            Unit::Seconds,
            self.behind.clone(),
        );
        registry.register("chosen_again", "Choices made again for a repeated part", self.chosen_again.clone());
        registry.register("popular_bands", "Bands too popular to tie episodes", self.popular_bands.clone());
        registry.register_with_unit(
            "snapshot_age",
            "Since the last commit of what is known",
            Unit::Seconds,
            self.snapshot_age.clone(),
        );
        registry.register_with_unit(
            "snapshot",
            "What is known of episodes, on disk",
            Unit::Bytes,
            self.snapshot_bytes.clone(),
        );
        registry.register("snapshot_facts", "Facts made durable", self.facts.clone());
        registry.register(
            "rows_compared",
            "1 once rows of earlier runs have been compared with what is known",
            self.compared.clone(),
        );
    }

    /// From now on the lag of a source is shown, and what of it went to dead letters.
    pub fn watching(mut self, lag: Lag) -> Self {
        let registry = &mut self.registry;
        registry.register("source_lag_messages", "Messages that are there and not read", self.lag_messages.clone());
        registry.register_with_unit(
            "source_lag",
            "Age of the last message that was read, while others wait",
            Unit::Seconds,
            self.lag_seconds.clone(),
        );
        registry.register(
            "dead_letters",
            "Messages that came to nothing, by stage and code",
            self.dead_letters.clone(),
        );
        self.lag = Some(lag);
        self
    }

    /// From now on what is known of models' results is shown.
    pub fn knowing(mut self, cache: Arc<Cache>) -> Self {
        self.known = Some(Known::register(cache, &mut self.registry));
        self
    }

    /// Something happened.
    pub fn sees(&self, seen: Seen<'_>) {
        match seen {
            Seen::Outcome(outcome) => self.ended(outcome),
            Seen::EpochDone { operator, seconds } => {
                let labels = OperatorLabels { operator: operator.to_owned() };
                self.epochs.get_or_create(&labels).observe(seconds);
                self.log(&format!("epoch {operator}"), seconds);
            }
            Seen::Behind { operator, seconds } => {
                let labels = OperatorLabels { operator: operator.to_owned() };
                self.behind.get_or_create(&labels).set(seconds);
            }
            Seen::Used(used) => self.operators.refresh(used),
        }
    }

    /// Writes the latencies since the last call to the log.
    ///
    /// # Errors
    /// A log that cannot be written.
    pub fn write_log(&self) -> std::io::Result<()> {
        self.log.as_ref().map_or(Ok(()), IntervalLog::write)
    }

    fn log(&self, tag: &str, seconds: f64) {
        if let Some(log) = &self.log {
            log.record(tag, seconds);
        }
    }

    fn ended(&self, outcome: &Outcome) {
        self.recorded.fetch_add(1, Ordering::Relaxed);
        let state = match &outcome.state {
            State::Published { .. } => {
                let seconds = (outcome.completed_at - outcome.ingested_at).max(0.0);
                self.preview.observe(seconds);
                self.log("preview", seconds);
                Ended::Published
            }
            State::Duplicate { level, .. } => {
                self.duplicates.get_or_create(&LevelLabels { level: level.clone() }).inc();
                Ended::Duplicate
            }
            State::Failed { fault } => {
                let labels = FaultLabels { stage: fault.stage.to_string(), code: fault.code.to_string() };
                self.faults.get_or_create(&labels).inc();
                if self.lag.is_some() {
                    self.dead_letters.get_or_create(&labels).inc();
                }
                Ended::Failed
            }
            State::TakenDown { .. } => Ended::TakenDown,
        };
        let variant = match outcome.variant {
            Variant::Full => Way::Full,
            Variant::Light => Way::Light,
        };
        self.outcomes.get_or_create(&OutcomeLabels { state, variant }).inc();
        self.audio.inc_by(outcome.picture.seconds.max(0.0));
        for (stage, time) in &outcome.timings {
            self.log(&format!("queued {stage}"), time.queued);
            self.log(&format!("computing {stage}"), time.computing);
            let labels = StageLabels { stage: stage.clone() };
            self.queued.get_or_create(&labels).inc_by(time.queued.max(0.0));
            self.computing.get_or_create(&labels).inc_by(time.computing.max(0.0));
        }
    }

    /// All of them as OpenMetrics text.
    pub fn text(&self, sources: Sources<'_>) -> String {
        let Sources { feed, publisher, durable, audio, disk, devices } = sources;
        self.devices.refresh(devices);
        // Totals that are counted elsewhere.
        self.offered.inner().store(feed.offered() as u64, Ordering::Relaxed);
        self.repeated.inner().store(feed.repeated() as u64, Ordering::Relaxed);
        self.chosen_again.inner().store(publisher.chosen_again() as u64, Ordering::Relaxed);
        self.facts.inner().store(durable.facts(), Ordering::Relaxed);
        let (begun, in_flight) = (feed.begun() as i64, feed.in_flight() as i64);
        self.in_flight.set(in_flight);
        self.open_corrections.set(publisher.corrections().count() as i64);
        self.gap.set(begun - in_flight - self.recorded.load(Ordering::Relaxed) as i64);
        self.oldest.set(feed.oldest());
        self.audio_bytes.set(audio.held() as i64);
        self.disk_bytes.set(disk.held() as i64);
        self.popular_bands.set(publisher.judgements().popular_bands() as i64);
        self.compared.set(i64::from(durable.has_compared()));
        let (age, bytes) = durable.age_and_size();
        self.snapshot_age.set(age.unwrap_or_default());
        self.snapshot_bytes.set(bytes as i64);
        let now_ms = (unix_now() * 1000.0) as i64;
        for (topic, behind) in self.lag.iter().flat_map(|lag| lag.by_topic(now_ms)) {
            let labels = TopicLabels { topic };
            self.lag_messages.get_or_create(&labels).set(behind.messages as i64);
            self.lag_seconds.get_or_create(&labels).set(behind.seconds);
        }
        if let Some(known) = &self.known {
            known.refresh();
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes all text");
        text
    }
}
