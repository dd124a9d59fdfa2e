//! What a pool of lanes may be.

use super::super::LanesSpec;
use super::{Flaw, no};

pub(super) fn check(name: &str, lanes: &LanesSpec) -> Result<(), Flaw> {
    if name == "worker" {
        return no(
            lanes.line,
            "a pool of lanes is named worker",
            "`worker` means the worker's own thread: choose another name",
        );
    }
    if !(1..=256).contains(&lanes.threads) {
        return no(lanes.line, format!("lanes {name} have {} threads", lanes.threads), "give 1 to 256");
    }
    if lanes.memory_mb == Some(0) {
        return no(lanes.line, format!("lanes {name} have no memory"), "give `memory_mb` above 0, or leave it out");
    }
    if lanes.resident == Some(0) {
        return no(
            lanes.line,
            format!("lanes {name} have no model resident"),
            "give `resident` above 0, or leave it out",
        );
    }
    if lanes.resident.is_some() && !(lanes.shared && lanes.threads == 1) {
        return no(
            lanes.line,
            format!("lanes {name} have `resident`, but several of them would hold models at once"),
            "write `threads = 1` and `shared = true`, or leave `resident` out",
        );
    }
    Ok(())
}
