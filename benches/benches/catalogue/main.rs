//! Dedupe beyond equal keys: near-duplicates at scale, and memory over a week of changes.
//!
//! `cargo bench -p hark-benches --bench catalogue` prints Markdown; `HARK_NEAR_ITEMS=20000,50000`
//! and `HARK_WEEK_EPOCHS=500` make a short run of it. Every line is measured in a process of its own.
//! Half of the episodes have a band that others have: see `material.rs`.

mod items;
mod material;
mod near;
mod plain;
mod week;

use anyhow::{Context, Result};
use hark_benches::apart::{self, Figures, measured};

/// Near-duplicates by the plain join hold some ten kilobytes for each item.
const PLAIN: u64 = 200_000;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("one") => {
            let figures = one(&args[2], args[3].parse()?, args[4].parse()?)?;
            apart::print(&figures);
            Ok(())
        }
        _ => table(),
    }
}

fn one(name: &str, workers: usize, size: u64) -> Result<Figures> {
    match name {
        "week" => week::week(workers, size),
        _ => near::engine(near::Engine::named(name).context("an engine of this name")?, workers, size),
    }
}

fn numbers(variable: &str, default: &str) -> Result<Vec<u64>> {
    let list = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    list.split(',').map(|size| Ok(size.trim().parse()?)).collect()
}

fn table() -> Result<()> {
    let sizes = numbers("HARK_NEAR_ITEMS", "100000,1000000")?;
    println!(
        "| engine | workers | items | items/s | bytes per item, at most | compared with, mean / p99 / most | popular \
         bands | single update p50 / p99 us | waited for a core |\n|---|---|---|---|---|---|---|---|---|"
    );
    for size in sizes {
        for (name, workers) in [("plain", 1), ("near", 1), ("near", 2)] {
            if name == "plain" && size > PLAIN {
                continue;
            }
            let figures = measured(&[name, &workers.to_string(), &size.to_string()])?;
            let [load, bytes, peak, mean, p99, most, popular, update, slow, waited] =
                ["load", "bytes", "peak", "mean", "p99", "most", "popular", "update p50", "update p99", "waited"]
                    .map(|name| figures[name]);
            println!(
                "| {name} | {workers} | {size} | {load:.0} | {bytes:.0}, {peak:.0} | {mean:.2} / {p99:.0} / {most:.0} | \
                 {popular:.0} | {update:.0} / {slow:.0} | {waited:.0} % |"
            );
        }
    }
    for epochs in numbers("HARK_WEEK_EPOCHS", "5000")? {
        for workers in [1, 2] {
            let week = measured(&["week", &workers.to_string(), &epochs.to_string()])?;
            println!(
                "\nWhole graph, {workers} worker(s), {} episodes, {epochs} epochs of {} changes in {:.0} s: {:.1} MB \
                 resident after a tenth, {:.1} MB after half, {:.1} MB after all; {:.1} MB before the first change.",
                material::CATALOGUE,
                week::CHANGES,
                week["seconds"],
                week["tenth"] / 1e6,
                week["half"] / 1e6,
                week["all"] / 1e6,
                week["loaded"] / 1e6,
            );
        }
    }
    Ok(())
}
