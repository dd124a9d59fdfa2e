//! What a batch may hold: items, seconds of audio, word pieces. Whichever is reached first closes it.
//!
//! Invariant: a batch is over a limit only if it is a single item, which must go somewhere.

use crate::record::piece::{CONTEXT, MOST_TOKENS, WINDOW};
use crate::record::{Body, Record};
use crate::stage::Stage;

/// Most that a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records.
    pub items: usize,
    /// Samples of its windows together, context included.
    pub samples: Option<usize>,
    /// Word pieces of its passages together, as far as their text tells.
    pub tokens: Option<usize>,
}

/// What a batch holds, or what waits for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) items: usize,
    pub(super) samples: usize,
    pub(super) tokens: usize,
}

impl Load {
    /// One record.
    pub(super) fn of(record: &Record) -> Self {
        let (samples, tokens) = match &record.body {
            Body::Window(window) => (window.samples.len(), 0),
            Body::Passage(passage) => (0, passage.tokens()),
            _ => (0, 0),
        };
        Self { items: 1, samples, tokens }
    }

    pub(super) fn with(self, more: Self) -> Self {
        Self { items: self.items + more.items, samples: self.samples + more.samples, tokens: self.tokens + more.tokens }
    }

    pub(super) fn without(self, gone: Self) -> Self {
        Self { items: self.items - gone.items, samples: self.samples - gone.samples, tokens: self.tokens - gone.tokens }
    }
}

impl Limits {
    /// By number alone.
    pub fn items(items: usize) -> Self {
        Self { items, samples: None, tokens: None }
    }

    /// The same with no more than so many items.
    pub(super) fn at_most(self, items: usize) -> Self {
        Self { items: self.items.min(items), ..self }
    }

    /// Whether so much may be one batch.
    pub(super) fn hold(&self, load: Load) -> bool {
        let within = |most: Option<usize>, held| most.is_none_or(|most| held <= most);
        load.items <= 1
            || load.items <= self.items && within(self.samples, load.samples) && within(self.tokens, load.tokens)
    }

    /// Whether a batch of so much cannot grow.
    pub(super) fn reached(&self, load: Load) -> bool {
        let reached = |most: Option<usize>, held| most.is_some_and(|most| held >= most);
        load.items >= self.items || reached(self.samples, load.samples) || reached(self.tokens, load.tokens)
    }

    /// How many of the longest items of a stage a batch holds: what its device must have room for.
    pub fn longest(&self, stage: Stage) -> usize {
        let by_size = match stage {
            Stage::Speech | Stage::Events => self.samples.map(|most| most / (WINDOW + CONTEXT)),
            Stage::Embed => self.tokens.map(|most| most / MOST_TOKENS),
            _ => None,
        };
        by_size.map_or(self.items, |most| most.clamp(1, self.items))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{passage, window};
    use super::*;
    use crate::record::Priority;

    #[test]
    fn the_limit_that_is_reached_first_closes_a_batch_and_a_single_item_passes_all() {
        let limits = Limits { items: 4, samples: Some(1_000), tokens: Some(20) };
        let load = |items, samples, tokens| Load { items, samples, tokens };
        assert!(limits.hold(load(4, 1_000, 20)) && limits.reached(load(4, 0, 0)));
        assert!(!limits.hold(load(5, 0, 0)) && !limits.hold(load(2, 1_001, 0)) && !limits.hold(load(2, 0, 21)));
        assert!(
            limits.reached(load(1, 1_000, 0)) && limits.reached(load(1, 0, 20)) && !limits.reached(load(3, 999, 19))
        );
        assert!(limits.hold(load(1, 9_999, 0)), "alone");
    }

    #[test]
    fn a_window_counts_by_its_samples_and_a_passage_by_its_word_pieces() {
        assert_eq!(Load::of(&window(0, 300)), Load { items: 1, samples: 300, tokens: 0 });
        let words = passage(0, Priority::Normal, 14); // one run of 14 letters
        assert_eq!(Load::of(&words), Load { items: 1, samples: 0, tokens: 2 + 2 });
    }

    #[test]
    fn a_device_needs_room_for_as_many_of_the_longest_items_as_the_limits_allow() {
        let limits = Limits { items: 64, samples: Some(10 * (WINDOW + CONTEXT) + 1), tokens: Some(MOST_TOKENS * 3) };
        assert_eq!((limits.longest(Stage::Speech), limits.longest(Stage::Embed)), (10, 3));
        assert_eq!(limits.longest(Stage::Cut), 64);
        assert_eq!(Limits { samples: Some(1), ..limits }.longest(Stage::Events), 1);
        assert_eq!(Limits::items(8).longest(Stage::Embed), 8);
    }
}
