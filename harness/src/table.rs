//! `hark outcomes`: how episodes ended.

use anyhow::Result;
use hark_dataflow::sink::Which;

use crate::cli::OutcomesArgs;
use crate::exit::Exit;
use crate::report::listing;
use crate::told::tell;

/// Lists outcomes, one per line.
pub fn list(args: &OutcomesArgs) -> Result<Exit> {
    let table = args.kept.existing(args.output.as_deref())?;
    let outcomes = table.read(if args.failed { Which::Failed } else { Which::All })?;
    let text = if args.json {
        outcomes.iter().map(|outcome| listing::json_line(outcome) + "\n").collect()
    } else {
        listing::text(&outcomes)
    };
    tell(&text)?;
    Ok(Exit::Done)
}
