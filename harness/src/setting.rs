//! From arguments to the tools of a job: everything is opened, and every mistake found, before the
//! first episode is taken in.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use crossbeam_channel::{Receiver, unbounded};
use hark_audio::decoder::{DecodeLimits, Decoder};
use hark_dataflow::Layout;
use hark_dataflow::publish::FolderPublisher;
use hark_dataflow::sink::{Messages, SinkError};
use hark_models::device::Device;
use hark_models::manifest::Manifest;
use hark_operators::cache::Cache;
use hark_operators::driver::Budget;
use hark_operators::fetch::{FetchPolicy, Fetcher};
use hark_operators::media::clip::ClipSettings;
use hark_operators::select::Weights;
use hark_operators::stage::Equipment;
use hark_operators::stage::warm::Models;

use crate::cli::JobArgs;

/// A job ready to run.
pub struct Setting {
    pub layout: Layout,
    pub equipment: Arc<Equipment>,
    pub publisher: Arc<FolderPublisher>,
    pub halted: Receiver<SinkError>,
}

impl Setting {
    /// Opens all that a job works with in one of its processes; `roots` are folders that episodes' files may
    /// lie under, `messages` tell of how they end.
    pub fn open(args: &JobArgs, roots: Vec<PathBuf>, process: usize, messages: Option<Messages>) -> Result<Self> {
        let layout = Layout::open(&args.layout)?;
        ensure!(
            !layout.is_modelled(),
            "layout {} has lanes whose device is modelled: what they make is no preview; `hark bench` measures it, \
             and a job needs a layout of real devices",
            args.layout
        );
        Self::of(layout, args, roots, process, messages)
    }

    /// The same for a job whose previews nobody is to see.
    pub fn to_be_measured(args: &JobArgs, roots: Vec<PathBuf>, process: usize) -> Result<Self> {
        Self::of(Layout::open(&args.layout)?, args, roots, process, None)
    }

    fn of(
        layout: Layout,
        args: &JobArgs,
        roots: Vec<PathBuf>,
        process: usize,
        messages: Option<Messages>,
    ) -> Result<Self> {
        if let Some(death) = args.die_after {
            death.plan();
        }
        let weights = match &args.weights {
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("cannot read weights {}", path.display()))?;
                Weights::parse(&text).with_context(|| path.display().to_string())?
            }
            None => Weights::default(),
        };
        let staging = staging(&args.output, process);
        // Of an earlier run that was killed.
        let emptied = std::fs::remove_dir_all(&staging).or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
        emptied
            .and_then(|()| std::fs::create_dir_all(&staging))
            .with_context(|| format!("cannot write to {}; choose another --output", args.output.display()))?;
        let objects = args.stores.objects(&args.output)?;
        // The others write nothing until they have met the first.
        let swept = if process == 0 { objects.sweep()? } else { 0 };
        if swept > 0 {
            tracing::info!(files = swept, "removed what an earlier run left half written");
        }
        let (halt, halted) = unbounded();
        let table = args.kept.open(&args.output)?;
        let publisher = FolderPublisher::new(objects, table, &layout.name, args.correct, halt);
        let publisher = Arc::new(match messages {
            Some(messages) => publisher.telling(messages),
            None => publisher,
        });
        let megabytes = u64::from(args.cache_mb);
        let cache = args.cache.as_deref().map(|folder| Cache::open(folder, megabytes * 1_000_000)).transpose()?;
        let device = Device::select(&args.device)?;
        let home = home();
        let policy = FetchPolicy { roots, allow_private: args.allow_private, ..FetchPolicy::default() };
        let equipment = Arc::new(Equipment {
            fetcher: Fetcher::new(policy),
            clip: ClipSettings { scratch: staging.clone(), ..ClipSettings::default() },
            staging,
            decoder: decoder()?,
            disk_budget: Budget::new(args.disk_budget as usize * 1_000_000),
            audio_budget: Budget::new(
                (args.audio_budget as usize * 1_000_000).max(layout.least_audio(usize::from(args.workers))),
            ),
            models: Arc::new(Models::new(Manifest::open(&home), device, home)),
            cache: cache.map(Arc::new),
            weights: Arc::new(weights),
            accept_gates: args.accept_gates,
            drills: args.drill.clone(),
            ballast: args.ballast,
            publisher: publisher.clone(),
        });
        Ok(Self { layout, equipment, publisher, halted })
    }
}

/// Decodes by children of the program that stands beside this one.
pub fn decoder() -> Result<Decoder> {
    let program = std::env::current_exe().context("cannot find hark's own program file")?;
    let child = program.with_file_name("hark-decode");
    ensure!(
        child.is_file(),
        "no decoder beside hark: {} is missing; `make build` makes both programs, install them in one folder",
        child.display()
    );
    Ok(Decoder::new(child, Vec::new(), DecodeLimits::default()))
}

/// Where a process keeps what it works on.
pub fn staging(output: &Path, process: usize) -> PathBuf {
    output.join(".staging").join(process.to_string())
}

/// Where `make setup` laid the models: `HARK_HOME`, or the checkout that this program was built in.
fn home() -> PathBuf {
    std::env::var_os("HARK_HOME").map_or_else(|| Path::new(env!("HARK_HOME")).to_owned(), PathBuf::from)
}
