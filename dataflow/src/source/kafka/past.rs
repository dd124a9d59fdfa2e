//! A range of topics that was announced in the past, as a source that ends.

use std::collections::VecDeque;
use std::time::Duration;

use hark_operators::record::Priority;

use super::message;
use crate::broker::{BrokerError, Brokers, Range, Span};
use crate::source::BadEntry;
use crate::source::live::{Offer, Source};

/// What lay in some topics between two times. Each message is offered once.
pub struct Past {
    ranges: VecDeque<Range>,
    longest: usize,
}

impl Past {
    /// The same span of each topic; values of more than `longest` bytes are not read as announcements.
    ///
    /// # Errors
    /// [`BrokerError`]: brokers, topics.
    pub fn open(brokers: &Brokers, topics: &[String], span: Span, longest: usize) -> Result<Self, BrokerError> {
        let ranges = topics.iter().map(|topic| Range::open(brokers, topic, span)).collect::<Result<_, _>>()?;
        Ok(Self { ranges, longest })
    }

    /// Messages left.
    pub fn left(&self) -> u64 {
        self.ranges.iter().map(Range::left).sum()
    }
}

impl Source for Past {
    fn offer(&mut self) -> Offer {
        while let Some(range) = self.ranges.front_mut() {
            if range.left() == 0 {
                self.ranges.pop_front();
                continue;
            }
            return match range.next(Duration::ZERO) {
                Ok(Some(origin)) => {
                    let entry = message::entry(&origin, self.longest, Priority::Backfill);
                    Offer::Entry(Box::new(entry), None)
                }
                Ok(None) => Offer::Nothing,
                Err(error) => {
                    self.ranges.pop_front();
                    let remedy = "see that the brokers are up, then run the backfill again";
                    let bad = BadEntry::new(error.to_string(), "cut_off", "the rest was not read", remedy);
                    Offer::Entry(Box::new(Err(bad)), None)
                }
            };
        }
        Offer::End
    }
}
