//! `hark plan`: how many machines a platform needs, from what one machine was measured to do.
//!
//! ```text
//! bench.json ─▶ network of lanes ─▶ simulated: saturated (what a machine can do)
//!                                              at its share of the load (how long a preview takes)
//! ```
//! It foretells the profile's own runs first and says how far off it was: a plan is worth what that is.

mod profile;
mod simulation;

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::exit::Exit;
use crate::told::tell;
use profile::{Profile, ProfiledArm};
use simulation::{Coming, Network, Simulated, simulate};

#[derive(Args)]
pub struct PlanArgs {
    /// How many episodes a day are to be previewed.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    pub episodes_per_day: u64,
    /// How long an episode is on average.
    #[arg(long, value_name = "MINUTES", default_value_t = 40.0)]
    pub audio_minutes: f64,
    /// What was measured: the bench.json of a `hark bench` on a machine like those to come.
    #[arg(long, value_name = "FILE")]
    pub profile: PathBuf,
    /// Which layout of it; the first where absent.
    #[arg(long, value_name = "NAME")]
    pub layout: Option<String>,
    /// Cores of a machine; each runs one worker.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub cores: u16,
    /// GPUs of a machine, each with lanes of its own, where the layout was measured with one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub gpus: u16,
    /// How much of what a machine can do it is to be given, 0 to 1.
    #[arg(long, default_value_t = 0.7, value_name = "SHARE")]
    pub load: f64,
    /// Spread of lengths: the standard deviation of their logarithm.
    #[arg(long, default_value_t = 0.6, value_name = "SPREAD")]
    pub spread: f64,
    /// Price of a core for an hour, in your currency.
    #[arg(long, default_value_t = 0.04, value_name = "PRICE")]
    pub core_hour: f64,
    /// Price of a GPU for an hour.
    #[arg(long, default_value_t = 2.5, value_name = "PRICE")]
    pub gpu_hour: f64,
    /// The same seed draws the same arrivals and lengths.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Episodes that are simulated at saturation and at the planned load.
const SIMULATED: usize = 4_000;

/// Adds a line.
macro_rules! say {
    ($told:expr, $($line:tt)*) => { writeln!($told, $($line)*).expect("a String takes all text") };
}

/// Prints the plan.
pub fn plan(args: &PlanArgs) -> Result<Exit> {
    let mut told = String::new();
    if !(0.05..=0.98).contains(&args.load) {
        bail!("--load {} leaves no machine or no room; give 0.05 to 0.98", args.load);
    }
    if !(0.1..=1440.0).contains(&args.audio_minutes) || !(0.0..=2.0).contains(&args.spread) {
        bail!("--audio-minutes goes from 0.1 to 1440, --spread from 0 to 2");
    }
    let profile = Profile::read(&args.profile)?;
    let arm = profile.arm(args.layout.as_deref())?;
    say!(told, "layout {}, foretold from runs with {} worker(s)", arm.arm.layout, arm.arm.workers);
    for curve in &arm.arm.modelled {
        say!(told, "MODELLED: a curve stood in for its device, {curve}");
    }
    check(&profile, arm, &mut told)?;
    if args.gpus > 1 && !arm.has_gpu() {
        bail!(
            "--gpus {}: the layout {} was measured without a GPU; leave it out, or measure it with one",
            args.gpus,
            arm.arm.layout
        );
    }
    let network = arm.network((1, usize::from(args.cores)), usize::from(args.cores), usize::from(args.gpus))?;
    let length = args.audio_minutes * 60.0 / arm.audio_seconds().max(1.0);
    let saturated = run(&network, length, args, &Coming::Closed(usize::from(args.cores) * 8));
    let rate = args.episodes_per_day as f64 / 86_400.0;
    let machines = (rate / (saturated.throughput() * args.load)).ceil().max(1.0);
    let planned = run(&network, length, args, &Coming::Open(rate / machines));
    let gpus = if arm.has_gpu() { machines * f64::from(args.gpus) } else { 0.0 };
    say!(told, "\n{} episodes a day of {} minutes: {rate:.2} a second", args.episodes_per_day, args.audio_minutes);
    say!(told, "a machine of {} cores can do {:.3} a second", args.cores, saturated.throughput());
    say!(
        told,
        "machines {machines:.0}, cores {:.0}, GPUs {gpus:.0}, one process of {} workers on each",
        machines * f64::from(args.cores),
        args.cores
    );
    say!(
        told,
        "preview latency: p50 {:.1} s, p90 {:.1} s, p99 {:.1} s",
        planned.at(0.5),
        planned.at(0.9),
        planned.at(0.99)
    );
    let hour = machines * f64::from(args.cores) * args.core_hour + gpus * args.gpu_hour;
    let previews = rate * 3600.0 * arm.published_share();
    say!(told, "cost: {hour:.2} an hour, {:.4} for a thousand previews", hour * 1000.0 / previews.max(1e-9));
    say!(told, "saturates first: {}", bottleneck(&network, &saturated));
    tell(&told)?;
    Ok(Exit::Done)
}

/// Foretells every run of the profile from the arm that plans are made from.
fn check(profile: &Profile, from: &ProfiledArm, told: &mut String) -> Result<()> {
    let Some(most) = profile.arrivals.strip_prefix("closed:").and_then(|most| most.parse().ok()) else {
        say!(told, "its runs had open arrivals, so they are not foretold: a profile with closed ones is checked");
        return Ok(());
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    say!(told, "{:<28}{:>24}{:>24}", "", "episodes/s", "p50 of a preview, s");
    say!(told, "{:<28}{:>12}{:>12}{:>12}{:>12}", "runs", "measured", "foretold", "measured", "foretold");
    for arm in profile.arms.iter().filter(|arm| arm.arm.layout == from.arm.layout) {
        let lengths = arm.lengths(from.audio_seconds());
        let network = from.network((arm.arm.processes, arm.arm.workers), cores, 1)?;
        let foretold = simulate(&network, &lengths, &Coming::Closed(most), || 0.5);
        let measured = arm.mean(|run| run.episodes as f64 / run.seconds);
        let p50 = arm.mean(|run| run.preview.at(0.5).unwrap_or(0.0));
        say!(
            told,
            "{:<28}{measured:>12.3}{:>12}{p50:>12.2}{:>12}",
            format!("{}, {}x{} worker(s)", arm.arm.layout, arm.arm.processes, arm.arm.workers),
            off(foretold.throughput(), measured),
            off(foretold.at(0.5), p50)
        );
    }
    Ok(())
}

fn off(foretold: f64, measured: f64) -> String {
    format!("{foretold:.3} {:+.0} %", 100.0 * (foretold / measured - 1.0))
}

fn run(network: &Network, length: f64, args: &PlanArgs, coming: &Coming) -> Simulated {
    let mut random = fastrand::Rng::with_seed(args.seed);
    // Lengths whose mean is `length`: lognormal.
    let lengths: Vec<f64> = (0..SIMULATED)
        .map(|_| length * (args.spread * normal(&mut random) - args.spread * args.spread / 2.0).exp())
        .collect();
    simulate(network, &lengths, coming, || random.f64())
}

/// A standard normal number (Box and Muller).
fn normal(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

/// What has the least room when a machine can do no more.
fn bottleneck(network: &Network, saturated: &Simulated) -> String {
    let pools = network.pools.iter().zip(&saturated.busy).filter(|(pool, _)| !pool.computes);
    let device = pools.max_by(|a, b| a.1.total_cmp(b.1));
    match device {
        Some((pool, busy)) if *busy > saturated.cores_busy => {
            format!("lanes {} ({:.0} % busy; cores {:.0} %)", pool.name, busy * 100.0, saturated.cores_busy * 100.0)
        }
        _ if saturated.cores_busy > 0.9 => format!("the cores ({:.0} % busy)", saturated.cores_busy * 100.0),
        _ => {
            let busiest = network.pools.iter().zip(&saturated.busy).max_by(|a, b| a.1.total_cmp(b.1));
            busiest.map_or(String::new(), |(pool, busy)| {
                format!("lanes {} ({:.0} % busy; cores {:.0} %)", pool.name, busy * 100.0, saturated.cores_busy * 100.0)
            })
        }
    }
}
