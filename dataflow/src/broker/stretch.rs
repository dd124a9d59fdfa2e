//! A stretch of topics announced once more, for a job that is running.
//!
//! ```text
//! topics, FROM … TO ─▶ each announcement: as it came, and hark_priority, hark_replay ─▶ a topic that is read
//! ```
//! What a message comes to depends on the time that it bears: episodes whose outcome is older are done
//! again, so a message may come twice, and a stretch may be sent again from its beginning.
//!
//! Invariant: what could not be read, what withdraws, and what was made once more already is passed over:
//! it has had its effect, and would have it once more elsewhere.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hark_operators::record::origin::{Again, REPLAY};
use hark_operators::record::{Origin, Priority};

use super::range::{Range, Span};
use super::{BrokerError, Brokers};
use crate::sink::messages::{Message, Outbox, dead_letter};
use crate::source::kafka::message::{PRIORITY, entry};

/// How long to wait for a message before looking at the next range again.
const WAIT: Duration = Duration::from_millis(100);

/// A stretch on its way from the topics that it lies in.
pub struct Stretch {
    ranges: VecDeque<Range>,
    outbox: Outbox,
    to: String,
    older_than_ms: i64,
    longest: usize,
}

/// What has become of a stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Announced once more.
    pub announced: u64,
    /// Passed over.
    pub passed_over: u64,
}

impl Stretch {
    /// The same span of each of these topics, to be announced to `to`: episodes are done again whose outcome
    /// is older than a time in milliseconds since 1970; values of more than `longest` bytes are passed over.
    ///
    /// # Errors
    /// [`BrokerError`]: brokers, topics.
    pub fn open(
        brokers: &Brokers,
        of: &[String],
        span: Span,
        to: &str,
        older_than_ms: i64,
        longest: usize,
    ) -> Result<Self, BrokerError> {
        brokers.partitions(to)?;
        let ranges = of.iter().map(|topic| Range::open(brokers, topic, span)).collect::<Result<_, _>>()?;
        Ok(Self { ranges, outbox: Outbox::open(brokers)?, to: to.to_owned(), older_than_ms, longest })
    }

    /// Messages left.
    pub fn left(&self) -> u64 {
        self.ranges.iter().map(Range::left).sum()
    }

    /// Announces all, at most so many a second; `sees` hears after each message how many are left. Returns
    /// when all are acknowledged.
    ///
    /// # Errors
    /// [`BrokerError`]; what was announced until then may be announced again.
    pub fn announce(mut self, a_second: Option<f64>, mut sees: impl FnMut(u64)) -> Result<Passed, BrokerError> {
        let (mut passed, began) = (Passed::default(), Instant::now());
        while let Some(range) = self.ranges.front_mut() {
            if range.left() == 0 {
                self.ranges.pop_front();
                continue;
            }
            let Some(origin) = range.next(WAIT)? else { continue };
            match self.send(&origin)? {
                true => passed.announced += 1,
                false => passed.passed_over += 1,
            }
            sees(self.left());
            if let Some(rate) = a_second {
                let due = Duration::from_secs_f64(passed.announced as f64 / rate);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
            }
        }
        self.outbox.flush()?;
        Ok(passed)
    }

    /// Whether the message is one to be announced.
    fn send(&self, origin: &Origin) -> Result<bool, BrokerError> {
        let read = entry(origin, self.longest, Priority::Backfill);
        if origin.again() != Again::No || !read.is_ok_and(|announcement| !announcement.withdrawn) {
            return Ok(false);
        }
        let own = dead_letter::own(&origin.headers).filter(|(name, _)| name != PRIORITY);
        let priority = (PRIORITY.to_owned(), Some(b"backfill".to_vec()));
        let again = Again::Before(self.older_than_ms).spelled().map(String::into_bytes);
        let headers = own.chain([priority, (REPLAY.to_owned(), again)]).collect();
        let (key, value) = (origin.key.as_deref(), origin.value.as_deref());
        self.outbox.send(Message { topic: &self.to, key, value, headers })?;
        Ok(true)
    }
}
