//! Attempts at a download: how often, and how long to wait in between.

use std::time::Duration;

use url::Url;

use super::Fetcher;
use super::body::Body;
use crate::Fault;

/// Longest pause between two attempts, also where the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Another attempt would end the same way.
    ForGood(Fault),
    /// Another attempt may succeed, after the pause that the server asked for, if it did.
    ForNow(Fault, Option<Duration>),
}

impl Fetcher {
    /// Gives the body at `url` to `take`, from its first byte on each attempt.
    pub(super) fn download<T>(
        &self,
        url: &Url,
        encoding: &str,
        mut take: impl FnMut(&mut Body) -> Result<T, Stopped>,
    ) -> Result<T, Fault> {
        let clock = &self.policy.clock;
        let deadline = clock.now().saturating_add(self.policy.overall_timeout);
        let mut attempt = 1;
        loop {
            let result = self.exchange(url, encoding, deadline).and_then(|mut body| take(&mut body));
            let (mut fault, asked) = match result {
                Ok(taken) => return Ok(taken),
                Err(Stopped::ForGood(fault)) => return Err(fault),
                Err(Stopped::ForNow(fault, asked)) => (fault, asked),
            };
            let pause = self.pause(url, attempt).max(asked.unwrap_or_default()).min(LONGEST_PAUSE);
            if attempt >= self.policy.attempts || clock.now().saturating_add(pause) >= deadline {
                fault.message = format!("{} (attempt {attempt})", fault.message);
                return Err(fault);
            }
            (clock.sleep)(pause);
            attempt += 1;
        }
    }

    /// Doubles with each attempt; up to a half more, by the URL, so that the episodes of one host
    /// that failed together do not come back together.
    fn pause(&self, url: &Url, attempt: u32) -> Duration {
        let doubled = self.policy.backoff.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let spread = u32::from(blake3::hash(url.as_str().as_bytes()).as_bytes()[0]);
        doubled.saturating_add(doubled.saturating_mul(spread) / 512)
    }
}
