//! One whole job through the graph, in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, unbounded};
use hark_audio::decoder::{DecodeLimits, Decoder};
use hark_dataflow::cluster::{Mesh, Peers};
use hark_dataflow::dedupe::Levels;
use hark_dataflow::intake::{Feed, Repeats};
use hark_dataflow::publish::{Correct, FolderPublisher};
use hark_dataflow::sink::{Objects, OutcomeTable, SinkError};
use hark_dataflow::source::Bounded;
use hark_dataflow::{Job, Layout, Summary};
use hark_models::device::Device;
use hark_models::manifest::Manifest;
use hark_operators::driver::Budget;
use hark_operators::fetch::{FetchPolicy, Fetcher};
use hark_operators::media::clip::ClipSettings;
use hark_operators::record::{Announcement, EpisodeId, EpisodeKey, TranscriptSource};
use hark_operators::select::Weights;
use hark_operators::stage::Equipment;
use hark_operators::stage::warm::Models;

use crate::material::Episode;

/// Where `make setup` laid the models.
pub fn home() -> PathBuf {
    std::env::var_os("HARK_HOME").map_or_else(|| PathBuf::from(env!("HARK_HOME")), PathBuf::from)
}

/// A decoder whose children are this program.
///
/// # Errors
/// The benchmark's own path is not known, or does not lie in a folder of cargo's.
pub fn decoder() -> Result<Decoder> {
    let program = std::env::current_exe()?;
    let built = program.ancestors().nth(2).context("benchmarks lie in target/release/deps")?;
    Ok(Decoder::new(built.join("bench-decode"), Vec::new(), DecodeLimits::default()))
}

/// Runs these episodes through the graph.
///
/// # Errors
/// Whatever stops the job.
pub fn run(layout: &str, workers: usize, episodes: &[Episode], folder: &Path) -> Result<Summary> {
    let roots = episodes
        .iter()
        .flat_map(|episode| [&episode.audio, &episode.transcript])
        .filter_map(|path| Some(path.parent()?.to_owned()))
        .collect();
    let announcements = episodes.iter().enumerate().map(|(at, episode)| announcement(at, episode)).collect();
    announced(layout, workers, announcements, roots, folder)
}

/// Runs what is announced through the graph; its files lie below `roots`. Benchmarks run the same talk many
/// times over, so only exact copies are sought.
///
/// # Errors
/// Whatever stops the job.
pub fn announced(
    layout: &str,
    workers: usize,
    announcements: Vec<Announcement>,
    roots: Vec<PathBuf>,
    folder: &Path,
) -> Result<Summary> {
    let layout = Layout::open(layout)?;
    let (publisher, halted) = publisher(folder, &layout.name)?;
    let equipment = equipment(folder, roots, publisher.clone())?;
    let peers = Peers::alone(workers);
    let feed = Arc::new(Feed::new(
        Box::new(Bounded::new(announcements.into_iter().map(Ok))),
        Repeats::of_this_run(),
        publisher.corrections().clone(),
        peers,
        64,
    ));
    let levels = Levels::Exact;
    let job = Job { layout, levels, peers, mesh: Mesh::default(), feed, equipment, publisher, halted, durable: None };
    Ok(hark_dataflow::run(job, |_| {})?)
}

/// A publisher into a folder, and what tells of what it could not write.
type Publishing = (Arc<FolderPublisher>, Receiver<SinkError>);

/// Where outcomes of a benchmark go.
///
/// # Errors
/// A folder that cannot be written.
pub fn publisher(folder: &Path, layout: &str) -> Result<Publishing> {
    let (halt, halted) = unbounded();
    let (objects, table) = (Objects::open(folder)?, OutcomeTable::open(folder)?);
    let publisher = FolderPublisher::new(objects, table, layout, Correct::default(), halt);
    Ok((Arc::new(publisher), halted))
}

/// The tools of the stages, for files below `roots`.
///
/// # Errors
/// A folder that cannot be written.
pub fn equipment(folder: &Path, roots: Vec<PathBuf>, publisher: Arc<FolderPublisher>) -> Result<Arc<Equipment>> {
    let staging = folder.join(".staging");
    std::fs::create_dir_all(&staging)?;
    Ok(Arc::new(Equipment {
        fetcher: Fetcher::new(FetchPolicy { roots, ..FetchPolicy::default() }),
        staging,
        decoder: decoder()?,
        disk_budget: Budget::new(2_000_000_000),
        audio_budget: Budget::new(128_000_000),
        models: Arc::new(Models::new(Manifest::open(&home()), Device::select("cpu")?, home())),
        cache: None,
        weights: Arc::new(Weights::default()),
        accept_gates: true,
        drills: Vec::new(),
        ballast: None,
        clip: ClipSettings::default(),
        publisher,
    }))
}

fn announcement(at: usize, episode: &Episode) -> Announcement {
    Announcement {
        audio: Some(episode.audio.to_string_lossy().into_owned()),
        declared_seconds: Some(episode.seconds),
        ..spoken(&format!("{}-{at}", episode.name), &episode.transcript)
    }
}

/// An episode of words alone.
pub fn words(at: usize, transcript: &Path) -> Announcement {
    spoken(&format!("words-{at}"), transcript)
}

fn spoken(id: &str, transcript: &Path) -> Announcement {
    let key = EpisodeKey { episode: EpisodeId::from(id), revision: 0 };
    let transcript = TranscriptSource::At { uri: transcript.to_string_lossy().into_owned(), media_type: None };
    Announcement {
        show: "bench".to_owned(),
        title: id.to_owned(),
        transcript: Some(transcript),
        ..Announcement::bare(key, String::new())
    }
}
