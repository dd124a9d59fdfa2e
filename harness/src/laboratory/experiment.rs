//! All runs of an experiment and what follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use hark_dataflow::Layout;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::BenchArgs;
use super::agreement::{Agreement, Choices};
use super::measured::{Distribution, Measured, StageBatches, hex};
use super::statistics::{Mean, paired_ratio, pareto};

/// One thing that is compared: a layout with a number of processes and of workers in each.
#[derive(Clone, Debug, Serialize)]
pub struct Arm {
    pub layout: String,
    /// Of each process.
    pub workers: u16,
    pub processes: u16,
    /// As it was given.
    pub path: String,
    /// SHA-256 of what the layout says, however it is written.
    pub layout_sha256: String,
    /// Curves that stood in for its devices, each with what it was measured on. What such an arm made is
    /// no preview, and its time and memory are no measurement of this machine.
    pub modelled: Vec<String>,
    /// The pools of lanes that have them.
    #[serde(skip)]
    pub modelled_pools: Vec<String>,
}

/// SHA-256 of what a layout says.
pub fn layout_sha256(layout: &Layout) -> String {
    hex(&Sha256::digest(&layout.says))
}

impl Arm {
    pub fn new(layout: &Layout, path: &str, (processes, workers): (u16, u16)) -> Self {
        Self {
            layout: layout.name.clone(),
            workers,
            processes,
            path: path.to_owned(),
            layout_sha256: layout_sha256(layout),
            modelled_pools: layout
                .lanes
                .iter()
                .filter(|(_, lanes)| lanes.curve.is_some())
                .map(|(pool, _)| pool.clone())
                .collect(),
            modelled: layout.curves().map(|curve| format!("{}: {}", curve.name, curve.source)).collect(),
        }
    }

    pub fn is_modelled(&self) -> bool {
        !self.modelled.is_empty()
    }

    pub fn name(&self) -> String {
        let workers = format!("{} worker{}", self.workers, if self.workers == 1 { "" } else { "s" });
        match self.processes {
            1 => format!("{}, {workers}", self.layout),
            many => format!("{}, {many} processes of {workers}", self.layout),
        }
    }

    /// Workers of all its processes.
    pub fn all_workers(&self) -> u16 {
        self.processes * self.workers
    }
}

/// What an hour costs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Prices {
    pub core_hour: f64,
    pub gpu_hour: f64,
}

/// Where it was measured, and with what.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gb: f64,
    pub system: String,
    /// With the compiler and the libraries that results and times depend on.
    pub hark: String,
    pub devices: String,
}

impl Machine {
    fn look(runs: &[Vec<Measured>]) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim()).to_owned()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes: f64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0);
        // Modelled ones are none of its own.
        let gpus: BTreeSet<&str> = runs.iter().flatten().filter_map(|run| Some(&*run.device.as_ref()?.name)).collect();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gb: kilobytes / 1e6,
            system: read("/proc/version").split(' ').take(3).collect::<Vec<_>>().join(" "),
            hark: format!(
                "{}, {}, libtorch {}, {}",
                env!("CARGO_PKG_VERSION"),
                env!("HARK_RUSTC"),
                hark_models::TORCH,
                ffmpeg().unwrap_or_else(|| "no ffmpeg".to_owned())
            ),
            devices: if gpus.is_empty() { "cpu".to_owned() } else { gpus.into_iter().collect::<Vec<_>>().join(", ") },
        }
    }
}

/// Its name and version, as it tells them.
fn ffmpeg() -> Option<String> {
    let told = std::process::Command::new("ffmpeg").arg("-version").output().ok()?;
    let first = String::from_utf8(told.stdout).ok()?.lines().next()?.to_owned();
    Some(first.split(" Copyright").next()?.replace("version ", ""))
}

/// What is compared run by run.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Against {
    /// By what factor it differs from the first arm.
    pub ratio: f64,
    /// The interval of that at 95 %.
    pub interval: Option<(f64, f64)>,
}

/// A measure of a run, under its name in reports; `None` where the run has none.
type Measure = (&'static str, fn(&Measured) -> Option<f64>);

/// All that arms are compared in.
pub const MEASURES: [Measure; 5] = [
    ("throughput", |run| Some(run.throughput())),
    ("p50", |run| run.preview.at(0.5)),
    ("p99", |run| run.preview.at(0.99)),
    ("CPU", |run| Some(run.cpu_per_episode())),
    ("memory", |run| Some(run.host_bytes() as f64)),
];

/// An arm with its runs.
#[derive(Debug, Serialize)]
pub struct Compared {
    pub arm: Arm,
    pub runs: Vec<Measured>,
    /// Latency of all previews of all runs.
    pub preview: Distribution,
    #[serde(skip)]
    pub throughput: Mean,
    /// Against the first arm, run by run, by name of the measure.
    pub against_first: BTreeMap<&'static str, Against>,
    /// With what the first arm chose that is as real as this one.
    pub agreement: Agreement,
    /// Nobody is at once faster, sooner done and smaller.
    pub on_front: bool,
    /// For a thousand episodes.
    pub cost: f64,
}

/// The experiment.
#[derive(Debug, Serialize)]
pub struct Experiment {
    pub input: String,
    /// SHA-256 of the input file, or of the names and contents of all files in the folder.
    pub input_sha256: String,
    /// SHA-256 of how much audio the input's episodes had, as the first run met it.
    pub audio_sha256: String,
    pub arrivals: String,
    pub seed: u64,
    pub repeat: u16,
    pub prices: Prices,
    pub machine: Machine,
    pub command: String,
    /// All runs ended every episode in the same way, with the same clips; those with modelled devices, of
    /// which nothing real can be expected, among themselves.
    pub same_outcomes: bool,
    pub arms: Vec<Compared>,
}

impl Experiment {
    pub fn new(arms: Vec<Arm>, runs: Vec<Vec<Measured>>, args: &BenchArgs, prices: Prices) -> Result<Self> {
        let machine = Machine::look(&runs);
        let first = runs[0].clone();
        let chosen: Vec<Choices> = runs.iter().map(|runs| runs[0].choices.clone()).collect();
        let (real, modelled): (Vec<usize>, Vec<usize>) = (0..arms.len()).partition(|&at| !arms[at].is_modelled());
        let same = |of: &[usize]| {
            let mut ends = of.iter().flat_map(|&at| &runs[at]).map(|run| &run.outcomes);
            let first = ends.next();
            ends.all(|end| Some(end) == first)
        };
        let same_outcomes = same(&real) && same(&modelled);
        let merged = |runs: &[Measured]| {
            let mut all = runs[0].preview.clone();
            runs[1..].iter().for_each(|run| all.merge(&run.preview));
            all
        };
        let points: Vec<[f64; 3]> = runs
            .iter()
            .map(|runs| {
                let throughput = Mean::of(&runs.iter().map(Measured::throughput).collect::<Vec<_>>()).mean;
                let on_device = |run: &Measured| run.device.as_ref().map_or(0, |device| device.peak_bytes);
                let peak = runs.iter().map(|run| run.host_bytes() as f64 + on_device(run) as f64).fold(0.0, f64::max);
                // Who has no preview beats nobody by having none late.
                [-throughput, merged(runs).at(0.99).unwrap_or(f64::INFINITY), peak]
            })
            .collect();
        // Nobody is beaten by a device that was not there.
        let mut front = vec![false; arms.len()];
        for of in [&real, &modelled] {
            let among: Vec<[f64; 3]> = of.iter().map(|&at| points[at]).collect();
            of.iter().zip(pareto(&among)).for_each(|(&at, on_front)| front[at] = on_front);
        }
        let compare = |((arm, runs), on_front): ((Arm, Vec<Measured>), bool)| {
            let throughput: Vec<f64> = runs.iter().map(Measured::throughput).collect();
            let costs: Vec<f64> = runs.iter().map(|run| prices.of(&arm, run)).collect();
            let against = MEASURES.into_iter().filter_map(|(name, measure)| {
                let values: Vec<f64> = runs.iter().filter_map(measure).collect();
                let base: Vec<f64> = first.iter().filter_map(measure).collect();
                let paired = values.len() == runs.len() && base.len() == values.len();
                // A run that did nothing is no measure of anything.
                let all_did = values.iter().chain(&base).all(|value| *value > 0.0);
                let (ratio, interval) = (paired && all_did).then(|| paired_ratio(&values, &base))?;
                Some((name, Against { ratio, interval }))
            });
            let peers = if arm.is_modelled() { &modelled } else { &real };
            let reference = peers.first().map_or(&runs[0].choices, |&at| &chosen[at]);
            Compared {
                agreement: Agreement::between(&runs[0].choices, reference),
                preview: merged(&runs),
                against_first: against.collect(),
                throughput: Mean::of(&throughput),
                on_front,
                cost: Mean::of(&costs).mean,
                arm,
                runs,
            }
        };
        Ok(Self {
            input: args.input.display().to_string(),
            input_sha256: input_sha256(&args.input)?,
            audio_sha256: first[0].audio_sha256.clone(),
            arrivals: args.arrivals.clone(),
            seed: args.seed,
            repeat: args.repeat,
            prices,
            machine,
            command: std::env::args().collect::<Vec<_>>().join(" "),
            same_outcomes,
            arms: arms.into_iter().zip(runs).zip(front).map(compare).collect(),
        })
    }
}

impl Compared {
    /// The batches of an operator's stages, of all runs.
    pub fn batches(&self, operator: usize) -> Vec<StageBatches> {
        let mut all: Vec<StageBatches> = Vec::new();
        for one in self.runs.iter().flat_map(|run| &run.operators[operator].stages) {
            match all.iter_mut().find(|known| known.stage == one.stage) {
                Some(known) => known.add(one),
                None => all.push(one.clone()),
            }
        }
        all
    }

    /// Seconds of a GPU per episode.
    pub fn gpu_per_episode(&self) -> Option<f64> {
        let seconds: Vec<f64> = self.runs.iter().filter_map(Measured::gpu_per_episode).collect();
        (!seconds.is_empty()).then(|| Mean::of(&seconds).mean)
    }

    /// Most bytes of a GPU that were in use; of a modelled one, what its curve says that the lanes take.
    pub fn device_bytes(&self) -> Option<usize> {
        if self.arm.is_modelled() {
            let of_modelled =
                |run: &Measured| self.arm.modelled_pools.iter().filter_map(|pool| run.planned_bytes.get(pool)).sum();
            return self.runs.iter().map(of_modelled).max();
        }
        self.runs.iter().filter_map(|run| run.device.as_ref()).map(|device| device.peak_bytes).max()
    }
}

impl Prices {
    /// Of a thousand episodes: the seconds of cores that they took, on whichever threads, and the GPU if there was
    /// one, for as long as the run took.
    fn of(self, arm: &Arm, run: &Measured) -> f64 {
        let gpu = if run.device.is_some() || arm.is_modelled() { run.seconds } else { 0.0 };
        let cost = (run.cpu_seconds * self.core_hour + gpu * self.gpu_hour) / 3600.0;
        1000.0 * cost / run.episodes.max(1) as f64
    }
}

fn input_sha256(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let unreadable = || format!("cannot read {}", path.display());
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).with_context(unreadable)?;
            let mut entries: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
            entries.sort();
            let names: Vec<_> = entries.iter().map(|entry| entry.file_name()).collect();
            hasher.update(format!("{names:?}"));
            waiting.extend(entries);
        } else {
            let mut file = std::fs::File::open(&path).with_context(unreadable)?;
            std::io::copy(&mut file, &mut hasher).with_context(unreadable)?;
        }
    }
    Ok(hex(&hasher.finalize()))
}
