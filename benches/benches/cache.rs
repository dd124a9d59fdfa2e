//! What a known result costs beside a computed one.
//!
//! `cargo bench -p hark-benches --bench cache` prints Markdown: results per second on one thread, computed by
//! the model and taken from a cache of 100,000 others, as a lane does both; and how fast results reach the
//! disk. Material: three minutes of an example, and its transcript.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hark_benches::job;
use hark_benches::{bare, material, seconds};
use hark_models::device::{Device, Placement, lane_thread_setup};
use hark_models::manifest::Manifest;
use hark_operators::cache::{Cache, Key, Results};
use hark_operators::record::piece::CONTEXT;
use hark_operators::stage::Stage;
use hark_operators::stage::warm::Models;

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(3);
/// Results in the cache besides.
const OTHERS: u32 = 100_000;
/// Results that are put at once: fewer than may wait for the disk, so none is dropped.
const AT_ONCE: usize = 2000;

/// Bytes of 28 s of speech and of an embedding, as they are kept.
const SPEECH: usize = 875;
const EMBEDDING: usize = 384 * 4;

fn main() -> Result<()> {
    let _lane = lane_thread_setup();
    let examples = material::root().join("examples");
    let samples = bare::samples(&job::decoder()?, &examples.join("audio/small-wonders-1.mp3"))?;
    let passages = bare::passages(&examples.join("transcripts/small-wonders-1.vtt"))?;
    let models = Models::new(Manifest::open(&job::home()), Device::select("cpu")?, job::home());
    let (detector, embedder) = (models.speech(Placement::CPU)?, models.embedder(Placement::CPU)?);
    let windows = bare::windows(&samples);

    println!(
        "| result | computed, per s | known, its key included, per s | times | known, per s | onto the disk, per s |"
    );
    println!("|---|---|---|---|---|---|");
    let context = (CONTEXT as u64).to_le_bytes();
    let bytes: Vec<Vec<u8>> =
        windows.iter().map(|window| window.iter().flat_map(|sample| sample.to_ne_bytes()).collect()).collect();
    let contents: Vec<Vec<&[u8]>> = bytes.iter().map(|bytes| vec![&context[..], bytes]).collect();
    let computed = rate(windows.len(), || bare::speech(&detector, &samples))?;
    row("speech of a window of 29 s", Stage::Speech, computed, &contents, SPEECH)?;
    let contents: Vec<Vec<&[u8]>> = passages.iter().map(|text| vec![text.as_bytes()]).collect();
    let computed = rate(passages.len(), || bare::embed(&embedder, &passages))?;
    row("embedding of a passage", Stage::Embed, computed, &contents, EMBEDDING)
}

/// One line of the table, of a stage whose results have this length.
fn row(name: &str, stage: Stage, computed: f64, contents: &[Vec<&[u8]>], length: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache = Arc::new(Cache::open(folder.path(), 1_000_000_000)?);
    let mut results = Results::new(cache.clone(), stage, "a benchmark");
    let keys: Vec<Key> = (0..OTHERS).map(|at| results.key(&[&at.to_le_bytes()])).collect();
    let put = |keys: &[Key]| {
        keys.iter().for_each(|key| results.put(*key, vec![1; length]));
        cache.settle();
    };
    let taken = seconds(|| keys.chunks(AT_ONCE).for_each(put));
    let own: Vec<Key> = contents.iter().map(|content| results.key(content)).collect();
    put(&own);

    let known = rate(contents.len(), || {
        for content in contents {
            let key = results.key(content);
            ensure!(results.get(&key).is_some(), "a result was not kept");
        }
        Ok(())
    })?;
    let mut at = 0;
    let alone = rate(AT_ONCE, || {
        for _ in 0..AT_ONCE {
            // Far from the one before.
            at = (at + 61_803) % keys.len();
            ensure!(results.get(&keys[at]).is_some(), "a result was not kept");
        }
        Ok(())
    })?;
    let puts = f64::from(OTHERS) / taken;
    println!("| {name} | {computed:.0} | {known:.0} | {:.0} | {alone:.0} | {puts:.0} |", known / computed);
    Ok(())
}

/// Items per second of a run of so many.
fn rate(items: usize, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let (begin, mut rounds) = (Instant::now(), 0);
    while begin.elapsed() < MEASURED {
        run()?;
        rounds += 1;
    }
    Ok((rounds * items) as f64 / begin.elapsed().as_secs_f64())
}
