//! Real models in the graph against the bare batched model: what a layout leaves of the slowest one.
//!
//! `cargo bench -p hark-benches --bench models` prints Markdown. Twenty real transcripts without audio, so
//! that the sentence encoder is nearly all of the work. The baseline: the same passages, longest first in
//! full batches, on as many threads as there are workers, nothing else running beside them. Runs go in
//! turns, baseline and layouts, and the median counts.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow, ensure};
use hark_benches::{bare, job, material, median, seconds};
use hark_models::device::{Device, Placement, lane_thread_setup};
use hark_models::manifest::Manifest;
use hark_models::minilm::Embedder;
use hark_operators::stage::warm::Models;

/// Runs of each side.
const RUNS: usize = 3;
/// Transcripts.
const EPISODES: usize = 20;
/// Texts in one call of the bare model: more make it no faster here.
const BATCH: usize = 64;

fn main() -> Result<()> {
    let files = transcripts()?;
    let passages: Vec<Vec<String>> = files.iter().map(|file| bare::passages(file)).collect::<Result<_>>()?;
    let count: usize = passages.iter().map(Vec::len).sum();
    println!("{} transcripts, {count} passages\n", files.len());
    let mut texts: Vec<&str> = passages.iter().flatten().map(String::as_str).collect();
    padding(&texts)?;
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    println!("| layout | workers | bare passages/s | passages/s | of the bare model |\n|---|---|---|---|---|");
    for workers in [1, 2] {
        let layouts = ["fused", "split", "low-latency", "throughput"];
        let mut floor = Vec::new();
        let mut taken = vec![Vec::new(); layouts.len()];
        for _ in 0..RUNS {
            floor.push(embedded(&texts, workers)?);
            for (layout, taken) in layouts.iter().zip(&mut taken) {
                let folder = tempfile::tempdir()?;
                let announced = files.iter().enumerate().map(|(at, file)| job::words(at, file)).collect();
                let summary = job::announced(
                    layout,
                    workers,
                    announced,
                    vec![files[0].parent().map_or_else(PathBuf::new, Into::into)],
                    folder.path(),
                )?;
                ensure!(summary.offered == files.len(), "not all were taken in");
                taken.push(summary.elapsed.as_secs_f64());
            }
        }
        let rate = |taken: Vec<f64>| count as f64 / median(taken);
        let floor = rate(floor);
        for (layout, taken) in layouts.iter().zip(taken) {
            let held = rate(taken);
            println!("| {layout} | {workers} | {floor:.0} | {held:.0} | {:.3} |", held / floor);
        }
    }
    Ok(())
}

/// Seconds for all texts on so many threads with warm models.
/// What fills up the batches of calls, as large as layouts make them, of passages in the order in which they come.
fn padding(texts: &[&str]) -> Result<()> {
    let embedder = models()?.embedder(Placement::CPU)?;
    println!("| passages in a call | padding on the processor | padding on a GPU |\n|---|---|---|");
    for items in [1, 64, 512, 2048] {
        let on = |device: Device| -> Result<f64> {
            let (mut wanted, mut computed) = (0, 0);
            for call in texts.chunks(items) {
                let tokens = embedder.tokens(call, device).map_err(|error| anyhow!("{error}"))?;
                wanted += tokens.0;
                computed += tokens.1;
            }
            Ok(100.0 * (1.0 - wanted as f64 / computed as f64))
        };
        println!("| {items} | {:.1} % | {:.1} % |", on(Device::Cpu)?, on(Device::Cuda(0))?);
    }
    println!();
    Ok(())
}

fn embedded(texts: &[&str], threads: usize) -> Result<f64> {
    let models = models()?;
    let embedders: Vec<Embedder> = (0..threads).map(|_| Ok(models.embedder(Placement::CPU)?)).collect::<Result<_>>()?;
    let batches: Vec<&[&str]> = texts.chunks(BATCH).collect();
    let next = AtomicUsize::new(0);
    let mut failed = Vec::new();
    let taken = seconds(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = embedders
                .into_iter()
                .map(|embedder| {
                    let (batches, next) = (&batches, &next);
                    scope.spawn(move || {
                        let _lane = lane_thread_setup();
                        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                            embedder.embed(batch).map_err(|error| anyhow!("{error}"))?;
                        }
                        Ok(())
                    })
                })
                .collect();
            failed.extend(threads.into_iter().filter_map(|thread| thread.join().expect("no embedder panics").err()));
        });
    });
    failed.pop().map_or(Ok(taken), Err)
}

fn models() -> Result<Arc<Models>> {
    Ok(Arc::new(Models::new(Manifest::open(&job::home()), Device::select("cpu")?, job::home())))
}

/// Real transcripts, of several shows.
fn transcripts() -> Result<Vec<PathBuf>> {
    let shared = material::root().join("../shared/data/transcripts");
    let folder = if shared.is_dir() { shared } else { material::root().join("examples/transcripts") };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| bare::passages(file).is_ok_and(|passages| passages.len() > 20));
    files.sort();
    let step = (files.len() / EPISODES).max(1);
    Ok(files.into_iter().step_by(step).take(EPISODES).collect())
}
