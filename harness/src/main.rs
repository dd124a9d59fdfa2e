//! The `hark` command: reads the arguments, resolves them, runs one job.

mod backfill;
mod batch;
mod cli;
mod cluster;
mod drain;
mod exit;
mod explain;
mod hosts;
mod kafka;
mod kept;
mod laboratory;
mod layouts;
mod live;
mod membership;
mod plan;
mod progress;
mod report;
mod serve;
mod setting;
mod size;
mod stores;
mod summary;
mod table;
mod told;

/// Of Rust's own allocations; libtorch and librdkafka keep theirs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use clap::Parser;
use cli::{Cli, Command, DedupeCommand};
use exit::Exit;

fn main() {
    // SAFETY: nothing has been started yet.
    unsafe { hark_models::device::keep_f32_exact() };
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Batch(args) => batch::batch(args),
        Command::Run(args) => live::run(*args),
        Command::Cluster(args) => cluster::cluster(&args),
        Command::Backfill(args) => backfill::backfill(*args),
        Command::Announce(args) => kafka::announce(&args),
        Command::Replay(args) => batch::replay(args),
        Command::Outcomes(args) => table::list(&args),
        Command::Bench(args) => laboratory::bench(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Layout(command) => layouts::run(&command).map(|()| Exit::Done),
        Command::Dedupe(DedupeCommand::Explain(args)) => explain::explain(&args),
    };
    let exit = done.unwrap_or_else(|error| {
        eprintln!("hark: {error:#}");
        Exit::Failed
    });
    exit.now()
}
