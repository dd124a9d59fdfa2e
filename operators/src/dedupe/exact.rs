//! Episodes with the same key: one arrangement, and edges only where there are duplicates.
//!
//! ```text
//! (key, member) ─▶ by key ─▶ batches ─▶ regroup ─▶ (member, canonical), groups of two and more
//!                    └─ trace ── what held before ──▲
//! ```
//! The canonical of a key is its least member. Most keys have one member: they cost their row in
//! the trace and nothing else. Times are totally ordered, so the edges before a change are derived
//! from the trace again instead of being kept: there is no second arrangement and no join.
//!
//! Invariant: the accumulated output at a time is the edges of the members that hold at that time,
//! however they arrived. That a member is *fresh* is known when a probe behind the edges has passed
//! its time without one.

mod group;
mod members;
mod offsets;
mod seek;
mod sorter;

use std::rc::Rc;

use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::trace::implementations::ord_neu::OrdValBatch;
use differential_dataflow::trace::implementations::spine_fueled::{Spine, SpineBatch};
use differential_dataflow::trace::{SpanOf, TraceReader};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;

use self::members::Members;
use self::offsets::Offsets;
use self::sorter::Sorter;
use crate::record::EpisodeKey;

/// The first 16 bytes of a BLAKE3 hash: of an audio file's bytes or of an enclosure's URL.
///
/// Ordered as its bytes are. 64 bits would do against chance, but a publisher could then make two
/// files collide on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    high: u64,
    low: u64,
}

impl Key {
    /// The key of content with this BLAKE3 hash.
    pub fn of(hash: &[u8; 32]) -> Self {
        let half = |from: usize| u64::from_be_bytes(std::array::from_fn(|i| hash[from + i]));
        Self { high: half(0), low: half(8) }
    }

    /// A number that is uniform over keys, for dividing them.
    pub(super) fn spread(self) -> u64 {
        self.low
    }
}

/// An episode revision that has a key. The least of those with one key is canonical: the earliest
/// published, then the smallest id, then the smallest revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Seconds since 1970 UTC; the caller decides what an unknown date is.
    pub published: i64,
    /// Episode and revision.
    pub key: EpisodeKey,
}

/// Milliseconds at which a fact became known.
pub type KnownAt = u64;

/// A duplicate and the canonical that it belongs to.
pub type Edge = (Member, Member);

/// Keys and times in vectors, members as one run of bytes.
type Layout = (Vec<Key>, Members, Vec<KnownAt>, Vec<isize>, Offsets);
type Batch = OrdValBatch<Layout>;
type Trace = Spine<Rc<Batch>>;

/// Every duplicate with its canonical; a member without duplicates is in no edge.
///
/// A key that gets, loses or changes a member costs in proportion to the edges that change, not to
/// the members it has. A member counts as present while its accumulated count is positive.
pub fn edges<'s>(members: VecCollection<'s, KnownAt, (Key, Member)>) -> (VecCollection<'s, KnownAt, Edge>, Held) {
    // Keys are hashes already. Seeking relies on the high half staying uniform on every worker.
    let route = Exchange::new(|((key, _), _, _): &((Key, Member), KnownAt, isize)| key.low);
    let by_key = arrange_core::<_, _, Sorter, Trace>(members.inner, route, "members by key", |_, _| Sorter::default());
    let mut trace = by_key.trace;
    let held = Held::of(&trace);
    let edges =
        by_key.stream.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "duplicates", |_cap, _| {
            let mut upper = Antichain::from_elem(KnownAt::MIN);
            let mut changes = Vec::new();
            move |(input, _frontier), output| {
                input.for_each(|cap, spans| {
                    for span in spans.drain(..) {
                        upper.clone_from(span.upper());
                        regroup(&mut trace, &span, &mut changes);
                    }
                    if !changes.is_empty() {
                        output.session(&cap).give_iterator(changes.drain(..));
                    }
                });
                // What lies behind is only ever read as a whole: let the trace forget its times.
                trace.advance_upper(&mut upper);
                trace.set_logical_compaction(upper.borrow());
                trace.set_physical_compaction(upper.borrow());
            }
        });
    (edges.as_collection(), held)
}

/// Appends how the edges change by a span's updates.
fn regroup(trace: &mut TraceAgent<Trace>, span: &SpanOf<Trace>, changes: &mut Vec<(Edge, KnownAt, isize)>) {
    let Some(batch) = &span.inner else { return };
    let before = trace.batches_through(span.lower().borrow()).expect("the trace is held at the span's lower bound");
    let mut past = Vec::new();
    for batch_before in &before {
        seek::find(batch_before, &batch.storage.keys, |index, rows| past.push((index, rows)));
    }
    past.sort_by_key(|(index, _rows)| *index);
    let mut past = past.into_iter().peekable();
    for index in 0..batch.storage.keys.len() {
        let held = std::iter::from_fn(|| past.next_if(|(of, _rows)| *of == index)).map(|(_index, rows)| rows);
        group::change(held.collect(), seek::rows(batch, index), changes);
    }
}

/// What one worker's trace holds, for gauges. Holds back no compaction.
pub struct Held(TraceAgent<Trace>);

impl Held {
    fn of(trace: &TraceAgent<Trace>) -> Self {
        let mut trace = trace.clone();
        trace.set_logical_compaction(AntichainRef::new(&[]));
        trace.set_physical_compaction(AntichainRef::new(&[]));
        Self(trace)
    }

    /// Updates in the trace: one per member, and those that wait for a merge to cancel them.
    pub fn rows(&self) -> usize {
        let mut rows = 0;
        self.0.map_spans(|span| rows += span.inner.as_ref().map_or(0, SpineBatch::len));
        rows
    }
}
