//! `hark outcomes`: how episodes ended.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Result;
use hark_dataflow::sink::Which;

use crate::cli::OutcomesArgs;
use crate::report::listing;

/// Lists outcomes, one per line.
pub fn list(args: &OutcomesArgs) -> Result<ExitCode> {
    let table = args.kept.existing(args.output.as_deref())?;
    let outcomes = table.read(if args.failed { Which::Failed } else { Which::All })?;
    let text = if args.json {
        outcomes.iter().map(|outcome| listing::json_line(outcome) + "\n").collect()
    } else {
        listing::text(&outcomes)
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough: `hark outcomes | head`.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
