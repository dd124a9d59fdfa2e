//! Whether a layout makes a graph, and one that cannot come to a standstill.
//!
//! ```text
//! every stage once ─▶ each pool of lanes ─▶ each operator: its numbers, what it joins ─▶ its device
//! ```
//! The first thing that is wrong is told with its line in the file and the remedy, before anything runs.

mod device;
mod operator;
mod pool;

use hark_operators::stage::Stage;

use super::{Layout, OperatorSpec};

/// Why a layout makes no graph.
pub(super) struct Flaw {
    /// Where the pool or the operator begins.
    pub(super) line: usize,
    /// Which of its keys is wrong, if it is one.
    pub(super) key: &'static str,
    pub(super) problem: String,
    pub(super) remedy: &'static str,
}

impl Flaw {
    /// Line and column in the text: of the key, where it stands under its header.
    pub(super) fn place(&self, text: &str) -> (usize, usize) {
        let of_it =
            text.lines().enumerate().skip(self.line).take_while(|(_, line)| !line.trim_start().starts_with('['));
        let key = |line: &str| !self.key.is_empty() && line.split('=').next().map(str::trim) == Some(self.key);
        match of_it.into_iter().find(|(_, line)| key(line)) {
            Some((at, line)) => (at + 1, 1 + line.len() - line.trim_start().len()),
            None => (self.line, 1),
        }
    }
}

/// A flaw of this key of the pool or operator at this line.
fn no<T>((line, key): (usize, &'static str), problem: impl Into<String>, remedy: &'static str) -> Result<T, Flaw> {
    Err(Flaw { line, key, problem: problem.into(), remedy })
}

/// The first flaw of a layout, if it has one.
pub(super) fn check(layout: &Layout) -> Result<(), Flaw> {
    Stage::ALL.into_iter().try_for_each(|stage| stands_once(layout, stage))?;
    layout.lanes.iter().try_for_each(|(name, lanes)| pool::check(name, lanes))?;
    layout.operators.iter().try_for_each(|operator| operator::check(layout, operator))?;
    layout.operators.iter().try_for_each(|operator| device::check(layout, operator))
}

fn stands_once(layout: &Layout, stage: Stage) -> Result<(), Flaw> {
    let of = |operator: &OperatorSpec| operator.stages.iter().filter(|one| **one == stage).count();
    let mut runs = layout.operators.iter().flat_map(|operator| std::iter::repeat_n(operator, of(operator)));
    match (runs.next(), runs.next()) {
        (None, _) => no((1, ""), format!("no operator runs stage {stage}"), "add an [[operator]] for it"),
        (Some(_), None) => Ok(()),
        (Some(_), Some(again)) => no(
            (again.line, "stages"),
            format!("stage {stage} stands in several operators, or twice in one"),
            "keep one of them",
        ),
    }
}

#[cfg(test)]
mod tests;
