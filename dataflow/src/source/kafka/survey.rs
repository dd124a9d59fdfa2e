//! Looks, beside the reading, how far there is to read and whether topics have grown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::reader::Reader;
use super::{Lag, Positions};

/// How often to look how far partitions reach.
const GLANCE: Duration = Duration::from_secs(3);

/// How often to look for partitions that are new.
const LOOK: Duration = Duration::from_secs(30);

/// A thread that may wait for brokers, so that reading need not. It ends when this is dropped.
pub(super) struct Survey {
    _alive: Sender<()>,
}

impl Survey {
    pub fn start(readers: Vec<Arc<Reader>>, lag: Lag) -> Self {
        let (alive, ended) = bounded::<()>(0);
        std::thread::spawn(move || {
            let mut looked = Instant::now();
            loop {
                let grown = looked.elapsed() >= LOOK;
                for reader in &readers {
                    if let Err(error) = reader.look(&lag) {
                        tracing::debug!(%error, "how far partitions reach is not known");
                    }
                    if grown && let Err(error) = reader.assign_new(&Positions::new()) {
                        tracing::warn!(%error, "cannot look for new partitions; trying again");
                    }
                }
                if grown {
                    looked = Instant::now();
                }
                if ended.recv_timeout(GLANCE) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        });
        Self { _alive: alive }
    }
}
