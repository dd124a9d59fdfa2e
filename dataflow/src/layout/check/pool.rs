//! What a pool of lanes may be.

use super::super::LanesSpec;
use super::{Flaw, no};

/// Ten terabytes: more than any machine's devices have.
const MOST_MEGABYTES: usize = 10_000_000;

/// Whether a device may be written so. Whether it is there is seen when its models are loaded.
fn is_device(device: &str) -> bool {
    let numbered = device.strip_prefix("cuda:").is_some_and(|number| number.parse::<u8>().is_ok());
    numbered || ["cpu", "auto"].contains(&device) || device.starts_with("modelled:")
}

pub(super) fn check(name: &str, lanes: &LanesSpec) -> Result<(), Flaw> {
    if name == "worker" {
        return no(
            (lanes.line, ""),
            "a pool of lanes is named worker",
            "`worker` means the worker's own thread: choose another name",
        );
    }
    if !(1..=256).contains(&lanes.threads) {
        return no((lanes.line, "threads"), format!("lanes {name} have {} threads", lanes.threads), "give 1 to 256");
    }
    if let Some(megabytes) = lanes.memory_mb
        && !(1..=MOST_MEGABYTES).contains(&megabytes)
    {
        return no(
            (lanes.line, "memory_mb"),
            format!("lanes {name} have {megabytes} MB of memory"),
            "give `memory_mb` from 1 to 10000000, or leave it out",
        );
    }
    if let Some(device) = lanes.device.as_deref()
        && !is_device(device)
    {
        return no(
            (lanes.line, "device"),
            format!("lanes {name} are on no device that there is, \"{device}\""),
            "write `cpu`, `auto`, `cuda:0` (or another number), or `modelled:` and a curve",
        );
    }
    if lanes.resident == Some(0) {
        return no(
            (lanes.line, "resident"),
            format!("lanes {name} have no model resident"),
            "give `resident` above 0, or leave it out",
        );
    }
    if lanes.resident.is_some() && !(lanes.shared && lanes.threads == 1) {
        return no(
            (lanes.line, "resident"),
            format!("lanes {name} have `resident`, but several of them would hold models at once"),
            "write `threads = 1` and `shared = true`, or leave `resident` out",
        );
    }
    Ok(())
}
