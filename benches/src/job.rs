//! One whole job through the graph, in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use crossbeam_channel::unbounded;
use hark_dataflow::cluster::{Mesh, Peers};
use hark_dataflow::dedupe::Levels;
use hark_dataflow::intake::{Feed, Repeats};
use hark_dataflow::publish::{Correct, FolderPublisher};
use hark_dataflow::sink::{Objects, OutcomeTable};
use hark_dataflow::source::Bounded;
use hark_dataflow::{Job, Layout, Summary};
use hark_models::device::Device;
use hark_models::manifest::Manifest;
use hark_operators::driver::Budget;
use hark_operators::fetch::{FetchPolicy, Fetcher};
use hark_operators::media::clip::ClipSettings;
use hark_operators::media::decoder::{DecodeLimits, Decoder};
use hark_operators::record::{Announcement, EpisodeId, EpisodeKey, Priority, TranscriptSource};
use hark_operators::select::Weights;
use hark_operators::stage::Equipment;
use hark_operators::stage::warm::Models;

use crate::material::Episode;

/// The argument that makes a benchmark's program a decoder child.
pub const DECODE_CHILD: &str = "decode-child";

/// Where `make setup` laid the models.
pub fn home() -> PathBuf {
    std::env::var_os("HARK_HOME").map_or_else(|| PathBuf::from(env!("HARK_HOME")), PathBuf::from)
}

/// A decoder whose children are this program.
///
/// # Errors
/// The program's own path is not known.
pub fn decoder() -> Result<Decoder> {
    Ok(Decoder::new(std::env::current_exe()?, vec![DECODE_CHILD.to_owned()], DecodeLimits::default()))
}

/// Runs these episodes through the graph. They are the same talk many times over, so only exact copies
/// are sought.
///
/// # Errors
/// Whatever stops the job.
pub fn run(layout: &str, workers: usize, episodes: &[Episode], folder: &Path) -> Result<Summary> {
    let layout = Layout::open(layout)?;
    let (halt, halted) = unbounded();
    let (promote, promoted) = unbounded();
    let publisher = Arc::new(FolderPublisher::new(
        Objects::open(folder)?,
        OutcomeTable::open(folder)?,
        &layout.name,
        Correct::default(),
        promote,
        halt,
    ));
    let staging = folder.join(".staging");
    std::fs::create_dir_all(&staging)?;
    let announcements: Vec<_> =
        episodes.iter().enumerate().map(|(at, episode)| Ok(announcement(at, episode))).collect();
    let roots = episodes
        .iter()
        .flat_map(|episode| [&episode.audio, &episode.transcript])
        .filter_map(|path| Some(path.parent()?.to_owned()))
        .collect();
    let equipment = Arc::new(Equipment {
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
        publisher: publisher.clone(),
    });
    let peers = Peers::alone(workers);
    let feed = Arc::new(Feed::new(
        Box::new(Bounded::new(announcements.into_iter())),
        Repeats::of_this_run(),
        promoted,
        peers,
        64,
    ));
    let levels = Levels::Exact;
    let job = Job { layout, levels, peers, mesh: Mesh::default(), feed, equipment, publisher, halted, durable: None };
    Ok(hark_dataflow::run(job, |_| {})?)
}

fn announcement(at: usize, episode: &Episode) -> Announcement {
    let uri = |path: &Path| path.to_string_lossy().into_owned();
    Announcement {
        key: EpisodeKey { episode: EpisodeId(format!("{}-{at}", episode.name)), revision: 0 },
        show: "bench".to_owned(),
        title: episode.name.to_owned(),
        description: String::new(),
        published: 0,
        audio: Some(uri(&episode.audio)),
        transcript: Some(TranscriptSource::At { uri: uri(&episode.transcript), media_type: None }),
        language: None,
        declared_seconds: Some(episode.seconds),
        priority: Priority::Normal,
        withdrawn: false,
        base: String::new(),
    }
}
