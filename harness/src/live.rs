//! `hark run`: a job that goes on until it is told to stop, and goes on from there when started again.
//!
//! ```text
//! folder or topics ─▶ graph ─▶ outcomes, previews
//!                        └───▶ snapshots ◀── again after a stop, whatever stopped it
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use hark_dataflow::Job;
use hark_dataflow::durable::Durable;
use hark_dataflow::intake::{Feed, Repeats};
use hark_dataflow::metrics::Metrics;
use hark_dataflow::publish::FolderPublisher;
use hark_dataflow::snapshot::Folder;
use hark_dataflow::source::{Positions, Source, Watched as WatchedFolder};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::batch::write_results;
use crate::cli::RunArgs;
use crate::progress;
use crate::serve::{self, Watched};
use crate::setting::Setting;

/// Runs until SIGTERM or SIGINT, then finishes what is on its way.
pub fn run(args: RunArgs) -> Result<ExitCode> {
    progress::start_log(args.job.log);
    let signals = Signals::new([SIGTERM, SIGINT]).context("cannot watch for signals")?;
    let (topics, messages) = args.kafka.open()?.unzip();
    let mut roots: Vec<PathBuf> = args.input.iter().cloned().collect();
    roots.extend(args.job.allow_root.iter().cloned());
    let setting = Setting::open(&args.job, roots, messages)?;
    let output = args.job.output.clone();
    let snapshots = Folder::open(&output.join("known"))
        .with_context(|| format!("cannot write to {}; choose another --output", output.display()))?;
    let durable = Arc::new(Durable::open(Arc::new(snapshots), 0)?);
    let mut metrics = Metrics::default();
    let source: Box<dyn Source> = match topics {
        Some(topics) => {
            let source = topics.read(&durable.positions())?;
            metrics = metrics.watching(source.lag());
            Box::new(source)
        }
        None => Box::new(watch(args.input.as_deref(), &durable.positions())?),
    };
    let publisher = setting.publisher.clone();
    publisher.keep_no_sum();
    let table = publisher.clone();
    let workers = usize::from(args.job.workers);
    let feed = Arc::new(Feed::new(
        source,
        Repeats::until_done(move |key, withdrawn, again| table.has_ended(key, withdrawn, again)),
        setting.promoted,
        workers,
        args.job.max_in_flight as usize,
    ));
    let live =
        Arc::new(Live { metrics, feed: feed.clone(), publisher: publisher.clone(), durable: durable.clone(), workers });
    let address = serve::serve(args.listen, live.clone())?;
    tracing::info!(%address, "running; stop with SIGTERM");
    let stopping = Arc::new(AtomicBool::new(false));
    drain_on(signals, feed.clone(), durable.clone(), stopping, Duration::from_secs(args.drain_seconds));
    let job = Job {
        layout: setting.layout,
        levels: args.job.dedupe.into(),
        workers,
        feed,
        equipment: setting.equipment,
        publisher: publisher.clone(),
        halted: setting.halted,
        durable: Some(durable),
    };
    hark_dataflow::run(job, move |outcome| live.metrics.ended(outcome))?;
    finish(&publisher, &output)?;
    tracing::info!("drained");
    Ok(ExitCode::SUCCESS)
}

/// A folder that is watched.
fn watch(folder: Option<&Path>, positions: &Positions) -> Result<WatchedFolder> {
    let folder = folder.context("nothing to watch; name a folder with --input")?;
    WatchedFolder::open(folder, positions)
        .with_context(|| format!("cannot watch {}; name a folder with --input", folder.display()))
}

/// On the first signal the feed is closed; when the time is over, or on a second signal, the process
/// ends. What was still on its way is read again at the next start.
fn drain_on(
    mut signals: Signals,
    feed: Arc<Feed>,
    durable: Arc<Durable>,
    stopping: Arc<AtomicBool>,
    patience: Duration,
) {
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if stopping.swap(true, Ordering::AcqRel) {
                // As after any crash: nothing that was recorded is lost.
                signal_hook::low_level::exit(128 + signal);
            }
            tracing::info!(in_flight = feed.in_flight(), "stopping: finishing what is on its way");
            feed.close();
            let (feed, durable) = (feed.clone(), durable.clone());
            std::thread::spawn(move || {
                std::thread::sleep(patience);
                if let Err(error) = durable.commit(&feed) {
                    tracing::error!(%error, "the last commit failed; it is made up for at the next start");
                }
                tracing::warn!(in_flight = feed.in_flight(), "stopped; these are taken up at the next start");
                signal_hook::low_level::exit(0);
            });
        }
    });
}

/// The result page, as far as it has got.
fn finish(publisher: &FolderPublisher, output: &Path) -> Result<()> {
    write_results(publisher.table(), output)?;
    std::fs::remove_dir_all(output.join(".staging")).context("cannot remove the staging folder")
}

struct Live {
    metrics: Metrics,
    feed: Arc<Feed>,
    publisher: Arc<FolderPublisher>,
    durable: Arc<Durable>,
    workers: usize,
}

impl Watched for Live {
    fn is_ready(&self) -> bool {
        self.durable.is_restored(self.workers)
    }

    fn metrics(&self) -> String {
        self.metrics.text(&self.feed, &self.publisher, &self.durable)
    }
}
