//! The live job between topics of a real broker: latency at a steady rate, the rate it can hold, urgent
//! episodes beside a backfill, what the others get beside more urgent ones than can be done, memory over time.
//!
//! `cargo build --release && cargo bench -p hark-benches --bench live` prints Markdown. `HARK_LIVE=pace,rate`
//! runs these parts alone, `HARK_LIVE_PACE=100` and `HARK_LIVE_LAYOUT=FILE` change what they do; the parts are
//! `pace`, `rate`, `urgent`, `floor` and, for half an hour and only if it is named, `memory`. The baseline, `echo`, is
//! a loop that writes each message of one topic to another: what broker and client cost anyhow. Latency
//! counts from the moment at which a message was to be sent, so that a stall is not hidden by messages that
//! were sent late.

mod arrivals;
#[expect(dead_code, reason = "what the tests of the command say to a broker, of which this needs the half")]
#[path = "../../../harness/tests/hark/broker.rs"]
mod broker;
mod echo;
mod ends;
#[path = "../../../harness/tests/hark/java.rs"]
mod java;
mod running;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use arrivals::Talk;
use broker::Broker;
use ends::Ends;
use running::Running;

/// Announcements per second that have to be held, unless `HARK_LIVE_PACE` says otherwise.
const PACE: f64 = 200.0;
/// How long.
const HELD: Duration = Duration::from_secs(60);
/// How long before, each time: the broker compiles what each new topic and client makes it do, on the
/// cores that hark is to have, and what is opened once is opened.
const WARM: Duration = Duration::from_secs(20);
/// Announcements that are there at once, to see how fast they go away.
const HEAP: u64 = 10_000;
/// Urgent episodes, one after another.
const URGENT: u64 = 100;
/// Let the models rest: what is measured is all that lies around them.
const LIGHT: [&str; 6] = ["--drill", "speech=fail", "--drill", "events=fail", "--drill", "embed=fail"];

fn main() -> Result<()> {
    let wanted = std::env::var("HARK_LIVE").unwrap_or_else(|_| "pace,rate,urgent,floor".to_owned());
    let broker = Broker::start();
    for part in wanted.split(',') {
        match part {
            "pace" => pace(&broker)?,
            "rate" => rate(&broker)?,
            "urgent" => urgent(&broker)?,
            "floor" => floor(&broker)?,
            "memory" => memory(&broker)?,
            other => anyhow::bail!("HARK_LIVE={other}: the parts are pace, rate, urgent, floor, memory"),
        }
    }
    Ok(())
}

/// From when a message was to be sent until its end was read, at a steady rate.
fn pace(broker: &Broker) -> Result<()> {
    let pace = std::env::var("HARK_LIVE_PACE").map_or(Ok(PACE), |pace| pace.parse())?;
    println!(
        "\n| {pace} announcements/s for {} s | p50 ms | p99 ms | p99.9 ms | most ms |\n|---|---|---|---|---|",
        HELD.as_secs()
    );
    let talks = (pace * HELD.as_secs_f64()) as u64;
    let warm = (pace * WARM.as_secs_f64()) as u64;
    let echo = echo::start(broker, "pace-echo")?;
    ends_of(broker, "pace-echo", "pace-echo-ends", 0..warm, pace)?;
    let measured = ends_of(broker, "pace-echo", "pace-echo-ends", warm..warm + talks, pace)?;
    line("echo", &measured);
    drop(echo);
    let layout = layout();
    for workers in ["1", "2"] {
        let name = format!("pace-{workers}");
        let arguments = [&["--workers", workers, "--layout", &layout][..], &LIGHT].concat();
        let hark = Running::start(broker, &name, &arguments)?;
        ends_of(broker, &name, &hark.outcomes(), 0..warm, pace)?;
        let measured = ends_of(broker, &name, &hark.outcomes(), warm..warm + talks, pace)?;
        line(&format!("hark, {workers} workers, light models"), &measured);
        hark.stop()?;
    }
    Ok(())
}

fn layout() -> String {
    std::env::var("HARK_LIVE_LAYOUT").unwrap_or_else(|_| "fused".to_owned())
}

/// A heap of announcements, until the last has ended.
fn rate(broker: &Broker) -> Result<()> {
    println!("\n| {HEAP} announcements at once | ended per second | to echo |\n|---|---|---|");
    let echo = echo::start(broker, "rate-echo")?;
    let floor = heap(broker, "rate-echo", "rate-echo-ends")?;
    println!("| echo | {floor:.0} | 1 |");
    drop(echo);
    let layout = layout();
    for workers in ["1", "2"] {
        let name = format!("rate-{workers}");
        let more = ["--workers", workers, "--max-in-flight", "512", "--layout", &layout];
        let hark = Running::start(broker, &name, &[&more[..], &LIGHT].concat())?;
        let held = heap(broker, &name, &hark.outcomes())?;
        println!("| hark, {workers} workers, light models | {held:.0} | {:.3} |", held / floor);
        hark.stop()?;
    }
    Ok(())
}

fn heap(broker: &Broker, into: &str, from: &str) -> Result<f64> {
    let ends = Ends::of(broker, from)?;
    let began = Instant::now();
    arrivals::all_at_once(broker, into, 0..HEAP)?;
    ends.wait_for(HEAP)?;
    Ok(HEAP as f64 / began.elapsed().as_secs_f64())
}

/// Urgent episodes on an idle job and beside a backfill of ten thousand, with real models.
fn urgent(broker: &Broker) -> Result<()> {
    println!("\n| {URGENT} urgent episodes, real models | p50 ms | p99 ms | most ms |\n|---|---|---|---|");
    let named = std::env::var("HARK_LIVE_LAYOUT").ok();
    for layout in named.as_deref().map_or(vec!["fused", "low-latency"], |layout| vec![layout]) {
        let name = format!("urgent-{}", layout.rsplit('/').next().unwrap_or(layout));
        let hark = Running::start(broker, &name, &["--workers", "2", "--layout", layout])?;
        let idle = urgent_among(broker, &name, &hark, (0, 0))?;
        println!("| {layout}, idle |{}|", shown(&idle));
        let beside = urgent_among(broker, &name, &hark, (1_000, HEAP))?;
        println!("| {layout}, beside a backfill of {HEAP} |{}|", shown(&beside));
        let to = |quantile| beside.value_at_quantile(quantile) as f64 / idle.value_at_quantile(quantile) as f64;
        println!("| {layout}: to idle | {:.2} | {:.2} | |", to(0.5), to(0.99));
        let batch = 1e3 * hark.batch_seconds()?.into_iter().fold(0.0, f64::max);
        let bound = 1.5 * ms(&idle, 0.99) + batch;
        println!(
            "| {layout}: p99 to 1.5 times idle and a batch of {batch:.0} ms | | {:.2} | |",
            ms(&beside, 0.99) / bound
        );
        hark.kill()?;
    }
    Ok(())
}

/// Latencies of urgent episodes from the `first` on, with so many others to be done.
fn urgent_among(broker: &Broker, name: &str, hark: &Running, (first, others): (u64, u64)) -> Result<Histogram<u64>> {
    let ends = Ends::of(broker, &hark.outcomes())?;
    arrivals::all_at_once(broker, name, (1 << 32)..(1 << 32) + others)?;
    if others > 0 {
        std::thread::sleep(Duration::from_secs(10));
    }
    let mut measured = Histogram::<u64>::new(3)?;
    for talk in first..first + URGENT {
        let sent = arrivals::one(broker, &hark.urgent(), &Talk(talk))?;
        measured.record(ends.time_of(talk)?.duration_since(sent).as_micros() as u64)?;
        std::thread::sleep(Duration::from_millis(300));
    }
    if others > 0 {
        let meanwhile = ends.count().saturating_sub(URGENT);
        println!("| {name}: others that ended meanwhile: {meanwhile} | | | |");
    }
    Ok(measured)
}

/// What ordinary episodes get while more urgent ones wait than can be done, with real models.
fn floor(broker: &Broker) -> Result<()> {
    const OTHERS: u64 = 1 << 32;
    println!("\n| {HEAP} urgent and {HEAP} others at once | urgent ended | others ended | share |\n|---|---|---|---|");
    let named = std::env::var("HARK_LIVE_LAYOUT").ok();
    for layout in named.as_deref().map_or(vec!["fused", "low-latency"], |layout| vec![layout]) {
        let name = format!("floor-{}", layout.rsplit('/').next().unwrap_or(layout));
        let hark = Running::start(broker, &name, &["--workers", "2", "--layout", layout])?;
        let ends = Ends::of(broker, &hark.outcomes())?;
        arrivals::all_at_once(broker, &hark.urgent(), 0..HEAP)?;
        arrivals::all_at_once(broker, &name, OTHERS..OTHERS + HEAP)?;
        let ended = || (ends.count_of(0..HEAP), ends.count_of(OTHERS..OTHERS + HEAP));
        // Others wait at every stage: until as many wait as will, fewer end than are begun.
        std::thread::sleep(HELD);
        let before = ended();
        std::thread::sleep(2 * HELD);
        let after = ended();
        anyhow::ensure!(after.0 < HEAP, "there were too few urgent ones: the lanes were not kept busy");
        let (urgent, others) = (after.0 - before.0, after.1 - before.1);
        println!("| {layout} | {urgent} | {others} | {:.3} |", others as f64 / (urgent + others) as f64);
        hark.kill()?;
    }
    Ok(())
}

/// Resident memory over half an hour of a fixed catalogue that is revised again and again.
fn memory(broker: &Broker) -> Result<()> {
    const MINUTES: u64 = 30;
    const CATALOGUE: u64 = 3_000;
    // A look at any one moment sees also what is on its way then.
    const LOOKS: u64 = 12;
    let hark = Running::start(broker, "memory", &[&["--workers", "2"][..], &LIGHT].concat())?;
    let (pace, mut sampled) = (50.0, Vec::new());
    println!("\n| minute | resident MB, mean |\n|---|---|");
    let began = Instant::now();
    let of_a_look = (60.0 * pace) as u64 / LOOKS;
    for look in 0..MINUTES * LOOKS {
        arrivals::revised(broker, "memory", look * of_a_look..(look + 1) * of_a_look, CATALOGUE, pace)?;
        sampled.push((began.elapsed().as_secs_f64() / 3600.0, hark.resident_mb()?));
        if (look + 1) % LOOKS == 0 {
            let of_the_minute = &sampled[sampled.len() - LOOKS as usize..];
            let mean = of_the_minute.iter().map(|(_, resident)| resident).sum::<f64>() / LOOKS as f64;
            println!("| {} | {mean:.1} |", (look + 1) / LOOKS);
        }
    }
    // The first ten minutes bring each of the catalogue several revisions.
    let steady = &sampled[10 * LOOKS as usize..];
    let (slope, mean) = slope(steady).context("there are samples")?;
    println!("| slope from minute 11 on | {:.2} % per hour |", 100.0 * slope / mean);
    hark.stop()?;
    Ok(())
}

/// Least squares: units per hour, and the mean.
fn slope(samples: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = (!samples.is_empty()).then_some(samples.len() as f64)?;
    let mean = |pick: fn(&(f64, f64)) -> f64| samples.iter().map(pick).sum::<f64>() / n;
    let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let above: f64 = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum();
    let below: f64 = samples.iter().map(|sample| (sample.0 - x).powi(2)).sum();
    Some((above / below, y))
}

/// Latencies in microseconds of talks that are announced at a steady rate.
fn ends_of(broker: &Broker, into: &str, from: &str, talks: std::ops::Range<u64>, pace: f64) -> Result<Histogram<u64>> {
    let ends = Ends::of(broker, from)?;
    let due = arrivals::paced(broker, into, talks.clone(), pace)?;
    let mut measured = Histogram::<u64>::new(3)?;
    for (talk, due) in talks.zip(due) {
        measured.record(ends.time_of(talk)?.saturating_duration_since(due).as_micros() as u64)?;
    }
    Ok(measured)
}

fn line(what: &str, measured: &Histogram<u64>) {
    let [p50, p99, p999, most] = [0.5, 0.99, 0.999, 1.0].map(|quantile| ms(measured, quantile));
    println!("| {what} | {p50:.1} | {p99:.1} | {p999:.1} | {most:.1} |");
}

fn shown(measured: &Histogram<u64>) -> String {
    [0.5, 0.99, 1.0].map(|quantile| format!(" {:.0} ", ms(measured, quantile))).join("|")
}

fn ms(measured: &Histogram<u64>, quantile: f64) -> f64 {
    measured.value_at_quantile(quantile) as f64 / 1e3
}
