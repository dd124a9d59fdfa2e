//! All messages between two commits as one transaction, where that is asked for.
//!
//! ```text
//! first message ─▶ begin ─ messages ─▶ commit ─▶ rows durable
//!                             └ a crash: the next start takes the id over, and the brokers drop them
//! ```
//! Who reads with `isolation.level=read_committed` sees a preview together with its outcome, or neither.
//! A crash between the brokers' commit and ours still repeats messages, with the same keys and bytes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::Producer;

/// How long brokers may take for one step.
const STEP: Duration = Duration::from_secs(30);
/// How long to try again, as long as a message may wait for brokers that are gone.
const PATIENCE: Duration = Duration::from_millis(super::outbox::PATIENCE_MS);

/// Whether one is open.
#[derive(Default)]
pub(super) struct Transaction(Mutex<bool>);

impl Transaction {
    /// Takes the producer's transactional id over from whoever had it; what that left open is dropped.
    pub fn take_over<P: Producer<C>, C: rdkafka::producer::ProducerContext>(producer: &P) -> KafkaResult<Self> {
        producer.init_transactions(STEP)?;
        Ok(Self::default())
    }

    /// Opens one, if none is open.
    pub fn begin<P: Producer<C>, C: rdkafka::producer::ProducerContext>(&self, producer: &P) -> KafkaResult<()> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !*open {
            producer.begin_transaction()?;
            *open = true;
        }
        Ok(())
    }

    /// Commits the open one, if any. No message may be sent meanwhile.
    pub fn commit<P: Producer<C>, C: rdkafka::producer::ProducerContext>(&self, producer: &P) -> KafkaResult<()> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        while *open {
            match producer.commit_transaction(STEP) {
                Ok(()) => *open = false,
                Err(KafkaError::Transaction(error)) if error.is_retriable() && began.elapsed() < PATIENCE => {
                    tracing::warn!(%error, "the brokers have not committed yet; asking again");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
