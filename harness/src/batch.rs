//! `hark batch` and `hark replay`: a bounded job from its input to its page.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use hark_dataflow::intake::{Feed, Repeats};
use hark_dataflow::publish::End;
use hark_dataflow::sink::{OutcomeTable, Which, previews};
use hark_dataflow::snapshot::Header;
use hark_dataflow::source::{self, Arrivals, Bounded, Elsewhere, Input, Paced, Source};
use hark_dataflow::{Job, Seen};
use hark_models::Device;
use hark_operators::record::Announcement;

use crate::cli::{BatchArgs, JobArgs, ReplayArgs};
use crate::exit::Exit;
use crate::laboratory::{Measured, Watch};
use crate::membership::MembershipArgs;
use crate::progress::{self, Progress};
use crate::setting::{self, Setting};
use crate::{kafka, report, summary};

/// Makes previews of every episode of the input.
pub fn batch(args: BatchArgs) -> Result<Exit> {
    progress::start_log(args.job.log);
    let input = Input::open(&args.input)?;
    let announcements = source::read(&input)?;
    let progress = Progress::new(args.job.log);
    let membership = args.membership;
    // Of several processes each shows what it does itself, which is a share that nobody knows before.
    if membership.hosts.is_none() {
        progress.count_in_background(source::read(&input)?);
    }
    let mut job_args = args.job;
    let source = Bounded::new(announcements);
    let source: Box<dyn Source> = match args.arrivals {
        // The first process reads all.
        _ if membership.process > 0 => Box::new(Elsewhere),
        None => Box::new(source),
        Some(Arrivals::Closed(count)) => {
            job_args.max_in_flight = count as u32;
            Box::new(source)
        }
        Some(open) => {
            job_args.max_in_flight = u32::MAX; // whatever arrives is taken in
            Box::new(Paced::new(source, open, args.seed))
        }
    };
    let measuring = args.measure.as_deref().map(|into| Measuring { into, modelled: args.allow_modelled });
    let roots = vec![folder_of(&args.input)];
    Work { args: job_args, roots, source, progress, membership, measuring }.done()
}

/// Runs the failed episodes of an earlier job again; what they were announced as stands in the table.
pub fn replay(args: ReplayArgs) -> Result<Exit> {
    let Some(args) = args.job else { return kafka::dead_letters(&args.at, &args.announcements, args.since.as_deref()) };
    progress::start_log(args.log);
    let table = args.kept.existing(Some(&args.output))?;
    let place = table.place();
    // An entry that could not be read has nowhere to be read again from.
    let failed: Vec<Announcement> = table
        .read(Which::Failed)?
        .into_iter()
        .map(|outcome| outcome.announcement)
        .filter(|announcement| !announcement.base.is_empty())
        .collect();
    drop(table);
    if failed.is_empty() {
        eprintln!("nothing to replay: no failed episode in {place}");
        return Ok(Exit::Done);
    }
    let mut roots: Vec<PathBuf> =
        failed.iter().map(|announcement| PathBuf::from(&announcement.base)).filter(|base| base.is_dir()).collect();
    roots.sort();
    roots.dedup();
    let progress = Progress::new(args.log);
    progress.expect(failed.len() as u64);
    job(args, roots, Box::new(Bounded::new(failed.into_iter().map(Ok))), progress)
}

/// Runs all that a source has, to its page.
pub fn job(args: JobArgs, roots: Vec<PathBuf>, source: Box<dyn Source>, progress: Progress) -> Result<Exit> {
    Work { args, roots, source, progress, membership: MembershipArgs::default(), measuring: None }.done()
}

/// A job that ends when its source does.
struct Work<'a> {
    args: JobArgs,
    /// Folders that episodes' files may lie under.
    roots: Vec<PathBuf>,
    source: Box<dyn Source>,
    progress: Progress,
    membership: MembershipArgs,
    measuring: Option<Measuring<'a>>,
}

/// What is wanted of a job besides its previews.
#[derive(Clone, Copy)]
struct Measuring<'a> {
    /// Where what was measured goes.
    into: &'a Path,
    /// Whether its previews are thrown away, so that devices may be modelled.
    modelled: bool,
}

impl Work<'_> {
    fn done(self) -> Result<Exit> {
        let Self { args, mut roots, source, progress, membership, measuring } = self;
        let process = usize::from(membership.process);
        let listed = membership.fixed()?;
        roots.extend(args.allow_root.iter().cloned());
        let setting = match measuring {
            Some(Measuring { modelled: true, .. }) => Setting::to_be_measured(&args, roots, process)?,
            _ => Setting::open(&args, roots, process, None)?,
        };
        let layout = setting.layout.name.clone();
        let (peers, mesh, _nothing) = membership.join(listed, &args, &setting.layout, Header::default())?;
        let corrections = setting.publisher.corrections().clone();
        let feed = Feed::new(source, Repeats::of_this_run(), corrections, peers, args.max_in_flight as usize);
        let feed = Arc::new(feed);
        let watch = Watch::start(Device::select(&args.device)?)?;
        let bar = progress.clone();
        let cache = setting.equipment.cache.clone();
        let job = Job {
            layout: setting.layout,
            levels: args.dedupe.into(),
            peers,
            mesh,
            feed,
            equipment: setting.equipment,
            publisher: setting.publisher.clone(),
            halted: setting.halted,
            durable: None,
        };
        let summary = hark_dataflow::run(job, move |seen| {
            if let Seen::Outcome(outcome) = seen {
                bar.ended(outcome);
            }
        })?;
        let audio = progress.finish();
        if let Some(cache) = &cache {
            cache.settle();
        }
        if let Some(Measuring { into, .. }) = measuring {
            let outcomes = setting.publisher.table().read(Which::All)?;
            Measured::of(&summary, audio, &outcomes, watch)?.write(into)?;
        }
        // Nothing staged is needed once every episode has its outcome.
        let staging = setting::staging(&args.output, process);
        std::fs::remove_dir_all(&staging).context("cannot remove the staging folder")?;
        // The last process to end takes away what all had.
        let _others_are_there = staging.parent().map(std::fs::remove_dir);
        if peers.processes > 1 {
            eprintln!("process {process} of {}, of which each tells its share:", peers.processes);
        }
        eprint!("{}", summary::text(&summary, &layout, args.workers, audio));
        if let Some(cache) = &cache {
            eprint!("{}", summary::known(cache));
        }
        if process == 0 {
            eprintln!("open {}", write_results(setting.publisher.table(), &args.output)?.display());
        }
        let failed = summary.ends.get(&End::Failed).copied().unwrap_or_default();
        Ok(if failed > 0 { Exit::Partly } else { Exit::Done })
    }
}

/// `previews.jsonl` and the result page, from the table.
pub fn write_results(table: &OutcomeTable, output: &Path) -> Result<PathBuf> {
    previews::write(table, output)?;
    report::write(&table.read(Which::All)?, output)
        .with_context(|| format!("cannot write the result page into {}", output.display()))
}

/// The folder that paths of an input may lie under.
pub fn folder_of(input: &Path) -> PathBuf {
    if input.is_dir() {
        return input.to_owned();
    }
    match input.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
