//! What a client of a broker says beside its answers: into the log, and the last word kept for messages.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};

/// Hears what one client has to say.
#[derive(Default)]
pub(crate) struct Heard {
    last: Mutex<Option<(Option<Code>, String)>>,
    /// A commit did not arrive, so the next has to say it again.
    lost_commit: AtomicBool,
}

impl Heard {
    /// What was complained of last, leaving nothing.
    pub fn take(&self) -> Option<(Option<Code>, String)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether a commit was lost since the last call.
    pub fn lost_a_commit(&self) -> bool {
        self.lost_commit.swap(false, Ordering::AcqRel)
    }
}

impl ClientContext for Heard {
    fn log(&self, level: Level, facility: &str, message: &str) {
        match level {
            Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning => {
                tracing::warn!(facility, "kafka: {message}");
            }
            Level::Notice | Level::Info => tracing::info!(facility, "kafka: {message}"),
            Level::Debug => tracing::debug!(facility, "kafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // It follows from what was said before, which says why.
        if code == Some(Code::AllBrokersDown) {
            tracing::debug!("kafka: {reason}");
            return;
        }
        tracing::warn!("kafka: {error}: {reason}");
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((code, reason.to_owned()));
    }
}

impl ConsumerContext for Heard {
    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            self.lost_commit.store(true, Ordering::Release);
            tracing::warn!(%error, "offsets were not committed; the next commit makes up for it");
        }
    }
}
