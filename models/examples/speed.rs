//! How fast the models are on this machine, per lane of one thread.
//!
//! ```text
//! cargo run --release -p hark-models --example speed -- [LANES] [TRANSCRIPT.srt ...]
//! ```
//!
//! Figures are items per second of the lane's own processor time (so that neighbours on a busy
//! machine do not count) and of the clock. The windows are noise: the networks take the same time for
//! anything.

mod material;

use std::path::Path;
use std::time::Instant;

use hark_models::device::{Device, lane_thread_setup};
use hark_models::manifest::Manifest;
use hark_models::minilm::Embedder;
use hark_models::silero::SpeechDetector;

/// Seconds of audio per window: 30 and one of context.
const WINDOW: usize = 31;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let lanes: usize = arguments.next().as_deref().unwrap_or("1").parse()?;
    let transcripts: Vec<String> = arguments.collect();
    let home = std::env::var("HARK_HOME")?;
    let manifest = Manifest::open(Path::new(&home));
    let device = Device::select("cpu")?;

    let begin = Instant::now();
    let files = manifest.verified("minilm")?;
    println!("hashing MiniLM: {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
    let begin = Instant::now();
    let embedder = Embedder::load(&files, device)?;
    println!("loading MiniLM: {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
    let begin = Instant::now();
    let detector = SpeechDetector::load(&manifest.verified("silero-vad")?, device)?;
    println!("loading Silero: {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);

    let noise = noise(WINDOW * 16_000);
    for windows in [1, 4, 16, 32] {
        let batch: Vec<&[i16]> = vec![&noise; windows];
        let handles = (0..lanes).map(|_| detector.share()).collect();
        report(
            &format!("Silero, {windows} windows of {WINDOW} s"),
            "audio-s/s",
            (windows * WINDOW) as f64,
            handles,
            (192 / windows).max(8),
            |detector: &SpeechDetector| detector.probabilities(&batch).map(drop),
        )?;
    }
    let short = &noise[..5 * 16_000];
    let handles = (0..lanes).map(|_| detector.share()).collect();
    report("Silero, 1 window of 5 s", "audio-s/s", 5.0, handles, 400, |detector: &SpeechDetector| {
        detector.probabilities(&[short]).map(drop)
    })?;

    let sentences = material::sentences(&transcripts)?;
    println!("{} sentences, {:.0} characters on average", sentences.len(), mean_length(&sentences));
    for batch in [1, 8, 32, 128, 512] {
        let sentences: Vec<&str> = sentences.iter().map(String::as_str).take(batch.max(128)).collect();
        let handles = (0..lanes).map(|_| embedder.share()).collect();
        report(
            &format!("MiniLM, calls of {batch}"),
            "sentences/s",
            sentences.len() as f64,
            handles,
            2,
            |embedder: &Embedder| sentences.chunks(batch).try_for_each(|batch| embedder.embed(batch).map(drop)),
        )?;
    }
    Ok(())
}

/// Runs `work` `rounds` times on a lane thread per handle and prints the mean rate.
fn report<H: Send, E: Send + std::error::Error + 'static>(
    name: &str,
    unit: &str,
    items: f64,
    handles: Vec<H>,
    rounds: usize,
    work: impl Fn(&H) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let begin = Instant::now();
    let lanes = handles.len() as f64;
    let times: Vec<Result<f64, E>> = std::thread::scope(|scope| {
        let work = &work;
        let lanes: Vec<_> =
            handles.into_iter().map(|handle| scope.spawn(move || lane(&handle, rounds, work))).collect();
        lanes.into_iter().map(|lane| lane.join().expect("a lane panicked")).collect()
    });
    let wall = begin.elapsed().as_secs_f64() / (rounds + 1) as f64;
    let mut rate = 0.0;
    for time in times {
        rate += items / time?;
    }
    println!(
        "{name}: {:.0} {unit} per processor second of a lane, {:.0} {unit} by the clock on {lanes} lanes",
        rate / lanes,
        lanes * items / wall
    );
    Ok(())
}

/// Mean processor time of a round, after one to warm up.
fn lane<H, E>(handle: &H, rounds: usize, work: &impl Fn(&H) -> Result<(), E>) -> Result<f64, E> {
    let _lane = lane_thread_setup();
    work(handle)?;
    let begin = processor_seconds();
    for _ in 0..rounds {
        work(handle)?;
    }
    Ok((processor_seconds() - begin) / rounds as f64)
}

/// Processor time of the calling thread, as the kernel's scheduler counts it: to some 4 ms, so
/// rounds are timed together.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.expect("its first field is a number") * 1e-9
}

fn noise(samples: usize) -> Vec<i16> {
    let mut seed = 1_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as u16 as i16 / 8
    };
    (0..samples).map(|_| next()).collect()
}

fn mean_length(sentences: &[String]) -> f64 {
    sentences.iter().map(String::len).sum::<usize>() as f64 / sentences.len().max(1) as f64
}
