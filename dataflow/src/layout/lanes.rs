//! Pools of lanes as a layout has them.

use serde::Deserialize;

/// A pool of lanes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanesSpec {
    /// Its line in the file.
    #[serde(skip)]
    pub line: usize,
    /// Threads per worker, or of the whole process where `shared`, 1 to 256.
    pub threads: usize,
    /// Whether these are lanes of the process, however many workers it has: as a device wants it.
    #[serde(default)]
    pub shared: bool,
    /// Where their models compute: `cpu`, `cuda:0`, `auto`; as `--device` says, if absent.
    pub device: Option<String>,
    /// Megabytes that their models may take of that device.
    pub memory_mb: Option<usize>,
}

impl LanesSpec {
    /// How many lanes a process of `workers` workers has.
    pub fn count(&self, workers: usize) -> usize {
        if self.shared { self.threads } else { self.threads * workers }
    }
}
