//! Records for the tests of drivers and of what stands between them and models.

use std::sync::Arc;

use crate::record::piece::Passage;
use crate::record::{Announcement, Body, Episode, EpisodeId, EpisodeKey, Priority, Record, Spent};

/// A passage of an episode, with a text of so many letters.
pub(crate) fn passage(index: u32, priority: Priority, length: usize) -> Record {
    let key = EpisodeKey { episode: EpisodeId("episode".to_owned()), revision: 1 };
    let announcement = Announcement { priority, ..Announcement::bare(key.clone(), String::new()) };
    let episode =
        Episode { announcement: Arc::new(announcement), ingested_at: 0.0, home: 0, taken_in_by: 0, origin: None };
    let passage = Passage { key: Arc::new(key), index, sentences: (0, 1), text: "x".repeat(length) };
    Record { episode: Arc::new(episode), body: Body::Passage(passage), spent: Spent::new() }
}
