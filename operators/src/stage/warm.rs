//! Models that are loaded once and shared by all lanes of the process.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hark_models::ModelError;
use hark_models::device::Device;
use hark_models::manifest::{Manifest, ModelFiles};
use hark_models::minilm::Embedder;
use hark_models::silero::SpeechDetector;
use hark_models::sphinx::Recogniser;

use super::Stage;
use crate::fault::Fault;
use crate::record::outcome::ModelUsed;

/// Loads models on first use; lanes then share their weights.
pub struct Models {
    manifest: Manifest,
    device: Device,
    home: PathBuf,
    speech: Mutex<Option<SpeechDetector>>,
    embed: Mutex<Option<Embedder>>,
}

/// The name of the voice activity detector in the manifest.
pub const SPEECH: &str = "silero-vad";
/// The name of the sentence embedder in the manifest.
pub const EMBED: &str = "minilm";
/// The name of the light recogniser.
pub const RECOGNISER: &str = "pocketsphinx";

impl Models {
    /// Models under `home` (what `make setup` fills), to run on `device`.
    pub fn new(manifest: Manifest, device: Device, home: PathBuf) -> Self {
        Self { manifest, device, home, speech: Mutex::default(), embed: Mutex::default() }
    }

    /// The speech detector, for one lane.
    ///
    /// # Errors
    /// Missing or changed weights.
    pub fn speech(&self) -> Result<SpeechDetector, Fault> {
        let mut warm = self.speech.lock().unwrap_or_else(PoisonError::into_inner);
        if warm.is_none() {
            let load = |files: ModelFiles| SpeechDetector::load(&files, self.device);
            *warm =
                Some(self.manifest.verified(SPEECH).and_then(load).map_err(|error| unloaded(Stage::Speech, &error))?);
        }
        Ok(warm.as_ref().expect("just loaded").share())
    }

    /// The embedder, for one lane.
    ///
    /// # Errors
    /// Missing or changed weights.
    pub fn embedder(&self) -> Result<Embedder, Fault> {
        let mut warm = self.embed.lock().unwrap_or_else(PoisonError::into_inner);
        if warm.is_none() {
            let load = |files: ModelFiles| Embedder::load(&files, self.device);
            *warm = Some(self.manifest.verified(EMBED).and_then(load).map_err(|error| unloaded(Stage::Embed, &error))?);
        }
        Ok(warm.as_ref().expect("just loaded").share())
    }

    /// A recogniser of one lane's own: it keeps state.
    ///
    /// # Errors
    /// A missing model.
    pub fn recogniser(&self) -> Result<Recogniser, Fault> {
        Recogniser::load(&self.home.join("pocketsphinx-5.1.1/model/en-us"))
            .map_err(|error| unloaded(Stage::Transcribe, &error))
    }

    /// Name, version and hash of a model, for outcomes.
    pub fn used(&self, name: &str) -> Option<ModelUsed> {
        let files = self.manifest.verified(name).ok()?;
        Some(ModelUsed { name: files.name, version: files.version, sha256: files.sha256 })
    }
}

fn unloaded(stage: Stage, error: &dyn std::error::Error) -> Fault {
    Fault::poison(stage.name(), "model", error.to_string(), "run `make setup`").caused_by(error)
}

/// A model's error on a batch, as a fault of each of its records.
pub(super) fn failed(stage: Stage, error: &ModelError) -> Fault {
    Fault::retry(stage.name(), "model_failed", error.to_string(), "replay the episode; if it fails again, report it")
        .caused_by(error)
}
