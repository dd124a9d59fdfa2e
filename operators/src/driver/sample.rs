//! Records for the tests of drivers and of what stands between them and models.

use std::sync::Arc;

use crate::record::piece::{Passage, Window};
use crate::record::{Announcement, Body, Episode, EpisodeId, EpisodeKey, Priority, Record, Spent};
use crate::units::Samples;

/// A passage of an episode, with a text of so many letters.
pub(crate) fn passage(index: u32, priority: Priority, length: usize) -> Record {
    let passage = Passage { key: Arc::new(key()), index, sentences: (0, 1), text: "x".repeat(length) };
    of_an_episode(priority, Body::Passage(passage))
}

/// The same record, of another episode.
pub(crate) fn of(episode: &str, record: Record) -> Record {
    let key = EpisodeKey { episode: EpisodeId::from(episode), revision: 1 };
    let announcement = Arc::new(Announcement { key, ..(*record.episode.announcement).clone() });
    let Episode { ingested_at, home, taken_in_by, .. } = *record.episode;
    Record { episode: Arc::new(Episode { announcement, ingested_at, home, taken_in_by, origin: None }), ..record }
}

/// A window of an episode, with so many samples.
pub(crate) fn window(index: u32, samples: usize) -> Record {
    let samples = Arc::new(vec![0; samples]);
    of_an_episode(
        Priority::Normal,
        Body::Window(Window { index, start: Samples(0), context: 0, samples, permit: None }),
    )
}

fn key() -> EpisodeKey {
    EpisodeKey { episode: EpisodeId::from("episode"), revision: 1 }
}

fn of_an_episode(priority: Priority, body: Body) -> Record {
    let announcement = Arc::new(Announcement { priority, ..Announcement::bare(key(), String::new()) });
    let episode = Episode { announcement, ingested_at: 0.0, home: 0, taken_in_by: 0, origin: None };
    Record { episode: Arc::new(episode), body, spent: Spent::new() }
}
