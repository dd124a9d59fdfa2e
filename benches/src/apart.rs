//! Measurements each in a process of its own, so that none leaves its memory to the next.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Figures by name.
pub type Figures = BTreeMap<String, f64>;

/// What this program measures when it is called with `one` and these arguments. The allocator is told
/// to hand back free memory.
///
/// # Errors
/// Where the process fails, or prints something else than figures.
pub fn measured(args: &[&str]) -> Result<Figures> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.arg("one").args(args).env("MALLOC_TRIM_THRESHOLD_", (1 << 20).to_string()).output()?;
    ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let line = |line: &str| {
        let (name, figure) = line.split_once('\t').context("a name and a figure")?;
        Ok((name.to_owned(), figure.parse()?))
    };
    String::from_utf8(output.stdout)?.lines().map(line).collect()
}

/// Prints figures for the process that asked.
pub fn print(figures: &Figures) {
    figures.iter().for_each(|(name, figure)| println!("{name}\t{figure}"));
}
