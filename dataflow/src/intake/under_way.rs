//! Which episodes are on their way, and how much each worker has of them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hark_operators::record::{Announcement, Episode, EpisodeKey};

/// The episodes of one feed that have set out and not ended.
pub(super) struct UnderWay(Mutex<State>);

#[derive(Default)]
struct State {
    /// By key and whether it is withdrawn: a withdrawal is on its way beside what it withdraws.
    episodes: HashMap<(EpisodeKey, bool), Journey>,
    /// Those, each as often as it set out.
    count: usize,
    /// Those among them that are there beyond the usual bound.
    beyond: usize,
    /// All that ever set out, once or again.
    begun: usize,
    /// Seconds of audio that are on their way per worker, by what the source declared.
    loads: Vec<f64>,
}

struct Journey {
    /// Seconds since 1970 UTC.
    since: f64,
    is_beyond: bool,
}

impl UnderWay {
    /// Nothing yet, for so many workers of the cluster.
    pub fn new(workers: usize) -> Self {
        Self(Mutex::new(State { loads: vec![0.0; workers], ..State::default() }))
    }

    pub fn count(&self) -> usize {
        self.state().count
    }

    /// How many are there within the usual bound, and how many beyond it.
    pub fn within_and_beyond(&self) -> (usize, usize) {
        let state = self.state();
        (state.count - state.beyond, state.beyond)
    }

    pub fn holds(&self, announcement: &Announcement) -> bool {
        self.state().episodes.contains_key(&name(announcement))
    }

    pub fn begun(&self) -> usize {
        self.state().begun
    }

    /// Since when the one is on its way that is so longest, in seconds since 1970 UTC.
    pub fn oldest(&self) -> Option<f64> {
        self.state().episodes.values().map(|journey| journey.since).reduce(f64::min)
    }

    /// An episode sets out at a moment, beyond the usual bound or within it. Its home is the one of these
    /// workers with the least to do, which has it from now on.
    pub fn begin(&self, announcement: &Announcement, workers: Range<usize>, since: f64, is_beyond: bool) -> u64 {
        let mut state = self.state();
        let loads = &mut state.loads;
        let home = workers.min_by(|&a, &b| loads[a].total_cmp(&loads[b])).expect("a process has a worker");
        loads[home] += expected_seconds(announcement);
        state.count += 1;
        state.begun += 1;
        state.beyond += usize::from(is_beyond);
        state.episodes.insert(name(announcement), Journey { since, is_beyond });
        home as u64
    }

    /// An episode has ended.
    pub fn end(&self, episode: &Episode) {
        let mut state = self.state();
        if let Some(load) = state.loads.get_mut(episode.home as usize) {
            *load -= expected_seconds(&episode.announcement);
        }
        state.count -= 1;
        let journey = state.episodes.remove(&name(&episode.announcement));
        state.beyond -= usize::from(journey.is_some_and(|journey| journey.is_beyond));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(announcement: &Announcement) -> (EpisodeKey, bool) {
    (announcement.key.clone(), announcement.withdrawn)
}

/// How much audio an episode will bring: what its source says, within reason, else half an hour.
fn expected_seconds(announcement: &Announcement) -> f64 {
    announcement
        .declared_seconds
        .filter(|seconds| seconds.is_finite())
        .map_or(1800.0, |seconds| seconds.clamp(1.0, 43_200.0))
        * f64::from(u8::from(!announcement.withdrawn))
}
