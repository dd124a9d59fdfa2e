//! An operator with state of its own that is shown one time after another.
//!
//! ```text
//! updates ─▶ by route ─▶ held until their time is complete ─▶ apply, in the order of times ─▶ changes
//! ```
//! For state that differential's arrangements would keep longer or larger than need be. Whoever
//! applies sees all updates of a time at once and never an earlier time again, so that what comes
//! out depends on what holds and not on the order of arrival, if it does so for each single time.

use differential_dataflow::{AsCollection, VecCollection};
use timely::ExchangeData;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

use super::exact::KnownAt;

/// Changes by `apply`, which takes the updates of one time and appends what changes by them. The
/// output's frontier passes a time only after it was applied.
pub fn in_time<'s, D: ExchangeData, E: Clone + 'static>(
    updates: VecCollection<'s, KnownAt, D>,
    name: &str,
    route: impl Fn(&D) -> u64 + 'static,
    mut apply: impl FnMut(&mut Vec<(D, isize)>, &mut Vec<(E, isize)>) + 'static,
) -> VecCollection<'s, KnownAt, E> {
    let route = Exchange::new(move |(data, _, _): &(D, KnownAt, isize)| route(data));
    let mut waiting: Vec<(D, KnownAt, isize)> = Vec::new();
    // At the least time that waits, while any does.
    let mut held: Option<Capability<KnownAt>> = None;
    let changes = updates.inner.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(route, name, |_cap, _| {
        move |(input, frontier), output| {
            input.for_each_stamp(|cap, batches| {
                waiting.extend(batches.flat_map(|batch| batch.drain(..)));
                let Some(cap) = cap.retain_least(output.output_index()) else { return };
                if held.as_ref().is_none_or(|held| cap.time() < held.time()) {
                    held = Some(cap);
                }
            });
            let Some(cap) = held.take_if(|held| !frontier.less_equal(held.time())) else { return };
            let mut complete: Vec<_> = waiting.extract_if(.., |(_, time, _)| !frontier.less_equal(time)).collect();
            complete.sort_by_key(|(_, time, _)| *time);
            let (mut at_once, mut changes) = (Vec::new(), Vec::new());
            let mut complete = complete.into_iter().peekable();
            while let Some((data, now, diff)) = complete.next() {
                at_once.push((data, diff));
                if complete.peek().is_none_or(|(_, time, _)| *time > now) {
                    apply(&mut at_once, &mut changes);
                    at_once.clear();
                    output.session(&cap).give_iterator(changes.drain(..).map(|(data, diff)| (data, now, diff)));
                }
            }
            if waiting.is_empty() {
                waiting = Vec::new(); // a bulk load's buffer goes back to the allocator
            }
            held = waiting.iter().map(|(_, time, _)| *time).min().map(|least| cap.delayed(&least));
        }
    });
    changes.as_collection()
}
