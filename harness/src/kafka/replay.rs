//! `hark replay --dead-letters`: announces once more what came to nothing.

use anyhow::{Context, Result, bail};
use hark_dataflow::broker::{self, DeadLetters};
use jiff::Timestamp;

use super::BrokerArgs;
use crate::exit::Exit;

/// Replays the dead letters of each of these topics since a time.
pub fn dead_letters(at: &BrokerArgs, topics: &[String], since: Option<&str>) -> Result<Exit> {
    if topics.is_empty() {
        bail!("no topic; name one with --announcements TOPIC");
    }
    let since = since.map(|since| since.parse::<Timestamp>()).transpose();
    let since = since.context("--since is no time; write it like 2026-11-01T08:00:00Z")?;
    let brokers = at.needed()?;
    for topic in topics {
        let letters = DeadLetters { of: topic, since_ms: since.map(Timestamp::as_millisecond) };
        let count = broker::replay(&brokers, letters)?;
        println!("announced {count} dead letters of {topic} once more");
    }
    Ok(Exit::Done)
}
