//! What each operator of the layout does, as [`OperatorUse`] counts it.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::OperatorLabels;
use crate::run::OperatorUse;

#[derive(Default)]
pub(super) struct Operators {
    batches: Family<OperatorLabels, Counter>,
    items: Family<OperatorLabels, Counter>,
    room: Family<OperatorLabels, Gauge>,
    lanes: Family<OperatorLabels, Gauge>,
    busy: Family<OperatorLabels, Counter<f64, AtomicU64>>,
    exchanged: Family<OperatorLabels, Counter>,
    away: Family<OperatorLabels, Counter>,
}

impl Operators {
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        let help = "Batches that lanes did; their fill is items to batches to the most that a batch may have";
        registry.register("operator_batches", help, all.batches.clone());
        registry.register("operator_items", "Items in the batches that lanes did", all.items.clone());
        registry.register("operator_batch_room_items", "Most items in a batch", all.room.clone());
        registry.register("operator_lanes", "Lanes that an operator shares with others on them", all.lanes.clone());
        registry.register_with_unit(
            "operator_busy",
            "Time that lanes were busy with an operator",
            Unit::Seconds,
            all.busy.clone(),
        );
        registry.register_with_unit(
            "exchanged",
            "Samples, text and numbers that crossed an operator's exchange",
            Unit::Bytes,
            all.exchanged.clone(),
        );
        registry.register_with_unit(
            "exchanged_away",
            "Those of them that left their worker",
            Unit::Bytes,
            all.away.clone(),
        );
        all
    }

    /// Takes over what has been counted.
    pub fn refresh(&self, used: &OperatorUse) {
        let labels = OperatorLabels { operator: used.name.clone() };
        let count = |family: &Family<OperatorLabels, Counter>, total: u64| {
            family.get_or_create(&labels).inner().store(total, Ordering::Relaxed);
        };
        count(&self.exchanged, used.bytes);
        count(&self.away, used.bytes_away);
        // What runs on its worker's thread has neither lanes nor batches.
        if used.lanes > 0 {
            count(&self.batches, used.worked.batches);
            count(&self.items, used.worked.items);
            self.room.get_or_create(&labels).set(used.max_items as i64);
            self.lanes.get_or_create(&labels).set(used.lanes as i64);
            let busy = self.busy.get_or_create(&labels);
            let more = used.worked.seconds - busy.get();
            busy.inc_by(more.max(0.0));
        }
    }
}
