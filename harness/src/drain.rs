//! What a job that goes on does when it is told to stop.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use hark_dataflow::durable::Durable;
use hark_dataflow::intake::Feed;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::exit;

/// On the first signal the feed is closed; when the time is over, or on a second signal, the process
/// ends. What was still on its way is read again at the next start.
pub struct Drain(Arc<OnceLock<(Arc<Feed>, Arc<Durable>)>>);

impl Drain {
    /// Listens for SIGTERM and SIGINT. Before there is anything to finish the process ends at once.
    pub fn on_signals(patience: Duration) -> Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot watch for signals")?;
        let work: Arc<OnceLock<(Arc<Feed>, Arc<Durable>)>> = Arc::default();
        let begun = work.clone();
        std::thread::spawn(move || {
            let mut stopping = false;
            for signal in signals.forever() {
                let Some((feed, durable)) = begun.get() else { exit(0) };
                if stopping {
                    // As after any crash: nothing that was recorded is lost.
                    exit(128 + signal);
                }
                stopping = true;
                tracing::info!(in_flight = feed.in_flight(), "stopping: finishing what is on its way");
                feed.close();
                let (feed, durable) = (feed.clone(), durable.clone());
                std::thread::spawn(move || end_after(patience, &feed, &durable));
            }
        });
        Ok(Self(work))
    }

    /// This is what is to be finished.
    pub fn of(&self, feed: Arc<Feed>, durable: Arc<Durable>) {
        let first = self.0.set((feed, durable)).is_ok();
        assert!(first, "a process runs one job");
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
