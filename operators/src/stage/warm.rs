//! Models that are loaded once and shared by all lanes of the process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hark_models::ModelError;
use hark_models::ballast::{Ballast, Size};
use hark_models::device::{Device, Placement, Precision};
use hark_models::manifest::{Manifest, Pinned};
use hark_models::minilm::Embedder;
use hark_models::silero::SpeechDetector;
use hark_models::sphinx::Recogniser;

use super::Stage;
use crate::fault::Fault;
use crate::record::Record;
use crate::record::outcome::ModelUsed;

/// Loads models on first use, once for each place where they are wanted; lanes then share their weights.
pub struct Models {
    manifest: Manifest,
    device: Device,
    home: PathBuf,
    speech: Warm<SpeechDetector>,
    embed: Warm<Embedder>,
    ballast: Warm<Ballast>,
}

/// A model by where it computes.
type Warm<M> = Mutex<HashMap<Placement, M>>;

/// The name of the voice activity detector in the manifest.
pub const SPEECH: &str = "silero-vad";
/// The name of the sentence embedder in the manifest.
pub const EMBED: &str = "minilm";
/// The name of the light recogniser.
pub const RECOGNISER: &str = "pocketsphinx";

impl Models {
    /// Models under `home` (what `make setup` fills), to run on `device` where nothing else is said.
    pub fn new(manifest: Manifest, device: Device, home: PathBuf) -> Self {
        Self { manifest, device, home, speech: Mutex::default(), embed: Mutex::default(), ballast: Mutex::default() }
    }

    /// Where models compute that are to run on the device of this name.
    ///
    /// # Errors
    /// No such device on this machine.
    pub fn placement(&self, device: Option<&str>, precision: Precision) -> Result<Placement, Fault> {
        let device = device.map_or(Ok(self.device), Device::select).map_err(|error| {
            Fault::poison("lanes", "device", error.to_string(), "change `device` of these lanes in the layout")
        })?;
        Ok(Placement { device, precision })
    }

    /// The speech detector, for one lane.
    ///
    /// # Errors
    /// Missing or changed weights, no room on the device.
    pub fn speech(&self, at: Placement) -> Result<SpeechDetector, Fault> {
        let load = || SpeechDetector::load(&self.manifest.verified(SPEECH)?, at);
        shared(&self.speech, at, load, SpeechDetector::share).map_err(|error| unloaded(Stage::Speech, &error))
    }

    /// The embedder, for one lane.
    ///
    /// # Errors
    /// Missing or changed weights, no room on the device.
    pub fn embedder(&self, at: Placement) -> Result<Embedder, Fault> {
        let load = || Embedder::load(&self.manifest.verified(EMBED)?, at);
        shared(&self.embed, at, load, Embedder::share).map_err(|error| unloaded(Stage::Embed, &error))
    }

    /// A model of this size that weighs on a stage, for one lane.
    ///
    /// # Errors
    /// No room on the device.
    pub fn ballast(&self, stage: Stage, size: Size, at: Placement) -> Result<Ballast, Fault> {
        shared(&self.ballast, at, || Ballast::new(size, at), Ballast::share).map_err(|error| unloaded(stage, &error))
    }

    /// Lets go of a stage's model there: it is gone when no lane has a handle to it any more.
    pub(crate) fn forget(&self, stage: Stage, at: Placement) {
        match stage {
            Stage::Speech => drop(self.speech.lock().unwrap_or_else(PoisonError::into_inner).remove(&at)),
            Stage::Embed => drop(self.embed.lock().unwrap_or_else(PoisonError::into_inner).remove(&at)),
            _ => {}
        }
    }

    /// Lets go of the ballast there.
    pub(crate) fn forget_ballast(&self, at: Placement) {
        drop(self.ballast.lock().unwrap_or_else(PoisonError::into_inner).remove(&at));
    }

    /// A recogniser of one lane's own: it keeps state.
    ///
    /// # Errors
    /// A missing model.
    pub fn recogniser(&self) -> Result<Recogniser, Fault> {
        Recogniser::load(&self.home.join("pocketsphinx-5.1.1/model/en-us"))
            .map_err(|error| missing(Stage::Transcribe, &error))
    }

    /// What tells a model from every other: its name, version and files. Reads none of them.
    pub fn identity(&self, name: &str) -> Option<String> {
        self.manifest.identity(name)
    }

    /// Name, version and hash of a model that took part, for outcomes: each episode has one, so no file is read.
    pub fn used(&self, name: &str) -> Option<ModelUsed> {
        let Pinned { name, version, sha256 } = self.manifest.pinned(name)?;
        Some(ModelUsed { name: name.to_owned(), version: version.to_owned(), sha256: sha256.to_owned() })
    }
}

/// A handle to the model that is warm there, which is loaded first where it is not.
fn shared<M>(
    warm: &Warm<M>,
    at: Placement,
    load: impl FnOnce() -> Result<M, ModelError>,
    share: impl Fn(&M) -> M,
) -> Result<M, ModelError> {
    let mut warm = warm.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(model) = warm.get(&at) {
        return Ok(share(model));
    }
    let model = load()?;
    let handle = share(&model);
    warm.insert(at, model);
    Ok(handle)
}

fn unloaded(stage: Stage, error: &ModelError) -> Fault {
    if let ModelError::OutOfMemory(_) = error {
        return Fault::poison(
            stage.name(),
            "no_room",
            format!("its device has no room for its weights: {error}"),
            "use `resident = 1` on these lanes, fewer models on this device, or a larger one",
        )
        .caused_by(error);
    }
    missing(stage, error)
}

fn missing(stage: Stage, error: &dyn std::error::Error) -> Fault {
    Fault::poison(stage.name(), "model", error.to_string(), "run `make setup`").caused_by(error)
}

/// A model's error on a batch.
pub(super) fn failed(stage: Stage, error: &ModelError) -> Fault {
    let fault = match error {
        ModelError::OutOfMemory(_) => Fault::out_of_memory(stage.name(), error.to_string()),
        _ => Fault::retry(
            stage.name(),
            "model_failed",
            error.to_string(),
            "replay the episode; if it fails again, report it",
        ),
    };
    fault.caused_by(error)
}

/// What a model said of a batch, if that is one row for each of so many items.
pub(super) fn one_each<T>(stage: Stage, rows: Vec<T>, items: usize) -> Result<Vec<T>, Fault> {
    if rows.len() == items {
        return Ok(rows);
    }
    Err(Fault::retry(
        stage.name(),
        "misshapen",
        format!("its model gave {} results for {items} items", rows.len()),
        "check its weights with `make setup`; if it goes on, report it",
    ))
}

/// What a model said of one item makes no sense.
pub(super) fn unsound(stage: Stage, record: &Record) -> Fault {
    Fault::poison(
        stage.name(),
        "unsound",
        format!(
            "its model gave numbers that are none, or too many or too few, for a piece of episode {}",
            record.episode.key().episode
        ),
        "try the layout with `precision = \"f32\"`; if it happens there, report it with this episode",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_gives_too_few_results_or_too_many_fails_its_batch_by_name() {
        assert_eq!(one_each(Stage::Embed, vec![1, 2], 2), Ok(vec![1, 2]));
        for items in [1, 3] {
            let fault = one_each(Stage::Embed, vec![1, 2], items).expect_err("two rows");
            assert!(fault.code == "embed.misshapen" && fault.message.contains("2 results"), "{fault}");
        }
    }
}
