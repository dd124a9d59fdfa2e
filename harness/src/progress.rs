//! How a job tells how far it is: a bar on a terminal, log lines elsewhere.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hark_dataflow::source::BadEntry;
use hark_operators::record::Announcement;
use hark_operators::record::outcome::{Outcome, State};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Time between two progress lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// Log lines go to standard error; `RUST_LOG` chooses what is logged.
pub fn start_log(format: LogFormat) {
    let default = if shows_bar(format) { "error" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    match format {
        LogFormat::Plain => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// The progress of one job; clones share it.
#[derive(Clone)]
pub struct Progress(Arc<Shared>);

struct Shared {
    bar: ProgressBar,
    /// Audio of the episodes that ended, in milliseconds.
    audio: AtomicU64,
    failed: AtomicU64,
    /// Who has ended: an episode that is run again counts once.
    ended: Mutex<HashSet<(String, u64)>>,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// A bar that does not yet know how many episodes there are.
    pub fn new(format: LogFormat) -> Self {
        let target = if shows_bar(format) { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {pos} episodes  {per_sec}  {elapsed}  {msg}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Arc::new(Shared {
            bar,
            audio: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            ended: Mutex::default(),
            last_line: Mutex::new(Instant::now()),
        }))
    }

    /// There are `total` episodes.
    pub fn expect(&self, total: u64) {
        self.0.bar.set_length(total);
        self.0.bar.set_style(style("{bar:32} {pos}/{len} episodes  {per_sec}  {eta} left  {msg}"));
    }

    /// Counts the input beside the job, so that the first preview does not wait for the count.
    pub fn count_in_background(&self, entries: impl Iterator<Item = Result<Announcement, BadEntry>> + Send + 'static) {
        let progress = self.clone();
        std::thread::spawn(move || progress.expect(entries.count() as u64));
    }

    /// One episode has its outcome.
    pub fn ended(&self, outcome: &Outcome) {
        let shared = &*self.0;
        let key = (outcome.episode.clone(), outcome.revision);
        if !shared.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(key) {
            return;
        }
        shared.bar.inc(1);
        let audio =
            shared.audio.fetch_add((outcome.picture.seconds * 1000.0) as u64, Ordering::Relaxed) as f64 / 1000.0;
        if let State::Failed { fault } = &outcome.state {
            let failed = shared.failed.fetch_add(1, Ordering::Relaxed) + 1;
            shared.bar.set_message(format!("{failed} failed"));
            tracing::warn!(episode = %one_line(&outcome.episode), stage = fault.stage, code = fault.code, "{}; {}", one_line(&fault.message), fault.remedy);
        }
        self.line(audio);
    }

    /// So many of what is expected are done.
    pub fn reached(&self, count: u64) {
        self.0.bar.set_position(count);
        self.line(0.0);
    }

    /// A log line from time to time, with the seconds of audio that went through.
    fn line(&self, audio: f64) {
        let shared = &*self.0;
        let mut last = shared.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            let seconds = shared.bar.elapsed().as_secs_f64();
            let left = shared.bar.length().map(|_| shared.bar.eta().as_secs());
            tracing::info!(
                ended = shared.bar.position(),
                of = shared.bar.length(),
                failed = shared.failed.load(Ordering::Relaxed),
                audio_seconds_per_second = (audio / seconds).round(),
                seconds_left = left,
                "progress"
            );
        }
    }

    /// Takes the bar away; returns the seconds of audio that went through.
    pub fn finish(&self) -> f64 {
        self.0.bar.finish_and_clear();
        self.0.audio.load(Ordering::Relaxed) as f64 / 1000.0
    }
}

fn shows_bar(format: LogFormat) -> bool {
    format == LogFormat::Plain && std::io::stderr().is_terminal()
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants")
}

/// Ids and messages hold foreign text: no line breaks or control characters in a log line.
fn one_line(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
