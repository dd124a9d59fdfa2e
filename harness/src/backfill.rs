//! `hark backfill`: a stretch of the past once more, into a generation of its own, or through the job that
//! is running.
//!
//! ```text
//! topics or partitions, FROM … TO ─▶ output/generations/NAME ─ promote ─▶ output/current
//! topics, FROM … TO ─▶ a topic that the running job reads ─▶ its own output, as it comes
//! ```
//! A generation is an output folder like any other, with a folder or prefix of its own where clips go
//! elsewhere; readers follow `current`, a link that changes at once.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgGroup, Args};
use hark_dataflow::broker::Span;
use hark_dataflow::source::{self, Bounded, Input, Source};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::batch::{folder_of, job};
use crate::cli::{JobArgs, LogFormat};
use crate::exit::Exit;
use crate::kafka::BrokerArgs;
use crate::progress::{self, Progress};

/// What of the past, from where, and whether it is to be seen.
#[derive(Args)]
#[command(group = ArgGroup::new("where").required(true).args(["output", "through"]))]
pub struct BackfillArgs {
    /// The first day, UTC (2026-01-01): of messages by the times that they bear, of partitions by their
    /// names (date=2026-01-01).
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// The day after the last.
    #[arg(long, value_name = "DATE")]
    to: Date,
    /// A folder of partitions.
    #[arg(long, value_name = "FOLDER", required_unless_present = "brokers", conflicts_with = "brokers")]
    partitions: Option<PathBuf>,
    #[command(flatten)]
    at: BrokerArgs,
    /// A topic of announcements; may be given several times.
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    announcements: Vec<String>,
    /// Bytes of the largest message that is read as an announcement.
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    largest_announcement: usize,
    /// Instead of a job of its own: announce the messages once more, at backfill priority, to this topic,
    /// which a running job reads. What has ended is done again, as that job is told now; results are seen
    /// as they come, not as a generation.
    #[arg(long, value_name = "TOPIC", requires = "brokers", conflicts_with_all = ["partitions", "generation", "promote"])]
    through: Option<String>,
    /// With --through: do again whose outcome is older (2026-11-01T08:00:00Z); by itself, than this call.
    /// With the time that an earlier call said, this one goes on with it.
    #[arg(long, value_name = "TIME", requires = "through")]
    older_than: Option<Timestamp>,
    /// With --through: at most so many messages a second.
    #[arg(long, value_name = "MESSAGES", requires = "through", value_parser = rate)]
    rate: Option<f64>,
    /// Name of the generation; by itself FROM..TO.
    #[arg(long, value_name = "NAME")]
    generation: Option<String>,
    /// Make the generation the current one when it is complete.
    #[arg(long)]
    promote: bool,
    #[command(flatten)]
    job: Option<JobArgs>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.1..=1e6).contains(rate));
    rate.ok_or_else(|| "write a number of messages a second, 0.1 or more".to_owned())
}

/// Runs the stretch, and shows it if that is asked.
pub fn backfill(mut args: BackfillArgs) -> Result<Exit> {
    let job_args = args.job.take();
    let log = job_args.as_ref().map_or(LogFormat::Plain, |job| job.log);
    progress::start_log(log);
    ensure!(args.from < args.to, "--to {} is not after --from {}; it is the day after the last", args.to, args.from);
    let progress = Progress::new(log);
    let Some(job_args) = job_args.filter(|_| args.through.is_none()) else { return through(&args, &progress) };
    let name = args.generation.clone().unwrap_or_else(|| format!("{}..{}", args.from, args.to));
    ensure!(
        !name.starts_with('.') && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter)),
        "--generation {name:?} is no name; write letters, digits, dots, lines"
    );
    let (source, roots) = past(&args, &progress)?;
    let output = job_args.output.clone();
    let place = Path::new("generations").join(&name);
    let stores = job_args.stores.within(&place);
    let done = job(JobArgs { output: output.join(&place), stores, ..job_args }, roots, source, progress)?;
    if args.promote {
        promote(&output, &place)?;
        eprintln!("{} is current", place.display());
    }
    Ok(done)
}

/// The announcements of the stretch, and folders that their files may lie under.
fn past(args: &BackfillArgs, progress: &Progress) -> Result<(Box<dyn Source>, Vec<PathBuf>)> {
    if let Some(folder) = &args.partitions {
        let within = |date: &str| date.parse::<Date>().is_ok_and(|date| (args.from..args.to).contains(&date));
        let Some(input) = Input::open(folder)?.of_dates(&within) else {
            bail!(
                "{}: no partition from {} to {}; name a folder with date=... in it",
                folder.display(),
                args.from,
                args.to
            );
        };
        progress.count_in_background(source::read(&input)?);
        return Ok((Box::new(Bounded::new(source::read(&input)?)), vec![folder_of(folder)]));
    }
    let past = args.at.past(args.topics()?, args.span()?, args.largest_announcement)?;
    progress.expect(past.left());
    Ok((Box::new(past), Vec::new()))
}

impl BackfillArgs {
    fn topics(&self) -> Result<&[String]> {
        ensure!(!self.announcements.is_empty(), "no topic; name one with --announcements TOPIC");
        Ok(&self.announcements)
    }

    fn span(&self) -> Result<Span> {
        let start = |day: Date| -> Result<i64> {
            Ok(day.to_zoned(TimeZone::UTC).context("no such day")?.timestamp().as_millisecond())
        };
        Ok(Span { since_ms: Some(start(self.from)?), until_ms: Some(start(self.to)?) })
    }
}

/// Announces the stretch once more.
fn through(args: &BackfillArgs, progress: &Progress) -> Result<Exit> {
    let to = args.through.as_deref().context("nowhere to go; name --output FOLDER or --through TOPIC")?;
    let older_than = args.older_than.unwrap_or_else(Timestamp::now);
    let longest = args.largest_announcement;
    let stretch = args.at.stretch(args.topics()?, args.span()?, to, older_than.as_millisecond(), longest)?;
    let total = stretch.left();
    eprintln!("hark: if this breaks off, the same with --older-than {older_than:.3} goes on with it");
    progress.expect(total);
    let passed = stretch.announce(args.rate, |left| progress.reached(total - left))?;
    progress.finish();
    println!(
        "announced {} messages once more to {to}; passed over {} that withdraw, were made once more, or cannot be read",
        passed.announced, passed.passed_over
    );
    Ok(Exit::Done)
}

/// Lets `current` name the generation: another link is made beside it and takes its name.
fn promote(output: &Path, place: &Path) -> Result<()> {
    let (current, beside) = (output.join("current"), output.join(".current.part"));
    let linked = std::fs::remove_file(&beside).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    });
    linked
        .and_then(|()| std::os::unix::fs::symlink(place, &beside))
        .and_then(|()| std::fs::rename(&beside, &current))
        .with_context(|| format!("cannot make {} current; the generation itself is complete", place.display()))
}
