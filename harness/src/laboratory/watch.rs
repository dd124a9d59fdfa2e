//! What a run takes of its machine, looked at from inside while it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use hark_models::Device;
use hark_models::gauge::Gauge;
use serde::{Deserialize, Serialize};

/// A GPU during a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceUse {
    /// As its maker calls it.
    #[serde(default)]
    pub name: String,
    pub peak_bytes: usize,
    /// Mean of the samples, 0 to 1.
    pub utilisation: f64,
}

/// Looks at a GPU, and at the process's children, while a job runs.
pub struct Watch {
    /// Of the processor, when it began to look.
    pub cpu_seconds: f64,
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Seen>,
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    pub device: Option<DeviceUse>,
    pub children_bytes: u64,
}

impl Watch {
    /// Of a processor nothing is to be seen but who works for hark on it.
    pub fn start(device: Device) -> Result<Self> {
        let cpu_seconds = cpu_seconds()?;
        let stop = Arc::new(AtomicBool::new(false));
        let looking = std::thread::spawn({
            let stop = stop.clone();
            move || look(Gauge::open(device).as_ref(), &stop)
        });
        Ok(Self { cpu_seconds, stop, looking })
    }

    /// What it saw.
    pub fn end(self) -> Seen {
        self.stop.store(true, Ordering::Release);
        self.looking.join().unwrap_or_default()
    }
}

fn look(gauge: Option<&Gauge>, stop: &AtomicBool) -> Seen {
    let (mut peak, mut sum, mut count, mut children_bytes) = (0, 0.0, 0_u32, 0);
    while !stop.load(Ordering::Acquire) {
        children_bytes = children_bytes.max(of_children(std::process::id()));
        peak = peak.max(gauge.and_then(Gauge::used_bytes).unwrap_or(0));
        if let Some(share) = gauge.and_then(Gauge::utilisation) {
            sum += share;
            count += 1;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let device = gauge.map(|gauge| DeviceUse {
        name: gauge.name().unwrap_or_default(),
        peak_bytes: peak,
        utilisation: sum / f64::from(count.max(1)),
    });
    Seen { device, children_bytes }
}

/// Resident bytes of a process's children, as far as they have not ended meanwhile.
fn of_children(process: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let numbers: Vec<u32> =
        children.flat_map(|text| text.split(' ').filter_map(|one| one.parse().ok()).collect::<Vec<_>>()).collect();
    let program = |process: u32| std::fs::read_link(format!("/proc/{process}/exe")).ok();
    let own = program(process);
    let resident = |child: &u32| {
        // Between fork and exec a child holds what its parent holds, and takes nothing.
        if program(*child) == own {
            return None;
        }
        let text = std::fs::read_to_string(format!("/proc/{child}/statm")).ok()?;
        text.split(' ').nth(1)?.parse::<u64>().ok()
    };
    numbers.iter().filter_map(resident).sum::<u64>() * rustix::param::page_size() as u64
}

/// Ticks of a second in /proc: fixed on Linux for programs.
const TICKS: f64 = 100.0;

/// Seconds of the processor that this process and its children have taken.
pub fn cpu_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    // The second field is the program's name in brackets and may hold anything.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields.iter().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS)
}

/// Most bytes that were resident in this process at once.
pub fn peak_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).context("/proc/self/status has no VmHWM")
}
