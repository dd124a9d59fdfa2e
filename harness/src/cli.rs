//! The arguments as they stand on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hark_dataflow::death::Death;
use hark_dataflow::dedupe::Levels;
use hark_dataflow::publish::Correct;
use hark_dataflow::source::Arrivals;
use hark_models::ballast::Size;
use hark_operators::stage::{Drill, Stage};

use crate::backfill::BackfillArgs;
use crate::cluster::ClusterArgs;
use crate::kafka::{AnnounceArgs, BrokerArgs, KafkaArgs};
use crate::kept::Kept;
use crate::laboratory::BenchArgs;
use crate::layouts::LayoutCommand;
use crate::membership::MembershipArgs;
use crate::plan::PlanArgs;
use crate::stores::Stores;

/// Short previews of podcast episodes.
#[derive(Parser)]
#[command(name = "hark", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Makes previews of every episode of a feed, a file or a folder of partitions, then ends.
    Batch(BatchArgs),
    /// Makes previews of what appears in a folder or in topics of Kafka, until it is stopped; goes on from
    /// there when started again.
    Run(Box<RunArgs>),
    /// Starts several processes of `hark run` on this machine as one cluster, and all of them again when
    /// one is lost.
    Cluster(ClusterArgs),
    /// Makes previews of a stretch of the past once more, into a generation of its own.
    Backfill(Box<BackfillArgs>),
    /// Announces the episodes of an input to a topic of Kafka.
    Announce(AnnounceArgs),
    /// Runs episodes of an earlier job again, or announces them again.
    Replay(ReplayArgs),
    /// Lists how episodes ended.
    Outcomes(OutcomesArgs),
    /// Compares layouts on the same job, run in turns, and writes a report with plots.
    Bench(BenchArgs),
    /// Says how many machines a platform needs, from what `hark bench` measured on one.
    Plan(PlanArgs),
    /// Lists, checks and draws layouts.
    #[command(subcommand)]
    Layout(LayoutCommand),
    /// Asks how duplicates were found.
    #[command(subcommand)]
    Dedupe(DedupeCommand),
}

#[derive(Subcommand)]
pub enum DedupeCommand {
    /// Says which rule tied an episode to which other, and how alike they are.
    Explain(ExplainArgs),
}

#[derive(Args)]
pub struct ExplainArgs {
    /// The episode's id.
    pub episode: String,
    /// The output folder of a job.
    #[arg(long, value_name = "FOLDER", required_unless_present = "outcomes")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub kept: Kept,
}

#[derive(Args)]
pub struct BatchArgs {
    /// A podcast RSS feed, a JSON Lines or Parquet file of episodes, or a folder of partitions
    /// (date=2026-11-01/*.jsonl).
    #[arg(long, value_name = "FILE|FOLDER")]
    pub input: PathBuf,
    /// How episodes arrive: closed:32 (so many on their way at once, instead of --max-in-flight),
    /// poisson:2/s or trace:FILE (by themselves; latency then counts from the drawn moment).
    #[arg(long, value_name = "ARRIVALS")]
    pub arrivals: Option<Arrivals>,
    /// Of drawn arrivals: the same seed draws the same ones.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write what was measured into this file, as `hark bench` reads it.
    #[arg(long, value_name = "FILE")]
    pub measure: Option<PathBuf>,
    /// Run a layout with modelled devices: as `hark bench` does, which throws away what it makes.
    #[arg(long, hide = true, requires = "measure")]
    pub allow_modelled: bool,
    #[command(flatten)]
    pub membership: MembershipArgs,
    #[command(flatten)]
    pub job: JobArgs,
}

#[derive(Args)]
pub struct RunArgs {
    /// Needs no server: a folder is watched, outcomes go to SQLite (unless --outcomes says otherwise),
    /// clips to the output folder.
    #[arg(long, required_unless_present = "brokers", conflicts_with = "brokers", requires = "input")]
    pub embedded: bool,
    /// The folder in which announcements appear: new files, and lines appended to JSON Lines files.
    #[arg(long, value_name = "FOLDER", requires = "embedded")]
    pub input: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Kafka")]
    pub kafka: KafkaArgs,
    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Where it is kept what is known of episodes, and how far the input has been read, instead of OUTPUT/known:
    /// s3://BUCKET/PREFIX at the server of --objects-endpoint, or another folder.
    #[arg(long, value_name = "URL|FOLDER")]
    pub snapshots: Option<String>,
    /// After SIGTERM, seconds for what is on its way; what is not done then is done at the next start.
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    pub drain_seconds: u64,
    #[command(flatten)]
    pub membership: MembershipArgs,
    #[command(flatten)]
    pub job: JobArgs,
}

#[derive(Args)]
pub struct ReplayArgs {
    /// Run the failed episodes of an output folder again.
    #[arg(long, required_unless_present = "dead_letters", requires = "output")]
    pub failed: bool,
    /// Announce the dead letters of topics once more, for a job that is running or will be.
    #[arg(long, conflicts_with_all = ["failed", "output"], requires = "brokers")]
    pub dead_letters: bool,
    /// A topic of announcements; its dead letters lie in TOPIC.dlq. May be given several times.
    #[arg(long, value_name = "TOPIC", requires = "dead_letters")]
    pub announcements: Vec<String>,
    /// Only dead letters since then (2026-11-01T08:00:00Z).
    #[arg(long, value_name = "TIME", requires = "dead_letters")]
    pub since: Option<String>,
    #[command(flatten)]
    pub at: BrokerArgs,
    #[command(flatten)]
    pub job: Option<JobArgs>,
}

/// What every job is told.
// Where the group is optional it is there with its output: of nested groups clap does not know the members.
#[derive(Args)]
#[group(args = ["output"])]
pub struct JobArgs {
    /// Where previews, the outcomes table and the result page go.
    #[arg(long, value_name = "FOLDER")]
    pub output: PathBuf,
    #[command(flatten)]
    pub kept: Kept,
    #[command(flatten)]
    pub stores: Stores,
    /// Workers of a process; one core each.
    #[arg(long, short, default_value_t = default_workers(), value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// Name of a shipped layout (`hark layout list`) or path of a layout file.
    #[arg(long, default_value = "fused", value_name = "NAME|FILE")]
    pub layout: String,
    /// Episodes that may be on their way at once; of urgent topics a quarter as many besides.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_in_flight: u32,
    /// Megabytes of decoded audio that may be in memory at once; never less than a batch per lane.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(16..=1_000_000), value_name = "MB")]
    pub audio_budget: u32,
    /// Megabytes of decoded audio that may wait on disk for the models; an hour is 115.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000), value_name = "MB")]
    pub disk_budget: u32,
    /// Another folder that episodes' file paths may lie under, besides the input's own.
    #[arg(long, value_name = "FOLDER")]
    pub allow_root: Vec<PathBuf>,
    /// Let URLs reach private and loopback addresses (an in-house store).
    #[arg(long)]
    pub allow_private: bool,
    /// Publish the best span also where it fails a hard gate.
    #[arg(long)]
    pub accept_gates: bool,
    /// What selection prefers: a TOML file like the built-in one.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Keep what models say in this folder, and ask them nothing that is known there: a job on the same audio
    /// with another ranker then spends no time on them. On a disk of this machine; jobs may share it.
    #[arg(long, value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
    /// Megabytes that it may take; what was not used for longest goes. An hour with its transcript is half a
    /// megabyte.
    #[arg(long, default_value_t = 1_000, requires = "cache", value_parser = clap::value_parser!(u32).range(16..=100_000_000), value_name = "MB")]
    pub cache_mb: u32,
    /// Where models run: auto, cpu, cuda:0, ...
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// How copies are sought: by enclosure, bytes, sound and words, or by enclosure and bytes alone.
    #[arg(long, default_value = "all", value_name = "LEVELS")]
    pub dedupe: DedupeLevels,
    /// How long a preview may still be chosen again when a part of it turns out to be repeated in other
    /// episodes: always, never (it then depends on the order of arrival), or some hours (24h).
    #[arg(long, default_value = "always", value_name = "WHEN")]
    pub correct: Correct,
    /// Rehearse a failure: let a stage fail, panic, hang, break (its device fails), exhaust (its device is
    /// small) or spoil (its model's numbers are none), on all episodes or on one (embed=fail, speech=hang@EPISODE).
    #[arg(long, value_name = "STAGE=HARM")]
    pub drill: Vec<Drill>,
    /// Rehearse a death between two durable steps: after objects, messages, acknowledged, rows, facts or
    /// positions, for the Nth time (rows:2). What was on its way is done at the next start.
    #[arg(long, value_name = "STEP:N")]
    pub die_after: Option<Death>,
    /// Weigh a stage of windows down with a random model as large as a speech recogniser's encoder, to
    /// learn how a layout fares under it: speech=large (or tiny, base, small).
    #[arg(long, value_name = "STAGE=SIZE", value_parser = ballast)]
    pub ballast: Option<(Stage, Size)>,
    /// Log lines for people or for machines.
    #[arg(long, default_value = "plain")]
    pub log: LogFormat,
}

fn ballast(text: &str) -> Result<(Stage, Size), String> {
    let (stage, size) = text.split_once('=').ok_or("write STAGE=SIZE, for instance speech=large")?;
    let stage = [Stage::Speech, Stage::Events].into_iter().find(|known| known.name() == stage);
    Ok((stage.ok_or("only speech and events take windows, which ballast hears")?, size.parse()?))
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Plain,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DedupeLevels {
    All,
    Exact,
}

impl From<DedupeLevels> for Levels {
    fn from(levels: DedupeLevels) -> Self {
        match levels {
            DedupeLevels::All => Levels::All,
            DedupeLevels::Exact => Levels::Exact,
        }
    }
}

#[derive(Args)]
pub struct OutcomesArgs {
    /// The output folder of a job.
    #[arg(long, value_name = "FOLDER", required_unless_present = "outcomes")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub kept: Kept,
    /// Only those without a preview.
    #[arg(long)]
    pub failed: bool,
    /// One JSON object per line: episode, revision, state, stage, reason.
    #[arg(long)]
    pub json: bool,
}

fn default_workers() -> u16 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(256) as u16)
}
