//! `hark backfill`: a stretch of the past once more, into a generation of its own.
//!
//! ```text
//! topics or partitions, FROM … TO ─▶ output/generations/NAME ─ promote ─▶ output/current
//! ```
//! A generation is an output folder like any other, with a folder or prefix of its own where clips go
//! elsewhere; readers follow `current`, a link that changes at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use hark_dataflow::broker::Span;
use hark_dataflow::source::{self, Bounded, Input, Source};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::batch::{folder_of, job};
use crate::cli::JobArgs;
use crate::kafka::BrokerArgs;
use crate::progress::{self, Progress};

/// What of the past, from where, and whether it is to be seen.
#[derive(Args)]
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
    /// Name of the generation; by itself FROM..TO.
    #[arg(long, value_name = "NAME")]
    generation: Option<String>,
    /// Make the generation the current one when it is complete.
    #[arg(long)]
    promote: bool,
    #[command(flatten)]
    job: JobArgs,
}

/// Runs the stretch, and shows it if that is asked.
pub fn backfill(args: BackfillArgs) -> Result<ExitCode> {
    progress::start_log(args.job.log);
    ensure!(args.from < args.to, "--to {} is not after --from {}; it is the day after the last", args.to, args.from);
    let name = args.generation.clone().unwrap_or_else(|| format!("{}..{}", args.from, args.to));
    ensure!(
        !name.starts_with('.') && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter)),
        "--generation {name:?} is no name; write letters, digits, dots, lines"
    );
    let progress = Progress::new(args.job.log);
    let (source, roots) = past(&args, &progress)?;
    let output = args.job.output.clone();
    let place = Path::new("generations").join(&name);
    let stores = args.job.stores.within(&place);
    let done = job(JobArgs { output: output.join(&place), stores, ..args.job }, roots, source, progress)?;
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
    ensure!(!args.announcements.is_empty(), "no topic; name one with --announcements TOPIC");
    let start = |day: Date| -> Result<i64> {
        Ok(day.to_zoned(TimeZone::UTC).context("no such day")?.timestamp().as_millisecond())
    };
    let span = Span { since_ms: Some(start(args.from)?), until_ms: Some(start(args.to)?) };
    let past = args.at.past(&args.announcements, span, args.largest_announcement)?;
    progress.expect(past.left());
    Ok((Box::new(past), Vec::new()))
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
