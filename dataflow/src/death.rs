//! Death on purpose, between one durable step and the next: to rehearse that nothing is lost there.
//!
//! ```text
//! objects ─▶ messages ─▶ acknowledged ─▶ rows ─▶ facts ─▶ positions
//!        after any of these, for the Nth time, the process is gone at once
//! ```

use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A step that has just been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A preview's clips lie in the store.
    Objects,
    /// Messages of an outcome are on their way.
    Messages,
    /// All messages have been acknowledged.
    Acknowledged,
    /// Rows are durable.
    Rows,
    /// Facts are durable, and how far sources were read.
    Facts,
    /// Sources were told so.
    Positions,
}

impl Step {
    const ALL: [(Self, &str); 6] = [
        (Self::Objects, "objects"),
        (Self::Messages, "messages"),
        (Self::Acknowledged, "acknowledged"),
        (Self::Rows, "rows"),
        (Self::Facts, "facts"),
        (Self::Positions, "positions"),
    ];
}

/// When to die: after a step has been made so many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    step: Step,
    times: u32,
}

impl FromStr for Death {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, times) = text.split_once(':').unwrap_or((text, "1"));
        let known = || Step::ALL.map(|(_, name)| name).join(", ");
        let step = Step::ALL.into_iter().find(|(_, known)| *known == name).map(|(step, _)| step);
        let step = step.ok_or_else(|| format!("no step is called `{name}`; there are {}", known()))?;
        match times.parse() {
            Ok(times @ 1..) => Ok(Self { step, times }),
            _ => Err(format!("`{times}` is no number of times; write {name}:1 or more")),
        }
    }
}

static PLAN: OnceLock<(Step, AtomicU32)> = OnceLock::new();

impl Death {
    /// From now on it waits for its step. The first plan of a process stands.
    pub fn plan(self) {
        PLAN.get_or_init(|| (self.step, AtomicU32::new(self.times)));
    }
}

/// A step was made.
pub(crate) fn after(step: Step) {
    let Some((awaited, left)) = PLAN.get() else { return };
    if *awaited == step && left.fetch_sub(1, Ordering::AcqRel) == 1 {
        // No destructor runs and nothing is flushed, as with a kill from outside.
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_names_its_step_and_how_often_it_is_made_before() {
        assert_eq!("rows:2".parse(), Ok(Death { step: Step::Rows, times: 2 }));
        assert_eq!("facts".parse(), Ok(Death { step: Step::Facts, times: 1 }));
        let said = "row".parse::<Death>().expect_err("there is none");
        assert!(said.contains("acknowledged, rows"), "{said}");
        assert!("rows:0".parse::<Death>().is_err());
    }
}
