//! What the instruments of GPUs say.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    device: String,
}

/// What a GPU said when it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceReading {
    /// As layouts name it: `cuda:0`.
    pub device: String,
    /// Bytes in use, by whatever process.
    pub used_bytes: Option<usize>,
    /// Bytes that it has.
    pub total_bytes: Option<usize>,
    /// Share of the last moment in which it computed, 0 to 1.
    pub utilisation: Option<f64>,
}

#[derive(Default)]
pub(super) struct Devices {
    used: Family<DeviceLabels, Gauge>,
    total: Family<DeviceLabels, Gauge>,
    utilisation: Family<DeviceLabels, Gauge<f64, AtomicU64>>,
}

impl Devices {
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register_with_unit("gpu_memory_used", "Memory in use", Unit::Bytes, all.used.clone());
        registry.register_with_unit("gpu_memory_total", "Memory that is there", Unit::Bytes, all.total.clone());
        registry.register_with_unit(
            "gpu_utilisation",
            "Share of the last moment in which kernels ran",
            Unit::Other("ratio".to_owned()),
            all.utilisation.clone(),
        );
        all
    }

    pub fn refresh(&self, readings: Vec<DeviceReading>) {
        for DeviceReading { device, used_bytes, total_bytes, utilisation } in readings {
            let labels = DeviceLabels { device };
            let bytes = |family: &Family<DeviceLabels, Gauge>, bytes: Option<usize>| {
                // An instrument that fails keeps what it said before.
                if let Some(bytes) = bytes {
                    family.get_or_create(&labels).set(i64::try_from(bytes).unwrap_or(i64::MAX));
                }
            };
            bytes(&self.used, used_bytes);
            bytes(&self.total, total_bytes);
            if let Some(utilisation) = utilisation {
                self.utilisation.get_or_create(&labels).set(utilisation);
            }
        }
    }
}
