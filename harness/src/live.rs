//! `hark run`: a job that goes on until it is told to stop, and goes on from there when started again.
//!
//! ```text
//! folder or topics ─▶ graph ─▶ outcomes, previews
//!                        └───▶ snapshots ◀── again after a stop, whatever stopped it
//! ```
//! One process, or several that are one cluster: the first keeps what is known for all.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hark_dataflow::durable::Durable;
use hark_dataflow::intake::{Feed, Repeats};
use hark_dataflow::latency::IntervalLog;
use hark_dataflow::metrics::{DeviceReading, Metrics, Sources};
use hark_dataflow::publish::{FolderPublisher, Remembered};
use hark_dataflow::source::{Idle, Positions, Source, Watched as WatchedFolder};
use hark_dataflow::{Job, Layout};
use hark_models::device::Device;
use hark_models::gauge::Gauge;
use hark_operators::stage::Equipment;

use crate::batch::write_results;
use crate::cli::RunArgs;
use crate::drain::Drain;
use crate::exit::Exit;
use crate::progress;
use crate::serve::{self, Watched};
use crate::setting::{self, Setting};

/// Length of an interval in the log of latencies.
const INTERVAL: Duration = Duration::from_secs(10);

/// Runs until SIGTERM or SIGINT, then finishes what is on its way.
pub fn run(args: RunArgs) -> Result<Exit> {
    crate::cluster::end_with_supervisor();
    progress::start_log(args.job.log);
    let drain = Drain::on_signals(Duration::from_secs(args.drain_seconds))?;
    let process = usize::from(args.membership.process);
    // Who is not needed yet opens nothing.
    let listed = args.membership.listed(&drain)?;
    let output = args.job.output.clone();
    // Brokers are looked at before a model is loaded.
    let (topics, messages) = args.kafka.open(process)?.unzip();
    let roots = args.input.iter().chain(&args.job.allow_root).cloned().collect();
    // The first process claims the place, and looks at what is known, before it changes anything there.
    let durable = (process == 0).then(|| known(&args)).transpose()?;
    let setting = Setting::open(&args.job, roots, process, messages)?;
    // The others work only once this one joins them.
    durable.as_ref().map(Durable::begin).transpose()?;
    let found = durable.as_ref().map(|durable| durable.found().clone()).unwrap_or_default();
    let threads = usize::from(args.job.workers);
    let (peers, mesh, found) = args.membership.join(listed, &args.job, &setting.layout, found)?;
    let durable = Arc::new(durable.unwrap_or_else(|| Durable::elsewhere(found.clone())));
    let mut metrics = Metrics::new(Some(log(&output, process)?));
    let cache = setting.equipment.cache.clone();
    if let Some(cache) = &cache {
        metrics = metrics.knowing(cache.clone());
    }
    let source: Box<dyn Source> = match topics {
        Some(topics) => {
            let source = topics.read(&peers, &found.positions)?;
            metrics = metrics.watching(source.lag());
            Box::new(source)
        }
        // Of a folder the first process reads all.
        None if process > 0 => Box::new(Idle),
        None => Box::new(watch(args.input.as_deref(), &found.positions)?),
    };
    let publisher = setting.publisher.clone();
    publisher.keep_no_sum();
    let (table, remembered) = (publisher.clone(), Remembered::of(&found, peers.processes == 1));
    let feed = Arc::new(Feed::new(
        source,
        Repeats::until_done(move |key, withdrawn, again| table.has_ended(key, withdrawn, again, &remembered)),
        publisher.corrections().clone(),
        peers,
        args.job.max_in_flight as usize,
    ));
    let live = Arc::new(Live {
        metrics,
        feed: feed.clone(),
        publisher: publisher.clone(),
        durable: durable.clone(),
        equipment: setting.equipment.clone(),
        workers: threads,
        gauges: gauges(&setting.layout, &args.job.device),
    });
    write_log_in_background(live.clone());
    let address = serve::serve(args.listen, live.clone())?;
    tracing::info!(%address, process, "running; stop with SIGTERM");
    drain.of(feed.clone(), durable.clone());
    let job = Job {
        layout: setting.layout,
        levels: args.job.dedupe.into(),
        peers,
        mesh,
        feed,
        equipment: setting.equipment,
        publisher: publisher.clone(),
        halted: setting.halted,
        durable: Some(durable),
    };
    let seeing = live.clone();
    hark_dataflow::run(job, move |seen| seeing.metrics.sees(seen))?;
    if let Some(cache) = cache {
        cache.settle();
    }
    live.metrics.write_log().context("cannot write the log of latencies")?;
    std::fs::remove_dir_all(setting::staging(&output, process)).context("cannot remove the staging folder")?;
    if process == 0 {
        write_results(publisher.table(), &output)?;
    }
    tracing::info!(process, "drained");
    Ok(Exit::Done)
}

/// What earlier runs left.
fn known(args: &RunArgs) -> Result<Durable> {
    let snapshots = args.job.stores.snapshots(args.snapshots.as_deref(), &args.job.output)?;
    Ok(Durable::open(snapshots, 0, args.membership.hosts.is_none())?)
}

/// A folder that is watched.
fn watch(folder: Option<&Path>, positions: &Positions) -> Result<WatchedFolder> {
    let folder = folder.context("nothing to watch; name a folder with --input")?;
    WatchedFolder::open(folder, positions)
        .with_context(|| format!("cannot watch {}; name a folder with --input", folder.display()))
}

/// Where the latencies of a process go.
fn log(output: &Path, process: usize) -> Result<IntervalLog> {
    IntervalLog::open(&output.join(format!("latency-{process}.hlog")))
        .with_context(|| format!("cannot write to {}", output.display()))
}

fn write_log_in_background(live: Arc<Live>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(INTERVAL);
            if let Err(error) = live.metrics.write_log() {
                tracing::warn!(%error, "latencies of the last interval are not on disk");
            }
        }
    });
}

struct Live {
    metrics: Metrics,
    feed: Arc<Feed>,
    publisher: Arc<FolderPublisher>,
    durable: Arc<Durable>,
    equipment: Arc<Equipment>,
    workers: usize,
    /// The instruments of the GPUs that the layout names, and their names.
    gauges: Vec<(String, Gauge)>,
}

/// The instruments of all GPUs of a job.
fn gauges(layout: &Layout, otherwise: &str) -> Vec<(String, Gauge)> {
    let named = layout.lanes.values().map(|pool| pool.device.as_deref().unwrap_or(otherwise));
    let named: BTreeSet<_> = named.filter_map(|name| Device::select(name).ok()).collect();
    named.into_iter().filter_map(|device| Some((device.to_string(), Gauge::open(device)?))).collect()
}

fn reading((device, gauge): &(String, Gauge)) -> DeviceReading {
    DeviceReading {
        device: device.clone(),
        used_bytes: gauge.used_bytes(),
        total_bytes: gauge.total_bytes(),
        utilisation: gauge.utilisation(),
    }
}

impl Watched for Live {
    fn is_ready(&self) -> bool {
        self.durable.is_restored(self.workers)
    }

    fn metrics(&self) -> String {
        self.metrics.text(Sources {
            feed: &self.feed,
            publisher: &self.publisher,
            durable: &self.durable,
            audio: &self.equipment.audio_budget,
            disk: &self.equipment.disk_budget,
            devices: self.gauges.iter().map(reading).collect(),
        })
    }
}
