//! How much models were spared by what they have said before.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hark_operators::cache::Cache;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::StageLabels;

/// The metrics of a cache, which counts for itself.
pub(super) struct Known {
    cache: Arc<Cache>,
    hits: Family<StageLabels, Counter>,
    misses: Family<StageLabels, Counter>,
    bytes: Gauge,
}

impl Known {
    pub fn register(cache: Arc<Cache>, registry: &mut Registry) -> Self {
        let known = Self { cache, hits: Family::default(), misses: Family::default(), bytes: Gauge::default() };
        registry.register("cache_hits", "Results of models that were known, by stage", known.hits.clone());
        registry.register("cache_misses", "Results that models had to give, by stage", known.misses.clone());
        registry.register_with_unit("cache", "Results of models, on disk", Unit::Bytes, known.bytes.clone());
        known
    }

    /// Takes over what the cache has counted.
    pub fn refresh(&self) {
        for (stage, tally) in self.cache.tallies() {
            let labels = StageLabels { stage: stage.to_string() };
            self.hits.get_or_create(&labels).inner().store(tally.hits, Ordering::Relaxed);
            self.misses.get_or_create(&labels).inner().store(tally.misses, Ordering::Relaxed);
        }
        self.bytes.set(self.cache.bytes() as i64);
    }
}
