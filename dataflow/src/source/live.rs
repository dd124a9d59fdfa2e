//! Sources that a feed reads: those that end, and those that go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hark_operators::record::Origin;

use super::Entry;

/// How far each part of a source has been read, by names that the source chooses.
pub type Positions = BTreeMap<String, i64>;

/// What a source has at this moment.
pub enum Offer {
    /// An announcement, or an entry that could not be read, and the message that it came in.
    Entry(Box<Entry>, Option<Arc<Origin>>),
    /// Nothing at present; there may be more.
    Nothing,
    /// It has ended.
    End,
}

/// A source of announcements. Never blocks.
pub trait Source: Send {
    /// The next entry, if there is one.
    fn offer(&mut self) -> Offer;

    /// The next of those that overtake all others, if there is one: asked for while there is no room for
    /// others.
    fn offer_urgent(&mut self) -> Offer {
        Offer::Nothing
    }

    /// How long before it was offered the last entry was due: its latency counts from then.
    fn overdue(&self) -> Duration {
        Duration::ZERO
    }

    /// For how long there will be nothing, as far as it knows, when it has just offered nothing. A source
    /// that is not told of what comes is looked at each 10 ms: an announcement then begins soon enough, and
    /// a hundred looks a second at an empty queue cost less than a thousandth of a core.
    fn nothing_for(&self) -> Duration {
        Duration::from_millis(10)
    }

    /// How far it has been read, with what was last offered. Read on from there, it offers all that it
    /// has not offered yet, and perhaps some that it has.
    fn positions(&self) -> Positions {
        Positions::new()
    }

    /// Everything up to there is done and recorded.
    fn committed(&mut self, positions: &Positions) {
        let _ = positions;
    }

    /// The run is over. The one call that may wait: for what was committed last to arrive.
    fn finished(&mut self) {}
}

/// A source in which nothing ever appears: that of a process of a job without end whose input another one
/// reads.
pub struct Idle;

impl Source for Idle {
    fn offer(&mut self) -> Offer {
        Offer::Nothing
    }

    fn nothing_for(&self) -> Duration {
        Duration::MAX
    }
}

/// The same in a job that ends when all of its input is done: it is looked at often, so that this process
/// soon says that it has nothing left.
pub struct Elsewhere;

impl Source for Elsewhere {
    fn offer(&mut self) -> Offer {
        Offer::Nothing
    }
}

/// A source that ends, and is read from its beginning each time.
pub struct Bounded<I>(I);

impl<I: Iterator<Item = Entry> + Send> Bounded<I> {
    /// These entries.
    pub fn new(entries: I) -> Self {
        Self(entries)
    }
}

impl<I: Iterator<Item = Entry> + Send> Source for Bounded<I> {
    fn offer(&mut self) -> Offer {
        self.0.next().map_or(Offer::End, |entry| Offer::Entry(Box::new(entry), None))
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn offer(&mut self) -> Offer {
        (**self).offer()
    }

    fn offer_urgent(&mut self) -> Offer {
        (**self).offer_urgent()
    }

    fn nothing_for(&self) -> Duration {
        (**self).nothing_for()
    }

    fn positions(&self) -> Positions {
        (**self).positions()
    }

    fn committed(&mut self, positions: &Positions) {
        (**self).committed(positions);
    }

    fn finished(&mut self) {
        (**self).finished();
    }
}
