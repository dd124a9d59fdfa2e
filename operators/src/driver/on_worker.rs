//! The driver for cheap stages: at once, on the worker's thread.

use std::time::Instant;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

use super::Epoch;
use super::devices::Devices;
use super::group::{Group, GroupSpec};
use super::memory::Pool;
use crate::fault::Fault;
use crate::record::Record;
use crate::stage::Equipment;

impl Group {
    /// One for each worker's own thread. Their models must fit beside all others of their device.
    ///
    /// # Errors
    /// As for [`Self::warm`]; there is no room for a model.
    pub fn warm_on_workers(
        workers: usize,
        spec: &GroupSpec,
        equipment: &Equipment,
        devices: &mut Devices,
    ) -> Result<Vec<Self>, Fault> {
        let device = devices.of(spec, equipment)?;
        let warm = |worker| {
            let (group, shares) = Self::warm(spec, equipment)?;
            if worker == 0 {
                devices.place(&device, Pool { name: "worker", lanes: workers, models: None, shares: &shares })?;
            }
            Ok(group)
        };
        (0..workers).map(warm).collect()
    }
}

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
