//! `hark layout`: which layouts there are, whether one is possible, and what its graph looks like.

mod drawing;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use hark_dataflow::Layout;
use hark_dataflow::layout::SHIPPED;

use crate::told::tell;

#[derive(Subcommand)]
pub enum LayoutCommand {
    /// Names the layouts that come with hark.
    List,
    /// Checks layouts: whatever is wrong is told with its line and the remedy.
    Check {
        /// Names of shipped layouts or paths of layout files.
        #[arg(required = true, value_name = "NAME|FILE")]
        layouts: Vec<String>,
    },
    /// Draws a layout's graph: operators, lanes, and what crosses each exchange.
    Show {
        /// Name of a shipped layout or path of a layout file.
        #[arg(value_name = "NAME|FILE")]
        layout: String,
        /// Draw it into this SVG file as well.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
}

/// Does what was asked.
pub fn run(command: &LayoutCommand) -> Result<()> {
    match command {
        LayoutCommand::List => {
            for (name, text) in SHIPPED {
                tell(&format!("{name:<12} {}\n", Layout::parse(name, text)?.description))?;
            }
        }
        LayoutCommand::Check { layouts } => {
            for name in layouts {
                let layout = Layout::open(name)?;
                tell(&format!("{name}: possible, {} operators\n", layout.operators.len()))?;
            }
        }
        LayoutCommand::Show { layout, svg } => {
            let layout = Layout::open(layout)?;
            tell(&drawing::text(&layout))?;
            if let Some(path) = svg {
                std::fs::write(path, drawing::svg(&layout))
                    .with_context(|| format!("cannot write {}; choose another --svg", path.display()))?;
            }
        }
    }
    Ok(())
}
