//! What commits cost and how long a restart takes, each beside the plain work on the same bytes.
//!
//! `cargo bench -p hark-benches --bench snapshot` prints Markdown. `HARK_SNAPSHOT_EPISODES` (one
//! million) says how many are known, `HARK_SNAPSHOT_FOLDER` where files go (the system's temporary
//! folder: make sure that it is a disk), `HARK_SNAPSHOT_WORKERS` (2) who restores. Every episode is
//! announced and has a digest; what prints cost is measured apart, on 2,000 of one hour.

mod knowledge;
mod material;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use hark_benches::{median, seconds};
use hark_dataflow::snapshot::{Fact, Folder, Limits, Positions, Snapshots, Store, load};
use knowledge::Dedupe;

/// Facts of a commit.
const COMMIT: usize = 1_000;
/// Commits that are timed.
const COMMITS: u64 = 200;
/// What stream processing promises to take in, announcements per second, each with four facts.
const PACE: f64 = 200.0 * 4.0;

fn main() -> Result<()> {
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(Ok(otherwise), |text| text.parse());
    let (episodes, workers) = (number("HARK_SNAPSHOT_EPISODES", 1_000_000)?, number("HARK_SNAPSHOT_WORKERS", 2)?);
    let folder = std::env::var_os("HARK_SNAPSHOT_FOLDER").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(folder)?;
    let place = |name: &str| -> Result<Arc<dyn Store>> { Ok(Arc::new(Folder::open(&folder.path().join(name))?)) };
    println!("| what | baseline | baseline's figure | figure | ratio |\n|---|---|---|---|---|");
    commits(place("commits")?, folder.path(), "announcements and digests", &material::plain)?;
    commits(place("prints")?, folder.path(), "prints of an hour", &material::printed)?;
    let known = place("known")?;
    full(&known, folder.path(), episodes)?;
    restart(&known, episodes, workers as usize)
}

fn line(what: &str, baseline: &str, unit: &str, base: f64, figure: f64) {
    println!("| {what} | {baseline} | {base:.2} {unit} | {figure:.2} {unit} | {:.2} |", figure / base);
}

/// One commit of a thousand facts: beside a plain file of the same bytes, and beside what the
/// knowledge side does with the facts anyway.
fn commits(store: Arc<dyn Store>, folder: &Path, what: &str, facts: &dyn Fn(u64) -> Vec<Fact>) -> Result<()> {
    let snapshots = Snapshots::open(store, 1, Limits::default())?;
    let positions: Positions = (0..12).map(|partition| (format!("announcements/{partition}"), 1 << 40)).collect();
    let each = facts(0).len() as u64;
    let count = if what.starts_with("prints") { 4 } else { COMMITS };
    let batches: Vec<Vec<Fact>> = (0..count)
        .map(|commit| {
            let first = commit * COMMIT as u64 / each;
            (first..first + COMMIT as u64 / each).flat_map(facts).collect()
        })
        .collect();
    let mut dedupe = Dedupe::new();
    let (mut plain, mut committed, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (batch, at) in batches.iter().zip(0..) {
        let before = snapshots.size()?;
        let started = Instant::now();
        snapshots.append(batch, &positions, at)?;
        committed.push(started.elapsed().as_secs_f64() * 1e3);
        let after = snapshots.size()?;
        let bytes = after.told_bytes + after.body_bytes - before.told_bytes - before.body_bytes;
        plain.push(plainly_written(folder, bytes as usize)? * 1e3);
        told.push(seconds(|| dedupe.tell(batch)) * 1e3);
    }
    let (plain, committed, told) = (median(plain), median(committed), median(told));
    line(
        &format!("commit of 1,000 facts, {what}"),
        "one plain file of the same bytes, fsynced",
        "ms",
        plain,
        committed,
    );
    line(&format!("commit of 1,000 facts, {what}"), "dedupe's own work on them", "ms", told, committed);
    println!(
        "| the same once a second at {PACE} facts/s | not committing | 1000 ms | {:.2} ms more | {:.4} |",
        committed * PACE / 1e3,
        1.0 + committed * PACE / 1e6
    );
    Ok(())
}

/// Seconds to write and fsync a file.
fn plainly_written(folder: &Path, bytes: usize) -> Result<f64> {
    let content: Vec<u8> = (0..bytes).map(|at| (at * 31 + (at >> 8) * 7) as u8).collect();
    let path = folder.join("plain");
    let started = Instant::now();
    let mut file = File::create(&path)?;
    file.write_all(&content)?;
    file.sync_all()?;
    let taken = started.elapsed().as_secs_f64();
    drop(file);
    fs::remove_file(path)?;
    Ok(taken)
}

/// A full snapshot of all episodes, and another after one in a hundred more.
fn full(store: &Arc<dyn Store>, folder: &Path, episodes: u64) -> Result<()> {
    let snapshots = Snapshots::open(Arc::clone(store), 1, Limits::default())?;
    let tell = |from: u64, to: u64| -> Result<()> {
        for first in (from..to).step_by(50_000) {
            let facts: Vec<Fact> = (first..(first + 50_000).min(to)).flat_map(material::plain).collect();
            snapshots.append(&facts, &Positions::new(), 0)?;
        }
        Ok(())
    };
    let new = episodes / 100;
    tell(0, episodes - new)?;
    for (what, from) in [("first", None), ("next", Some(episodes - new))] {
        if let Some(from) = from {
            tell(from, episodes)?;
        }
        let started = Instant::now();
        let full = snapshots.full(|_| true)?;
        let taken = started.elapsed().as_secs_f64();
        let plain = plainly_written(folder, full.bytes as usize)?;
        line(
            &format!("{what} full snapshot of {} episodes", full.episodes),
            "a plain file of the same bytes",
            "s",
            plain,
            taken,
        );
        println!(
            "| its size | ids and keys alone | {:.1} bytes per episode | {:.1} bytes per episode | {:.2} |",
            material::least(),
            full.bytes as f64 / full.episodes as f64,
            full.bytes as f64 / full.episodes as f64 / material::least()
        );
    }
    Ok(())
}

/// Reading all facts back, and until dedupe has judged by them again.
fn restart(store: &Arc<dyn Store>, episodes: u64, workers: usize) -> Result<()> {
    let names = store.list()?;
    let newest = names.iter().filter(|(name, _)| name.starts_with("manifest-")).map(|(name, _)| &name[9..25]).max();
    let newest = newest.map(str::to_owned).unwrap_or_default();
    let parts = names.iter().filter(|(name, _)| name.starts_with(&format!("part-{newest}")));
    let parts: Vec<_> = parts.map(|(name, _)| name).collect();
    let plain = median(
        (0..3).map(|_| seconds(|| drop(parts.iter().map(|name| store.read(name)).collect::<Vec<_>>()))).collect(),
    );
    let read = |parts: usize| -> f64 {
        seconds(|| {
            std::thread::scope(|scope| {
                let readers: Vec<_> = (0..parts)
                    .map(|part| {
                        scope.spawn(move || load(Arc::clone(store), part, parts).map(|read| read.facts.count()))
                    })
                    .collect();
                let facts: usize = readers
                    .into_iter()
                    .map(|reader| reader.join().expect("no reader panics").expect("files are sound"))
                    .sum();
                assert_eq!(facts as u64, 2 * episodes);
            });
        })
    };
    for readers in [1, workers] {
        let taken = read(readers);
        line(
            &format!("loading {} facts with {readers} readers", 2 * episodes),
            "reading the same files",
            "s",
            plain,
            taken,
        );
        println!("| | | | {:.2} million facts/s | |", 2.0 * episodes as f64 / taken / 1e6);
    }
    let reading = read(workers);
    let (ready, fresh) = knowledge::restored(store, workers)?;
    ensure!(fresh == material::reposted(episodes), "{fresh} duplicates were found again");
    line(
        &format!("ready again with {episodes} known episodes, {workers} workers"),
        "loading alone",
        "s",
        reading,
        ready,
    );
    Ok(())
}
