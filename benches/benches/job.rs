//! The whole job against the sum of its bare stages, two workers against one, decoding against
//! ffmpeg, memory of a long episode against a short one. `make bench` prints the table.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use hark_benches::job;
use hark_benches::material::{self, Episode};
use hark_benches::{bare, median, seconds};
use hark_models::device::{Device, Placement, lane_thread_setup};
use hark_models::manifest::Manifest;
use hark_operators::stage::warm::Models;

/// Runs of each side; A B A B, the median counts.
const RUNS: usize = 3;
/// Seconds of each of the sixteen episodes that workers share.
const WORKERS_EPISODE: u32 = 600;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("memory") => memory_of(&args[2]),
        Some("half") => half_of(&args[2], args[3].parse()?),
        _ => bench(),
    }
}

fn bench() -> Result<()> {
    // One intra-op thread everywhere: a lane is a core.
    let _lane = lane_thread_setup();
    let episodes = material::episodes(1320)?;
    // `HARK_BENCH=workers,memory` runs these parts alone.
    let wanted = std::env::var("HARK_BENCH").unwrap_or_default();
    let parts: [(&str, &dyn Fn() -> Result<()>); 6] = [
        ("stages", &|| stages(&episodes)),
        ("graph", &|| whole_job(&episodes)),
        ("narrow", &narrow),
        ("cost", &cost),
        ("workers", &workers),
        ("memory", &memory),
    ];
    parts
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.split(',').any(|part| part == *name))
        .try_for_each(|(_, part)| part())
}

/// Each stage's bare loop, in audio-seconds per second; decoding beside ffmpeg.
fn stages(episodes: &[Episode]) -> Result<()> {
    let decoder = job::decoder()?;
    let models = models()?;
    println!("stage (bare loop, one thread)              audio-s/s   against");
    for episode in episodes {
        bare::decode(&decoder, &episode.audio)?; // warms the child and the file
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(seconds(|| drop(bare::decode(&decoder, &episode.audio))));
            theirs.push(seconds(|| drop(ffmpeg_decode(episode))));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!("decode {:<36}{:>9.0}   {:.2} of ffmpeg's time", episode.name, episode.seconds / ours, ours / theirs);
    }
    let samples = bare::samples(&decoder, &episodes[0].audio)?;
    let detector = models.speech(Placement::CPU)?;
    let row = |name: &str, taken: f64| println!("{name:<43}{:>9.0}", episodes[0].seconds / taken);
    row("speech", median((0..RUNS).map(|_| seconds(|| drop(bare::speech(&detector, &samples)))).collect()));
    row("events", median((0..RUNS).map(|_| seconds(|| bare::levels(&samples))).collect()));
    let embedder = models.embedder(Placement::CPU)?;
    let passages = bare::read_and_embed(&embedder, &episodes[0].transcript)?;
    let taken =
        median((0..RUNS).map(|_| seconds(|| drop(bare::read_and_embed(&embedder, &episodes[0].transcript)))).collect());
    println!("transcript and embed: {passages} passages in {taken:.2} s, {:.0} passages/s", passages as f64 / taken);
    Ok(())
}

/// The graph on one worker against the same work called stage by stage.
fn whole_job(episodes: &[Episode]) -> Result<()> {
    let decoder = job::decoder()?;
    let models = models()?;
    let (detector, embedder) = (models.speech(Placement::CPU)?, models.embedder(Placement::CPU)?);
    let (mut graph, mut loops) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let mut heard = 0.0;
        loops.push(seconds(|| {
            for episode in episodes {
                let samples = bare::samples(&decoder, &episode.audio).expect("the material decodes");
                bare::speech(&detector, &samples).expect("the model runs");
                bare::levels(&samples);
                bare::read_and_embed(&embedder, &episode.transcript).expect("the transcript reads");
            }
        }));
        let folder = tempfile::tempdir()?;
        let summary = job::run("fused", 1, episodes, folder.path())?;
        // Selection and cutting have no bare loop of their own above: their computing time is taken
        // from the same run and counts for the baseline.
        for stage in ["select", "cut", "transcribe"] {
            if let Some((_, computing)) = summary.previews.stages.get(stage) {
                heard += computing.mean() * computing.len() as f64 / 1e6;
            }
        }
        *loops.last_mut().expect("just pushed") += heard;
        graph.push(summary.elapsed.as_secs_f64());
    }
    let audio: f64 = episodes.iter().map(|episode| episode.seconds).sum();
    let (graph, loops) = (median(graph), median(loops));
    println!(
        "whole job, 1 worker, fused                 {:>9.0}   {:.3} of the sum of bare stages",
        audio / graph,
        graph / loops
    );
    Ok(())
}

/// What an episode of one hour costs, and where.
fn cost() -> Result<()> {
    let hour = material::episodes(3600)?;
    let folder = tempfile::tempdir()?;
    let summary = job::run("fused", 1, &hour[..1], folder.path())?;
    let spent: BTreeMap<&str, f64> = summary
        .previews
        .stages
        .iter()
        .map(|(stage, (_, computing))| (*stage, computing.mean() * computing.len() as f64 / 1e6))
        .collect();
    let parts: Vec<String> =
        spent.iter().filter(|(_, spent)| **spent >= 0.05).map(|(stage, spent)| format!("{stage} {spent:.1}")).collect();
    println!("lane time of one episode of an hour, MP3: {:.1} s ({})", spent.values().sum::<f64>(), parts.join(", "));
    Ok(())
}

/// The work that general engines were measured on, on two threads, loading of models included:
/// decode and hear MP3 audio; embed single sentences, longest first.
fn narrow() -> Result<()> {
    let episodes = distinct(&material::episodes(1320)?)?;
    let mp3: Vec<&Episode> = episodes.iter().filter(|episode| episode.name == "mp3").collect();
    let audio: f64 = mp3.iter().map(|episode| episode.seconds).sum();
    let hear = |mine: &[&Episode], models: &Models| -> Result<()> {
        let _lane = lane_thread_setup();
        let (decoder, detector) = (job::decoder()?, models.speech(Placement::CPU)?);
        mine.iter().try_for_each(|episode| bare::speech(&detector, &bare::samples(&decoder, &episode.audio)?))
    };
    let taken = median((0..RUNS).map(|_| on_two_threads(&mp3, &hear)).collect::<Result<_>>()?);
    println!("decode and hear MP3, two threads, from a cold start: {:.0} audio-s/s", audio / taken);

    let mut sentences = bare::sentences(&material::episodes(3600)?[0].transcript)?;
    sentences.sort_by_key(|sentence| std::cmp::Reverse(sentence.len()));
    let embed = |mine: &[String], models: &Models| -> Result<()> {
        let _lane = lane_thread_setup();
        let embedder = models.embedder(Placement::CPU)?;
        let texts: Vec<&str> = mine.iter().map(String::as_str).collect();
        texts.chunks(32).try_for_each(|batch| embedder.embed(batch).map(drop).map_err(|error| anyhow!("{error}")))
    };
    let taken = median((0..RUNS).map(|_| on_two_threads(&sentences, &embed)).collect::<Result<_>>()?);
    println!("embed sentences, two threads, from a cold start: {:.0} sentences/s", sentences.len() as f64 / taken);
    Ok(())
}

/// Seconds that two threads take for every other item each, models loaded anew.
fn on_two_threads<T: Clone + Send>(items: &[T], work: &(dyn Fn(&[T], &Models) -> Result<()> + Sync)) -> Result<f64> {
    let started = Instant::now();
    let models = models()?;
    std::thread::scope(|scope| {
        let half = |which| items.iter().skip(which).step_by(2).cloned().collect::<Vec<T>>();
        let both = [half(0), half(1)].map(|mine| {
            let models = &models;
            scope.spawn(move || work(&mine, models))
        });
        both.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    Ok(started.elapsed().as_secs_f64())
}

/// Two workers against one, and against what the machine itself gives: two processes of one worker
/// side by side, each with half of the episodes.
fn workers() -> Result<()> {
    let episodes = distinct(&material::episodes(WORKERS_EPISODE)?)?;
    let audio: f64 = episodes.iter().map(|episode| episode.seconds).sum();
    for layout in ["fused", "split"] {
        let (mut one, mut two, mut apart) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS {
            for (workers, into) in [(1, &mut one), (2, &mut two)] {
                let folder = tempfile::tempdir()?;
                into.push(job::run(layout, workers, &episodes, folder.path())?.elapsed.as_secs_f64());
            }
            apart.push(side_by_side(layout)?);
        }
        let (one, two, apart) = (median(one), median(two), median(apart));
        println!(
            "{layout}: 1 worker {:.0}, 2 workers {:.0} audio-s/s: {:.2} times; two processes side by side {:.2} times",
            audio / one,
            audio / two,
            one / two,
            one / apart
        );
    }
    Ok(())
}

/// Seconds until both of two processes have run half of the episodes each.
fn side_by_side(layout: &str) -> Result<f64> {
    let half = |which: &str| {
        Command::new(std::env::current_exe()?).args(["half", layout, which]).stdout(Stdio::piped()).spawn()
    };
    let mut slowest = 0.0_f64;
    for child in [half("0")?, half("1")?] {
        let told = child.wait_with_output()?;
        slowest = slowest.max(String::from_utf8_lossy(&told.stdout).trim().parse()?);
    }
    Ok(slowest)
}

fn half_of(layout: &str, which: usize) -> Result<()> {
    let episodes = distinct(&material::episodes(WORKERS_EPISODE)?)?;
    let half: Vec<Episode> = episodes.into_iter().skip(which).step_by(2).collect();
    let folder = tempfile::tempdir()?;
    println!("{}", job::run(layout, 1, &half, folder.path())?.elapsed.as_secs_f64());
    Ok(())
}

/// Copies of the episodes, each with a few bytes of its own at the end, so that none is a duplicate.
fn distinct(episodes: &[Episode]) -> Result<Vec<Episode>> {
    let folder = material::root().join("target/bench-material/copies");
    std::fs::create_dir_all(&folder)?;
    let mut copies = Vec::new();
    for copy in 0..4u8 {
        for episode in episodes {
            let name = episode.audio.file_name().context("an episode is a file")?.to_string_lossy();
            let audio = folder.join(format!("{copy}-{name}"));
            let mut bytes = std::fs::read(&episode.audio)?;
            bytes.extend([0, copy]);
            std::fs::write(&audio, bytes)?;
            copies.push(Episode { audio, ..episode.clone() });
        }
    }
    Ok(copies)
}

/// Peak memory of a job on 25 minutes and on 3 hours, each in a process of its own.
fn memory() -> Result<()> {
    let peak = |seconds: &str| -> Result<f64> {
        let ran = Command::new(std::env::current_exe()?).args(["memory", seconds]).output()?;
        Ok(String::from_utf8_lossy(&ran.stdout).trim().parse()?)
    };
    let (short, long) = (peak("1500")?, peak("10800")?);
    println!("peak memory: {short:.0} MiB for 25 min, {long:.0} MiB for 3 h: {:.2} times", long / short);
    Ok(())
}

fn memory_of(length: &str) -> Result<()> {
    let episodes = material::episodes(length.parse()?)?;
    let folder = tempfile::tempdir()?;
    job::run("fused", 2, &episodes[..1], folder.path())?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the kernel tells the peak")?;
    let kib: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!("{}", kib / 1024.0);
    Ok(())
}

fn models() -> Result<Arc<Models>> {
    Ok(Arc::new(Models::new(Manifest::open(&job::home()), Device::select("cpu")?, job::home())))
}

fn ffmpeg_decode(episode: &Episode) -> Result<()> {
    let args = ["-nostdin", "-v", "error", "-threads", "1", "-i"];
    Command::new("ffmpeg")
        .args(args)
        .arg(&episode.audio)
        .args(["-ac", "1", "-ar", "16000", "-f", "s16le", "/dev/null", "-y"])
        .status()?;
    Ok(())
}
