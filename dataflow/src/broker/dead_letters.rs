//! Dead letters back into the topic that they came from, with the bytes that they came with.
//!
//! Invariant: asking twice changes nothing that once has not: a job runs an announcement that was asked
//! for again only while its row says that it failed.

use std::time::Duration;

use hark_operators::record::Origin;
use hark_operators::record::origin::{Again, REPLAY};

use super::range::{Range, Span};
use super::topics::dead_letters_of;
use super::{BrokerError, Brokers};
use crate::sink::messages::{Message, Outbox, dead_letter};

/// Which dead letters.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetters<'a> {
    /// The topic of announcements.
    pub of: &'a str,
    /// Those since then, in milliseconds since 1970; all if `None`.
    pub since_ms: Option<i64>,
}

/// Announces once more what came to nothing; how many messages that were.
///
/// # Errors
/// [`BrokerError`]; what was announced until then may be announced again.
pub fn replay(brokers: &Brokers, letters: DeadLetters<'_>) -> Result<u64, BrokerError> {
    brokers.partitions(letters.of)?;
    // What is there now: a letter that fails once more lies behind the end.
    let span = Span { since_ms: letters.since_ms, until_ms: None };
    let mut range = Range::open(brokers, &dead_letters_of(letters.of), span)?;
    let outbox = Outbox::open(brokers)?;
    let mut count = 0;
    while range.left() > 0 {
        if let Some(letter) = range.next(Duration::from_millis(100))? {
            send(&outbox, letters.of, &letter)?;
            count += 1;
        }
    }
    outbox.flush()?;
    Ok(count)
}

fn send(outbox: &Outbox, topic: &str, letter: &Origin) -> Result<(), BrokerError> {
    let replay = (REPLAY.to_owned(), Again::Failed.spelled().map(String::into_bytes));
    let headers = dead_letter::own(&letter.headers).chain([replay]).collect();
    Ok(outbox.send(Message { topic, key: letter.key.as_deref(), value: letter.value.as_deref(), headers })?)
}
