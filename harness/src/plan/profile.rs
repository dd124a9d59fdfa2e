//! From what `hark bench` measured to a network that can be simulated.

use std::path::Path;

use anyhow::{Context, Result, bail};
use hark_dataflow::Layout;
use serde::Deserialize;

use super::simulation::{Network, Pool, Step};
use crate::laboratory::{Measured, OperatorTimes, layout_sha256};

/// A report of `hark bench`.
#[derive(Deserialize)]
pub struct Profile {
    pub arrivals: String,
    pub arms: Vec<ProfiledArm>,
}

/// One layout with a number of processes and of workers in each.
#[derive(Deserialize)]
pub struct ProfiledArm {
    pub arm: Named,
    pub runs: Vec<Measured>,
}

#[derive(Deserialize)]
pub struct Named {
    pub layout: String,
    pub workers: usize,
    #[serde(default = "one")]
    pub processes: usize,
    pub path: String,
    /// Of what the layout said then; empty in reports from before that was told.
    #[serde(default)]
    pub layout_sha256: String,
    /// Curves that stood in for its devices.
    #[serde(default)]
    pub modelled: Vec<String>,
}

/// Of reports from before there were several.
fn one() -> usize {
    1
}

/// Stages whose work grows with the length of an episode.
const BY_LENGTH: [&str; 6] = ["decode", "transcript", "pieces", "speech", "events", "embed"];

/// Stages that wait rather than compute.
const WAITS: [&str; 2] = ["fetch", "publish"];

impl Profile {
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}; give the bench.json of a `hark bench`", path.display()))?;
        let profile: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is no report of `hark bench`", path.display()))?;
        if profile.arms.iter().any(|arm| arm.runs.is_empty()) {
            bail!("{} holds a layout without runs; run `hark bench` again", path.display());
        }
        Ok(profile)
    }

    /// The arm of a layout with the fewest workers, from which others are foretold.
    pub fn arm(&self, layout: Option<&str>) -> Result<&ProfiledArm> {
        let such = self.arms.iter().filter(|arm| layout.is_none_or(|layout| arm.arm.layout == layout));
        such.min_by_key(|arm| (arm.arm.processes, arm.arm.workers)).with_context(|| {
            let known: Vec<&str> = self.arms.iter().map(|arm| arm.arm.layout.as_str()).collect();
            format!("the profile has no layout of that name; it has {}", known.join(", "))
        })
    }
}

impl ProfiledArm {
    /// Mean length of the profile's episodes in seconds.
    pub fn audio_seconds(&self) -> f64 {
        self.mean(|run| run.audio_seconds / run.episodes.max(1) as f64)
    }

    /// The lengths of its episodes, `usual` seconds being 1: one that is much longer than the others decides when
    /// all are done.
    pub fn lengths(&self, usual: f64) -> Vec<f64> {
        let Measured { lengths, episodes, .. } = &self.runs[0];
        if lengths.is_empty() {
            return vec![1.0; (*episodes).max(1)];
        }
        lengths.iter().map(|seconds| seconds / usual.max(1e-9)).collect()
    }

    /// Which share of its episodes came to a preview.
    pub fn published_share(&self) -> f64 {
        self.mean(|run| run.published as f64 / run.episodes.max(1) as f64)
    }

    /// Whether it had a GPU, or a curve that stood in for one.
    pub fn has_gpu(&self) -> bool {
        !self.arm.modelled.is_empty() || self.runs.iter().any(|run| run.device.is_some())
    }

    pub fn mean(&self, of: impl Fn(&Measured) -> f64) -> f64 {
        self.runs.iter().map(of).sum::<f64>() / self.runs.len() as f64
    }

    /// The layout as a network of so many processes with so many workers each on so many cores, with `gpus` times
    /// the devices that it was measured with; a length of 1 is that of the profile's episodes.
    pub fn network(&self, (processes, workers): (usize, usize), cores: usize, gpus: usize) -> Result<Network> {
        let layout = Layout::open(&self.arm.path)?;
        let Named { layout_sha256: then, path, .. } = &self.arm;
        if !then.is_empty() && *then != layout_sha256(&layout) {
            bail!("the layout {path} has changed since it was measured; run `hark bench` again");
        }
        let mut pools: Vec<Pool> = vec![Pool { name: "worker".to_owned(), lanes: processes * workers, computes: true }];
        for (name, lanes) in &layout.lanes {
            let on_device = lanes.curve.is_some()
                || self.runs.iter().any(|run| run.device.is_some()) && lanes.device.as_deref() != Some("cpu");
            let stages = layout.operators.iter().filter(|operator| operator.on == *name).flat_map(|one| &one.stages);
            let waits = stages.clone().all(|stage| WAITS.contains(&stage.name()));
            // Lanes of a device of their own leave the cores alone.
            let elsewhere = on_device && lanes.device.is_some();
            let computes = !(waits || elsewhere);
            let devices = if elsewhere { gpus } else { 1 };
            pools.push(Pool { name: name.clone(), lanes: processes * devices * lanes.count(workers), computes });
        }
        let steps: Vec<Step> = layout
            .operators
            .iter()
            .enumerate()
            .map(|(at, operator)| {
                let busy = self.mean(|run| lane_seconds(run, at) / run.episodes.max(1) as f64);
                let share = self.growing(operator.stages.iter().map(|stage| stage.name()));
                let pool = pools.iter().position(|pool| pool.name == operator.on).unwrap_or(0);
                Step { pool, fixed: busy * (1.0 - share), by_length: busy * share }
            })
            .collect();
        let on_lanes: f64 = steps.iter().filter(|step| pools[step.pool].computes).map(Step::usual).sum();
        // The workers' own threads, where records are routed and joined, and what the kernel does for them.
        let rest = self.mean(|run| (run.cpu_seconds - run.cpu_seconds_before) / run.episodes.max(1) as f64) - on_lanes;
        let routed = Step { pool: 0, fixed: rest.max(0.0), by_length: 0.0 };
        Ok(Network { pools, steps: std::iter::once(routed).chain(steps).collect(), cores })
    }

    /// Which share of these stages' work grows with length.
    fn growing<'a>(&self, stages: impl Iterator<Item = &'a str> + Clone) -> f64 {
        let work = |stage: &str| self.mean(|run| run.stages.get(stage).map_or(0.0, |times| times.computing.sum()));
        let all: f64 = stages.clone().map(work).sum();
        let growing: f64 = stages.filter(|stage| BY_LENGTH.contains(stage)).map(work).sum();
        if all > 0.0 { growing / all } else { 0.0 }
    }
}

/// Seconds of lanes that an operator took in a run; on the worker's thread, what its stages computed.
fn lane_seconds(run: &Measured, at: usize) -> f64 {
    let Some(OperatorTimes { name, lanes, busy_seconds, .. }) = run.operators.get(at) else { return 0.0 };
    if *lanes > 0 {
        return *busy_seconds;
    }
    let stages = name.split('@').next().unwrap_or_default().split('+');
    stages.filter_map(|stage| run.stages.get(stage)).map(|times| times.computing.sum()).sum()
}
