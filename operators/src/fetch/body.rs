//! The body of an answer, counted and timed while it is read.

use std::time::Duration;

use ureq::BodyReader;
use url::Url;

use super::download::Stopped;
use super::exchange;
use super::policy::Clock;
use super::{STAGE, place};
use crate::Fault;

/// Over which time the rate of a body is judged.
const WINDOW: Duration = Duration::from_secs(30);

/// Bytes that are asked for at once.
const CHUNK: usize = 64 * 1024;

/// The body of an answer.
pub(super) struct Body {
    reader: BodyReader<'static>,
    /// Where it comes from, after redirects.
    pub(super) url: Url,
    /// Media type as the server says, if it says anything telling.
    pub(super) media_type: Option<String>,
    clock: Clock,
    deadline: Duration,
    /// Bytes that must come within each window.
    least: u64,
    window_end: Duration,
    window_bytes: u64,
    total: u64,
    buffer: Vec<u8>,
}

impl Body {
    pub(super) fn new(
        reader: BodyReader<'static>,
        url: Url,
        media_type: Option<String>,
        clock: Clock,
        deadline: Duration,
        rate: u64,
    ) -> Self {
        Self {
            reader,
            url,
            media_type,
            window_end: clock.now().saturating_add(WINDOW),
            clock,
            deadline,
            least: rate.saturating_mul(WINDOW.as_secs()),
            window_bytes: 0,
            total: 0,
            buffer: vec![0; CHUNK],
        }
    }

    /// The next bytes, none at the end. Fails as soon as more than `limit` have come in all.
    pub(super) fn chunk(&mut self, limit: u64) -> Result<Option<&[u8]>, Stopped> {
        use std::io::Read;
        let read = self
            .reader
            .read(&mut self.buffer)
            .map_err(|error| exchange::broken(&self.url, ureq::Error::from(error)))?;
        self.total += read as u64;
        self.window_bytes += read as u64;
        if self.total > limit {
            return Err(Stopped::ForGood(too_large(&place::shown(&self.url), limit)));
        }
        if read > 0 {
            self.check_progress()?;
        }
        Ok((read > 0).then_some(&self.buffer[..read]))
    }

    /// All bytes, at most `limit`.
    pub(super) fn whole(&mut self, limit: u64) -> Result<Vec<u8>, Stopped> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(limit)? {
            bytes.extend_from_slice(chunk);
        }
        Ok(bytes)
    }

    fn check_progress(&mut self) -> Result<(), Stopped> {
        let now = self.clock.now();
        if now >= self.deadline {
            return Err(Stopped::ForGood(out_of_time(&self.url)));
        }
        if now < self.window_end {
            return Ok(());
        }
        if self.window_bytes < self.least {
            let message =
                format!("{} sent {} bytes in {} s", place::shown(&self.url), self.window_bytes, WINDOW.as_secs());
            let fault = Fault::retry(STAGE, "too_slow", message, "replay the episode later, or ask its host");
            return Err(Stopped::ForNow(fault, None));
        }
        self.window_end = now.saturating_add(WINDOW);
        self.window_bytes = 0;
        Ok(())
    }
}

/// The time for everything is used up.
pub(super) fn out_of_time(url: &Url) -> Fault {
    let message = format!("{} took longer than the time for everything", place::shown(url));
    Fault::retry(STAGE, "timeout", message, "replay the episode later, or allow more time")
}

/// More bytes than allowed; `what` is fit to be shown.
pub(super) fn too_large(what: &str, limit: u64) -> Fault {
    let message = format!("{what} is longer than the {limit} bytes allowed");
    Fault::poison(STAGE, "too_large", message, "raise the limit if it is meant to be that long")
}
