//! What stages work with: opened once per process, shared by all lanes.

use std::path::PathBuf;
use std::sync::Arc;

use hark_models::ballast::Size;

use super::Stage;
use super::drill::Drill;
use super::publish::Publisher;
use super::warm::Models;
use crate::cache::Cache;
use crate::driver::Budget;
use crate::fetch::Fetcher;
use crate::media::clip::ClipSettings;
use crate::select::Weights;
use hark_audio::decoder::Decoder;

/// The tools of the stages; each stage takes the one or two that it needs.
pub struct Equipment {
    /// Brings bytes to this machine.
    pub fetcher: Fetcher,
    /// Folder for what is fetched or decoded and not yet published.
    pub staging: PathBuf,
    /// Decoder children.
    pub decoder: Decoder,
    /// Bytes of decoded audio that may lie in `staging`.
    pub disk_budget: Budget,
    /// Bytes of decoded audio that may be in memory.
    pub audio_budget: Budget,
    /// Warm models.
    pub models: Arc<Models>,
    /// What models have said before, where that is kept.
    pub cache: Option<Arc<Cache>>,
    /// What selection prefers.
    pub weights: Arc<Weights>,
    /// Publish the best span also where it fails a hard gate.
    pub accept_gates: bool,
    /// Formats, loudness, fades.
    pub clip: ClipSettings,
    /// Stages to be harmed on purpose.
    pub drills: Vec<Drill>,
    /// A stage whose model is to be weighed down, and how much.
    pub ballast: Option<(Stage, Size)>,
    /// Where outcomes are made durable.
    pub publisher: Arc<dyn Publisher>,
}
