//! Who works at the operators of a layout: the lanes of a process, and groups on its workers' own threads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hark_operators::Fault;
use hark_operators::driver::{Devices, Group, GroupSpec, Lanes};
use hark_operators::stage::Equipment;

use crate::graph::Placed;
use crate::layout::{Layout, OperatorSpec};

/// The lanes of the process by name, and the groups that run on one worker's own thread by operator.
pub(super) struct Crew {
    pub lanes: HashMap<String, Arc<Lanes>>,
    own: BTreeMap<usize, Group>,
}

impl Crew {
    /// One crew per worker.
    pub fn warm(
        layout: &Layout,
        specs: &[GroupSpec],
        workers: usize,
        equipment: &Arc<Equipment>,
    ) -> Result<Vec<Self>, Fault> {
        let placed_on = |name: &str| {
            let mine = layout.operators.iter().zip(specs).enumerate().filter(|(_, (operator, _))| operator.on == name);
            mine.map(|(at, (_, spec))| (at, spec.clone())).collect::<BTreeMap<_, _>>()
        };
        let (mut lanes, mut devices) = (HashMap::new(), Devices::default());
        for (name, pool) in &layout.lanes {
            let (count, specs, equipment) = (pool.count(workers), placed_on(name), equipment.clone());
            let started = Lanes::start(name, count, specs, equipment, pool.room(), &mut devices)?;
            for share in started.shares() {
                tracing::info!(lanes = name, stage = %share.stage, at = %share.at, weight_bytes = share.weights,
                    activation_bytes = share.activations, max_items = share.max_items, "a model is warm");
            }
            if !started.shares().is_empty() {
                tracing::info!(
                    lanes = name,
                    planned_bytes = started.planned_bytes(),
                    resident = pool.resident,
                    "their models take so much at once"
                );
            }
            lanes.insert(name.clone(), Arc::new(started));
        }
        let mut crews: Vec<Self> = (0..workers).map(|_| Self { lanes: lanes.clone(), own: BTreeMap::new() }).collect();
        for (at, spec) in placed_on("worker") {
            let groups = Group::warm_on_workers(workers, &spec, equipment, &mut devices)?;
            crews.iter_mut().zip(groups).for_each(|(crew, group)| _ = crew.own.insert(at, group));
        }
        Ok(crews)
    }

    pub fn place(self, layout: &Layout) -> Vec<Placed> {
        let Self { lanes, mut own } = self;
        let place = |(at, operator): (usize, &OperatorSpec)| match own.remove(&at) {
            Some(group) => Placed::Worker(group),
            None => Placed::Lanes(lanes[&operator.on].clone()),
        };
        layout.operators.iter().enumerate().map(place).collect()
    }
}
