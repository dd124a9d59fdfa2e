//! `hark announce`: the episodes of an input as messages of a topic.

use anyhow::Result;
use hark_dataflow::sink::messages::{Kind, Message, Outbox, event};
use hark_dataflow::source::{self, Input, spelled};

use super::AnnounceArgs;
use crate::exit::Exit;

/// Announces what can be read, and says what cannot.
pub fn announce(args: &AnnounceArgs) -> Result<Exit> {
    let input = Input::open(&args.input)?;
    let brokers = args.at.needed()?;
    brokers.partitions(&args.topic)?;
    let outbox = Outbox::open(&brokers)?;
    let (mut announced, mut unreadable) = (0_u64, 0_u64);
    for entry in source::read(&input)? {
        let announcement = match entry {
            Ok(announcement) => announcement,
            Err(bad) => {
                eprintln!("hark: passed over: {}", bad.fault);
                unreadable += 1;
                continue;
            }
        };
        let value = spelled(&announcement).to_string();
        let key = (announcement.key.episode.as_str(), announcement.key.revision);
        let headers = event(Kind::Announcement, "/hark/announce", key, Some(value.as_bytes()));
        let (topic, key) = (args.topic.as_str(), Some(key.0.as_bytes()));
        outbox.send(Message { topic, key, value: Some(value.as_bytes()), headers })?;
        announced += 1;
    }
    outbox.flush()?;
    println!("announced {announced} episodes to {}", args.topic);
    Ok(if unreadable > 0 { Exit::Partly } else { Exit::Done })
}
