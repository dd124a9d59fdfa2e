//! Announcements of what has been announced before.

use std::collections::HashSet;

use hark_operators::record::origin::Again;
use hark_operators::record::{Announcement, EpisodeKey};

/// Whether an episode revision, or its withdrawal, has its outcome, and nothing of it is asked for again.
type Done = Box<dyn Fn(&EpisodeKey, bool, Again) -> bool + Send>;

/// How an announcement is known for a repeat.
pub enum Repeats {
    /// An episode revision is run once by this feed.
    OfThisRun(HashSet<(EpisodeKey, bool)>),
    /// An episode revision is run while it is neither on its way nor `done`, by its key and whether it is
    /// withdrawn.
    UntilDone {
        /// Those on their way.
        on_the_way: HashSet<(EpisodeKey, bool)>,
        /// Whether it has an outcome.
        done: Done,
    },
}

impl Repeats {
    /// For a feed that ends.
    pub fn of_this_run() -> Self {
        Self::OfThisRun(HashSet::new())
    }

    /// For a feed that goes on: what has an outcome is forgotten here.
    pub fn until_done(done: impl Fn(&EpisodeKey, bool, Again) -> bool + Send + 'static) -> Self {
        Self::UntilDone { on_the_way: HashSet::new(), done: Box::new(done) }
    }

    /// Whether an episode is to be run, that may be asked for again.
    pub(super) fn admit(&mut self, announcement: &Announcement, again: Again) -> bool {
        let key = (announcement.key.clone(), announcement.withdrawn);
        match self {
            Self::OfThisRun(seen) => seen.insert(key),
            Self::UntilDone { on_the_way, done } => !done(&key.0, key.1, again) && on_the_way.insert(key),
        }
    }

    pub(super) fn ended(&mut self, announcement: &Announcement) {
        if let Self::UntilDone { on_the_way, .. } = self {
            on_the_way.remove(&(announcement.key.clone(), announcement.withdrawn));
        }
    }
}
