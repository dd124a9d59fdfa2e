//! Exact duplicates at scale: hark's operator, the plain join that it replaces, and a hash set on
//! one thread as the bound.
//!
//! `cargo bench -p hark-benches --bench dedupe` prints Markdown; `HARK_DEDUPE_RECORDS=20000,50000`
//! makes a short run of it. Every line is measured in a process of its own, with the allocator told
//! to hand back free memory (`MALLOC_TRIM_THRESHOLD_` of 1 MiB); workers spin. One record in twenty
//! repeats another's bytes, ids have 20 to 60 bytes; records are generated while they are timed.
//! A figure is to be trusted where the process hardly waited for a core.

mod bound;
mod engine;
mod flat;
mod material;
mod measure;
mod session;

use anyhow::{Context, Result};
use engine::Engine;
use hark_benches::apart::{self, Figures};
use measure::BATCHES;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("one") => one(&args[2], args[3].parse()?, args[4].parse()?),
        _ => table(),
    }
}

/// Measures one engine and prints its figures for the process that asked.
fn one(name: &str, workers: usize, records: u64) -> Result<()> {
    let figures = match name {
        "set" => bound::set(records),
        "flat" => flat::flat(records, 5_000),
        name => {
            let engine = Engine::NAMES.into_iter().find(|(_, known)| *known == name);
            measure::engine(engine.context("an engine of this name")?.0, workers, records)
        }
    };
    apart::print(&figures);
    Ok(())
}

/// The figures of one engine, measured in another process.
fn measured(name: &str, workers: usize, records: u64) -> Result<Figures> {
    apart::measured(&[name, &workers.to_string(), &records.to_string()])
}

fn table() -> Result<()> {
    let sizes = std::env::var("HARK_DEDUPE_RECORDS").unwrap_or_else(|_| "1000000,10000000".to_owned());
    let sizes = sizes.split(',').map(|size| size.trim().parse()).collect::<Result<Vec<u64>, _>>()?;
    print!("| engine | workers | records | M records/s | bytes per key, at most |");
    BATCHES.iter().for_each(|(size, _)| print!(" batch of {size}: p50 / p99 / p99.9 us | updates/s |"));
    println!(" waited for a core |\n|---|---|---|---|---|{}---|", "---|---|".repeat(BATCHES.len()));
    let rows = [("set", 1), ("join", 1), ("join", 2), ("hark", 1), ("hark", 2)];
    for (name, workers) in rows {
        let mut by_size = Vec::new();
        for records in &sizes {
            let figures = measured(name, workers, *records)?;
            line(&format!("| {name} | {workers} | {records} |"), &figures, 1e6);
            by_size.push(figures);
        }
        if let [small, .., large] = &by_size[..] {
            let growth = large.iter().map(|(name, figure)| (name.clone(), figure / small[name])).collect();
            line(&format!("| {name} | {workers} | growth |"), &growth, 1.0);
        }
    }
    let catalogue = sizes.iter().min().map_or(100_000, |least| (*least).min(100_000));
    let flat = measured("flat", 1, catalogue)?;
    println!(
        "\nA fixed catalogue of {catalogue} through 5,000 epochs of 50 takedowns and revisions each: at most {:.1} MB \
         resident in the first half, {:.1} MB in the second; at most {:.2} rows per member.",
        flat["first"] / 1e6,
        flat["second"] / 1e6,
        flat["rows"] / catalogue as f64
    );
    Ok(())
}

fn line(head: &str, figures: &Figures, million: f64) {
    let ratio = million == 1.0;
    let show = |name: &str, unit: f64| match figures.get(name) {
        None => "–".to_owned(),
        Some(figure) if ratio || unit > 1.0 => format!("{:.2}", figure / if ratio { 1.0 } else { unit }),
        Some(figure) => format!("{figure:.0}"),
    };
    print!("{head} {} | {}, {} |", show("load", million), show("bytes", 1.0), show("peak", 1.0));
    for (size, _) in BATCHES {
        let [p50, p99, p999] = ["p50", "p99", "p99.9"].map(|quantile| show(&format!("{size} {quantile}"), 1.0));
        print!(" {p50} / {p99} / {p999} | {} |", show(&format!("{size} per s"), 1.0));
    }
    match (ratio, figures.get("waited in load"), figures.get("waited in updates")) {
        (false, Some(load), Some(updates)) => println!(" {load:.0} %, {updates:.0} % |"),
        _ => println!(" – |"),
    }
}
