//! What a job that goes on does when it is to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use hark_dataflow::durable::Durable;
use hark_dataflow::intake::Feed;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::exit;

/// On the first signal, or when the cluster gets another size, the feed is closed; when the time is over,
/// or on a second signal, the process ends. What was still on its way is read again at the next start.
#[derive(Clone)]
pub struct Drain(Arc<Inner>);

struct Inner {
    patience: Duration,
    work: OnceLock<(Arc<Feed>, Arc<Durable>)>,
    stopping: AtomicBool,
}

impl Drain {
    /// Listens for SIGTERM and SIGINT. Before there is anything to finish the process ends at once.
    pub fn on_signals(patience: Duration) -> Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot watch for signals")?;
        let stopping = AtomicBool::new(false);
        let drain = Self(Arc::new(Inner { patience, work: OnceLock::new(), stopping }));
        let told = drain.clone();
        std::thread::spawn(move || {
            let mut signalled = false;
            for signal in signals.forever() {
                if signalled {
                    // As after any crash: nothing that was recorded is lost.
                    exit(128 + signal);
                }
                signalled = true;
                told.begin();
            }
        });
        Ok(drain)
    }

    /// This is what is to be finished.
    pub fn of(&self, feed: Arc<Feed>, durable: Arc<Durable>) {
        let first = self.0.work.set((feed, durable)).is_ok();
        assert!(first, "a process runs one job");
    }

    /// Begins to stop, unless it has begun.
    pub fn begin(&self) {
        let Some((feed, durable)) = self.0.work.get() else { exit(0) };
        if self.0.stopping.swap(true, Ordering::AcqRel) {
            return;
        }
        tracing::info!(in_flight = feed.in_flight(), "stopping: finishing what is on its way");
        feed.close();
        let (patience, feed, durable) = (self.0.patience, feed.clone(), durable.clone());
        std::thread::spawn(move || end_after(patience, &feed, &durable));
    }
}

fn end_after(patience: Duration, feed: &Feed, durable: &Durable) {
    std::thread::sleep(patience);
    if let Err(error) = durable.commit(feed) {
        tracing::error!(%error, "the last commit failed; it is made up for at the next start");
    }
    tracing::warn!(in_flight = feed.in_flight(), "stopped; these are taken up at the next start");
    exit(0);
}
