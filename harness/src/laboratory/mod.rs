//! `hark bench`: the same job under several layouts, side by side.
//!
//! ```text
//! layouts x workers x processes ─▶ runs in turns (A B C, B C A, ...), each in processes of its own ─▶ Measured
//!                        └▶ runs of one repeat are pairs ─▶ ratios with intervals ─▶ table, JSON, page
//! ```
//! What two runs of a repeat share (a busy host, a warm cache) falls out of their ratio; that turns begin
//! with another layout each time keeps the order from favouring one.

mod agreement;
mod experiment;
mod measured;
mod page;
mod plots;
mod run;
mod statistics;
mod table;
mod watch;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use hark_dataflow::Layout;
use indicatif::{ProgressBar, ProgressStyle};

pub use experiment::layout_sha256;
use experiment::{Arm, Experiment, Prices};
pub use measured::{Measured, OperatorTimes};
pub use watch::Watch;

use crate::exit::Exit;
use crate::told::tell;

#[derive(Args)]
pub struct BenchArgs {
    /// Names of shipped layouts or paths of layout files, separated by commas or blanks.
    #[arg(long, required = true, num_args = 1.., value_delimiter = ',', value_name = "NAME|FILE")]
    pub layouts: Vec<String>,
    /// What each run works on: as for `hark batch`.
    #[arg(long, value_name = "FILE|FOLDER")]
    pub input: PathBuf,
    /// Where the report goes.
    #[arg(long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// Runs of each layout.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub repeat: u16,
    /// Workers of a process, separated by commas: each layout runs with each.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Vec<u16>,
    /// Processes on this machine that are one cluster, separated by commas: each layout runs with each.
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub processes: Vec<u16>,
    /// How episodes arrive: closed:32 (so many on their way at once), poisson:2/s or trace:FILE (by
    /// themselves; latency then counts from the drawn moment).
    #[arg(long, default_value = "closed:64", value_name = "ARRIVALS")]
    pub arrivals: String,
    /// Of drawn arrivals: the same seed draws the same ones.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Price of a core for an hour, in your currency.
    #[arg(long, default_value_t = 0.04, value_name = "PRICE")]
    pub core_hour: f64,
    /// Price of a GPU for an hour.
    #[arg(long, default_value_t = 2.5, value_name = "PRICE")]
    pub gpu_hour: f64,
    /// More arguments for each run, behind `--`: as for `hark batch`.
    #[arg(last = true, value_name = "ARGUMENTS OF HARK BATCH")]
    pub more: Vec<String>,
}

/// Runs the experiment and writes its report.
pub fn bench(args: &BenchArgs) -> Result<Exit> {
    if args.more.iter().any(|more| more.split('=').next() == Some("--cache")) {
        bail!("with --cache the first run would pay for the others; leave it out, so that every run asks its models");
    }
    let mut arms = Vec::new();
    for name in &args.layouts {
        let layout = Layout::open(name)?; // refused before anything runs
        for &processes in &args.processes {
            arms.extend(args.workers.iter().map(|&workers| Arm::new(&layout, name, (processes, workers))));
        }
    }
    if !args.input.exists() {
        bail!("there is nothing at {}; give --input a feed, a file of episodes or a folder", args.input.display());
    }
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot write to {}; choose another --output", args.output.display()))?;
    let bar = ProgressBar::new(u64::from(args.repeat) * arms.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} runs  {elapsed} (ends in {eta})  {msg}")?);
    let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); arms.len()];
    for turn in 0..usize::from(args.repeat) {
        for place in 0..arms.len() {
            let at = (turn + place) % arms.len();
            bar.set_message(arms[at].name());
            runs[at].push(run::run(args, &arms[at])?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let prices = Prices { core_hour: args.core_hour, gpu_hour: args.gpu_hour };
    let experiment = Experiment::new(arms, runs, args, prices)?;
    let json = args.output.join("bench.json");
    std::fs::write(&json, serde_json::to_string_pretty(&experiment)?)
        .with_context(|| format!("cannot write {}", json.display()))?;
    let shown = args.output.join("bench.html");
    std::fs::write(&shown, page::html(&experiment).into_string())
        .with_context(|| format!("cannot write {}", shown.display()))?;
    tell(&table::text(&experiment))?;
    tell(&format!("open {}; all figures are in {}\n", shown.display(), json.display()))?;
    // Layouts that do not do the same have not been compared.
    Ok(if experiment.same_outcomes { Exit::Done } else { Exit::Partly })
}
