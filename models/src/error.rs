//! What can go wrong between a model's files and its answer.

use std::path::PathBuf;

/// Why a model could not be opened or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The manifest has no model of this name.
    #[error("no model is called {name}; the manifest has {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are, comma-separated.
        known: String,
    },
    /// A file of the model is not there or cannot be read.
    #[error("model {name}: {} cannot be read ({cause}); {remedy}", path.display())]
    Missing {
        /// The model.
        name: String,
        /// The file that was looked for.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
        /// What brings it.
        remedy: &'static str,
    },
    /// A file holds other bytes than the manifest pins.
    #[error("model {name}: {} has SHA-256 {found}, the manifest wants {expected}; {remedy}", path.display())]
    WrongHash {
        /// The model.
        name: String,
        /// The file that differs.
        path: PathBuf,
        /// SHA-256 of the manifest.
        expected: String,
        /// SHA-256 of what is there.
        found: String,
        /// What brings the right one.
        remedy: &'static str,
    },
    /// The weights are not those of the network that is written here, or the caller's values do not
    /// fit together.
    #[error("{what}: {found} where {expected} is needed")]
    Shape {
        /// Which value.
        what: String,
        /// What would fit.
        expected: String,
        /// What was given.
        found: String,
    },
    /// No such device on this machine.
    #[error("device {name}: {message}")]
    Device {
        /// The device asked for.
        name: String,
        /// Why it cannot be used.
        message: String,
    },
    /// The device's memory did not suffice for the batch: a smaller one may pass.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// The tokenizer refused its file or its text.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// libtorch failed for another reason; the first line of what it said.
    #[error("libtorch: {0}")]
    Torch(String),
}

/// What the reader does about missing or altered weights.
pub(crate) const SETUP: &str = "run `make setup`";

impl From<tch::TchError> for ModelError {
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        // libtorch appends a C++ stack trace that helps no reader.
        let message = text.lines().next().unwrap_or_default().to_owned();
        let memory = ["out of memory", "not enough memory", "can't allocate memory"];
        if memory.iter().any(|sign| text.contains(sign)) { Self::OutOfMemory(message) } else { Self::Torch(message) }
    }
}
