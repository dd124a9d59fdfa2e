//! What each operator of a layout did, told while a run goes on and at its end.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hark_operators::driver::{Lanes, Share, Worked};

use crate::layout::{Layout, OperatorSpec};
use crate::routing::{Exchanges, Traffic};

/// What one operator did in this process.
#[derive(Clone, Debug)]
pub struct OperatorUse {
    /// Its name.
    pub name: String,
    /// How many lanes it shares with the others on them; 0 on the worker's thread.
    pub lanes: usize,
    /// Most items in a batch.
    pub max_items: usize,
    /// What lanes did for it.
    pub worked: Worked,
    /// Records that crossed its exchange.
    pub records: u64,
    /// Bytes of samples, text and numbers in them.
    pub bytes: u64,
    /// Those of them that left their worker.
    pub bytes_away: u64,
    /// What its models take of their device.
    pub memory: Vec<Share>,
}

/// What crossed into an operator that every layout has, on the worker's thread.
fn joined(name: &str, traffic: &Traffic) -> OperatorUse {
    let (records, bytes, bytes_away) = traffic.counted();
    let (worked, memory) = (Worked::default(), Vec::new());
    OperatorUse { name: name.to_owned(), lanes: 0, max_items: 1, worked, records, bytes, bytes_away, memory }
}

/// What tells what operators did.
pub(super) struct Used {
    pub layout: Layout,
    /// Of this process.
    pub workers: usize,
    pub lanes: HashMap<String, Arc<Lanes>>,
    pub exchanges: Exchanges,
}

impl Used {
    pub fn planned_bytes(&self) -> BTreeMap<String, usize> {
        self.lanes.iter().map(|(pool, lanes)| (pool.clone(), lanes.planned_bytes())).collect()
    }

    pub fn operators(&self) -> Vec<OperatorUse> {
        let used = |(at, (operator, traffic)): (usize, (&OperatorSpec, &Traffic))| {
            let (records, bytes, bytes_away) = traffic.counted();
            let lanes = self.lanes.get(&operator.on);
            let shares = lanes.map_or(&[][..], |lanes| lanes.shares());
            OperatorUse {
                name: operator.name(),
                lanes: self.layout.lanes.get(&operator.on).map_or(0, |pool| pool.count(self.workers)),
                max_items: operator.max_items,
                worked: lanes.map(|lanes| lanes.worked(at)).unwrap_or_default(),
                records,
                bytes,
                bytes_away,
                memory: shares.iter().filter(|share| operator.stages.contains(&share.stage)).cloned().collect(),
            }
        };
        let Exchanges { operators, meet, gather } = &self.exchanges;
        let of_layout = self.layout.operators.iter().zip(operators).enumerate().map(used);
        of_layout.chain([joined("meet", meet), joined("gather", gather)]).collect()
    }
}
