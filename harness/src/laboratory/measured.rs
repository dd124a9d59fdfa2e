//! What one run measured, as it goes from the process that ran to the one that compares.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hark_dataflow::Summary;
use hark_dataflow::latency::{Micros, micros};
use hark_dataflow::publish::End;
use hark_operators::driver::Filled;
use hark_operators::record::outcome::{Outcome, State};
use hark_operators::stage::Stage;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::agreement::{Choices, choices};
use super::watch::{DeviceUse, Watch, cpu_seconds, peak_bytes};

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// From the first announcement to the last outcome.
    pub seconds: f64,
    /// Of the episodes that ended.
    pub audio_seconds: f64,
    pub episodes: usize,
    /// How long each episode is, in seconds; empty in reports from before it was told.
    #[serde(default)]
    pub lengths: Vec<f64>,
    pub published: usize,
    pub duplicates: usize,
    pub failed: usize,
    /// SHA-256 of how every episode ended and of its clips: equal for runs that did the same.
    pub outcomes: String,
    /// SHA-256 of how many bytes and seconds of audio each episode had; empty in reports from before it was told.
    #[serde(default)]
    pub audio_sha256: String,
    /// What was chosen; empty in reports from before it was told.
    #[serde(default)]
    pub choices: Choices,
    pub preview: Distribution,
    pub stages: BTreeMap<String, StageTimes>,
    pub epochs: Vec<(String, Distribution)>,
    pub operators: Vec<OperatorTimes>,
    /// Of all processes and their children, starting up included.
    pub cpu_seconds: f64,
    /// Those of them that had passed before the job began; 0 in reports from before that was told.
    #[serde(default)]
    pub cpu_seconds_before: f64,
    /// Most that was resident at once in hark itself; of several processes the sum.
    pub peak_bytes: u64,
    /// The same of its children that decode and encode, as far as samples tell.
    #[serde(default)]
    pub children_bytes: u64,
    pub device: Option<DeviceUse>,
    /// Bytes of their devices that the models of each pool of lanes take at once, as planned.
    #[serde(default)]
    pub planned_bytes: BTreeMap<String, usize>,
}

/// Queueing and computing of one stage, per episode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageTimes {
    pub queued: Distribution,
    pub computing: Distribution,
}

/// What one operator did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OperatorTimes {
    pub name: String,
    pub lanes: usize,
    pub max_items: usize,
    pub batches: u64,
    pub items: u64,
    pub busy_seconds: f64,
    pub records: u64,
    pub bytes: u64,
    pub bytes_away: u64,
    /// Bytes of weights, and of activations where a device could tell.
    pub weight_bytes: usize,
    pub activation_bytes: Option<usize>,
    /// The batches of its stages; empty on the worker's thread, and in reports from before they were told.
    #[serde(default)]
    pub stages: Vec<StageBatches>,
}

/// How full a stage's batches were.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageBatches {
    pub stage: String,
    pub batches: u64,
    pub items: u64,
    /// Of its items, and with what was filled up beside them; 0 of a stage that fills nothing up.
    pub wanted_tokens: u64,
    pub computed_tokens: u64,
}

impl StageBatches {
    /// Adds those of another process or run.
    pub fn add(&mut self, more: &Self) {
        self.batches += more.batches;
        self.items += more.items;
        self.wanted_tokens += more.wanted_tokens;
        self.computed_tokens += more.computed_tokens;
    }

    /// Share of what was computed that belongs to no item.
    pub fn padding(&self) -> Option<f64> {
        (self.computed_tokens > 0).then(|| 1.0 - self.wanted_tokens as f64 / self.computed_tokens as f64)
    }
}

/// A latency distribution in microseconds: an HDR histogram, in its own compact form as base64.
#[derive(Clone, Debug)]
pub struct Distribution(pub Micros);

impl Serialize for Distribution {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&self.0, &mut bytes).map_err(serde::ser::Error::custom)?;
        STANDARD.encode(bytes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)?;
        let read: Micros = Deserializer::new().deserialize(&mut &bytes[..]).map_err(serde::de::Error::custom)?;
        let mut whole = micros();
        whole.add(&read).map_err(serde::de::Error::custom)?;
        Ok(Self(whole))
    }
}

impl Distribution {
    /// All values of both.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }

    /// Seconds at a quantile; `None` of no values.
    pub fn at(&self, quantile: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(quantile) as f64 / 1e6)
    }

    /// Sum of all values in seconds.
    pub fn sum(&self) -> f64 {
        if self.0.is_empty() { 0.0 } else { self.0.mean() * self.0.len() as f64 / 1e6 }
    }
}

impl Measured {
    /// Of a job that has just ended in this process.
    pub fn of(summary: &Summary, audio_seconds: f64, outcomes: &[Outcome], watch: Watch) -> Result<Self> {
        let ends = |end| summary.ends.get(&end).copied().unwrap_or_default();
        let distribution = |histogram: &Micros| Distribution(histogram.clone());
        let stages = summary.previews.stages.iter().map(|(stage, (queued, computing))| {
            let times = StageTimes { queued: distribution(queued), computing: distribution(computing) };
            ((*stage).to_owned(), times)
        });
        let operators = summary.operators.iter().map(|operator| OperatorTimes {
            name: operator.name.clone(),
            lanes: operator.lanes,
            max_items: operator.max_items,
            batches: operator.worked.batches,
            items: operator.worked.items,
            busy_seconds: operator.worked.seconds,
            records: operator.records,
            bytes: operator.bytes,
            bytes_away: operator.bytes_away,
            weight_bytes: operator.memory.iter().map(|share| share.weights).sum(),
            activation_bytes: operator.memory.iter().filter_map(|share| share.activations).max(),
            stages: operator.worked.stages.iter().map(batches).collect(),
        });
        let cpu_seconds_before = watch.cpu_seconds;
        let seen = watch.end();
        Ok(Self {
            seconds: summary.elapsed.as_secs_f64(),
            audio_seconds,
            episodes: summary.offered,
            lengths: outcomes.iter().map(|outcome| outcome.picture.seconds).collect(),
            published: ends(End::Published),
            duplicates: ends(End::Duplicate),
            failed: ends(End::Failed),
            outcomes: digest(outcomes),
            audio_sha256: audio_digest(outcomes),
            choices: choices(outcomes),
            preview: distribution(&summary.previews.whole),
            stages: stages.collect(),
            epochs: summary.epochs.iter().map(|(name, histogram)| (name.clone(), distribution(histogram))).collect(),
            operators: operators.collect(),
            cpu_seconds: cpu_seconds()?,
            cpu_seconds_before,
            peak_bytes: peak_bytes()?,
            children_bytes: seen.children_bytes,
            device: seen.device,
            planned_bytes: summary.planned_bytes.clone(),
        })
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self).context("a run can be told as JSON")?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Adds the share of another process of the same run.
    pub fn add(&mut self, other: Self) {
        self.seconds = self.seconds.max(other.seconds);
        self.audio_seconds += other.audio_seconds;
        self.episodes += other.episodes;
        self.published += other.published;
        self.duplicates += other.duplicates;
        self.failed += other.failed;
        self.choices.extend(other.choices);
        self.preview.merge(&other.preview);
        for (stage, times) in other.stages {
            match self.stages.get_mut(&stage) {
                Some(all) => {
                    all.queued.merge(&times.queued);
                    all.computing.merge(&times.computing);
                }
                None => drop(self.stages.insert(stage, times)),
            }
        }
        for (epoch, latency) in other.epochs {
            match self.epochs.iter_mut().find(|(known, _)| *known == epoch) {
                Some((_, all)) => all.merge(&latency),
                None => self.epochs.push((epoch, latency)),
            }
        }
        // All have the same layout.
        for (all, share) in self.operators.iter_mut().zip(other.operators) {
            all.lanes += share.lanes;
            all.batches += share.batches;
            all.items += share.items;
            all.busy_seconds += share.busy_seconds;
            all.records += share.records;
            all.bytes += share.bytes;
            all.bytes_away += share.bytes_away;
            all.weight_bytes += share.weight_bytes;
            all.activation_bytes = all.activation_bytes.max(share.activation_bytes);
            for stage in share.stages {
                match all.stages.iter_mut().find(|one| one.stage == stage.stage) {
                    Some(one) => one.add(&stage),
                    None => all.stages.push(stage),
                }
            }
        }
        self.cpu_seconds += other.cpu_seconds;
        self.cpu_seconds_before += other.cpu_seconds_before;
        self.peak_bytes += other.peak_bytes;
        self.children_bytes += other.children_bytes;
        for (pool, bytes) in other.planned_bytes {
            *self.planned_bytes.entry(pool).or_default() += bytes;
        }
        // They look at the same device.
        self.device = match (self.device.take(), other.device) {
            (Some(one), Some(same)) => Some(DeviceUse {
                name: one.name,
                peak_bytes: one.peak_bytes.max(same.peak_bytes),
                utilisation: one.utilisation.max(same.utilisation),
            }),
            (one, same) => one.or(same),
        };
    }

    /// Bytes of hark and its children.
    pub fn host_bytes(&self) -> u64 {
        self.peak_bytes + self.children_bytes
    }

    /// Seconds of the processor per episode.
    pub fn cpu_per_episode(&self) -> f64 {
        self.cpu_seconds / self.episodes.max(1) as f64
    }

    /// Seconds per episode in which a GPU ran kernels.
    pub fn gpu_per_episode(&self) -> Option<f64> {
        Some(self.device.as_ref()?.utilisation * self.seconds / self.episodes.max(1) as f64)
    }

    /// Seconds of audio per second.
    pub fn throughput(&self) -> f64 {
        self.audio_seconds / self.seconds
    }
}

fn batches((stage, filled): (&Stage, &Filled)) -> StageBatches {
    let Filled { batches, items, tokens } = *filled;
    let (wanted_tokens, computed_tokens) = (tokens.wanted, tokens.computed);
    StageBatches { stage: stage.name().to_owned(), batches, items, wanted_tokens, computed_tokens }
}

/// What of outcomes must not depend on a layout: how each ended, and the clips' content.
fn digest(outcomes: &[Outcome]) -> String {
    let mut ends: Vec<String> = outcomes
        .iter()
        .map(|outcome| {
            let end = match &outcome.state {
                State::Published { clips, .. } => {
                    clips.iter().map(|clip| clip.sha256.as_str()).collect::<Vec<_>>().join(" ")
                }
                State::Duplicate { .. } => "duplicate".to_owned(),
                State::Failed { .. } => "failed".to_owned(),
                State::TakenDown { .. } => "taken down".to_owned(),
            };
            format!("{} {} {end}", outcome.episode, outcome.revision)
        })
        .collect();
    ends.sort();
    hex(&Sha256::digest(ends.join("\n")))
}

/// What was fetched: a feed that is the same may name audio that is not.
fn audio_digest(outcomes: &[Outcome]) -> String {
    let audio = |outcome: &Outcome| {
        let Outcome { episode, revision, audio_bytes, picture, .. } = outcome;
        format!("{episode} {revision} {audio_bytes} {}", picture.seconds)
    };
    let mut audio: Vec<String> = outcomes.iter().map(audio).collect();
    audio.sort();
    hex(&Sha256::digest(audio.join("\n")))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
