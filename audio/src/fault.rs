//! What can go wrong with one episode: data, not exceptions.

use serde::{Deserialize, Serialize};

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The world was at fault (a timed-out server, a full queue): the same bytes may pass later.
    Retry,
    /// The item is at fault: the same bytes will fail again.
    Poison,
}

const OUT_OF_MEMORY: &str = "out_of_memory";

/// One episode's failure at one stage. `code` is stable and short (`decode.truncated`,
/// `fetch.private_address`), `message` names the item and the place, `remedy` says what to do,
/// `chain` holds the causes, outermost first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{stage}: {code}: {message}; {remedy}")]
pub struct Fault {
    /// Name of the stage that failed.
    pub stage: String,
    /// Stable, machine-readable reason: `stage.reason`.
    pub code: String,
    /// What happened, to which item, where in it.
    pub message: String,
    /// What the reader can do about it.
    pub remedy: String,
    /// Whether trying again may help.
    pub kind: FaultKind,
    /// Messages of the underlying errors, outermost first.
    pub chain: Vec<String>,
}

impl Fault {
    /// A fault of the item itself.
    pub fn poison(stage: &str, code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            stage: stage.into(),
            code: format!("{stage}.{code}"),
            message: message.into(),
            remedy: remedy.into(),
            kind: FaultKind::Poison,
            chain: Vec::new(),
        }
    }

    /// A fault of the world around the item.
    pub fn retry(stage: &str, code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind: FaultKind::Retry, ..Self::poison(stage, code, message, remedy) }
    }

    /// Of a batch for which a device had no memory: a smaller one may pass.
    pub fn out_of_memory(stage: &str, message: impl Into<String>) -> Self {
        Self::retry(stage, OUT_OF_MEMORY, message, "lower `max_items` in the layout, or use a larger device")
    }

    /// Whether it is of that kind.
    pub fn is_out_of_memory(&self) -> bool {
        self.code.ends_with(OUT_OF_MEMORY)
    }

    /// Adds the chain of causes of an error, outermost first.
    pub fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.chain.push(error.to_string());
            cause = error.source();
        }
        self
    }
}
