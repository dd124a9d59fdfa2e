//! The driver for cheap stages: at once, on the worker's thread.

use std::time::Instant;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

use super::Epoch;
use super::group::Group;
use crate::record::Record;

/// Runs a group on every batch as it arrives. `route` names the worker that a record goes to.
pub fn on_worker<'s>(
    stream: StreamVec<'s, Epoch, Record>,
    name: &str,
    mut group: Group,
    route: impl Fn(&Record) -> u64 + 'static,
) -> StreamVec<'s, Epoch, Record> {
    stream.unary::<CapacityContainerBuilder<Vec<Record>>, _, _, _>(Exchange::new(route), name, move |_cap, _info| {
        move |input, output| {
            input.for_each_stamp(|cap, batches| {
                let Some(cap) = cap.retain_least(output.output_index()) else { return };
                let mut session = output.session(&cap);
                let batch = batches.flat_map(|batch| batch.drain(..)).map(|record| (0, record)).collect();
                group.run(batch, Instant::now(), &mut |_, record| session.give(record));
            });
        }
    })
}
