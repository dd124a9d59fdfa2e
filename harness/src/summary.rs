//! What a job says at its end.

use std::fmt::Write;

use hark_dataflow::Summary;
use hark_dataflow::latency::Micros;
use hark_dataflow::publish::End;
use hark_dataflow::sink::Spared;
use hark_operators::cache::{Cache, Tally};

/// The summary of a job, for a person; `audio` in seconds.
pub fn text(summary: &Summary, layout: &str, workers: u16, audio: f64) -> String {
    let ends = |end| summary.ends.get(&end).copied().unwrap_or_default();
    let seconds = summary.elapsed.as_secs_f64();
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(text, "{arguments}").expect("a String takes all text");
    line(format_args!(
        "{} episodes in {seconds:.1} s: {} published, {} duplicates, {} failed",
        summary.offered,
        ends(End::Published),
        ends(End::Duplicate),
        ends(End::Failed)
    ));
    if summary.repeated > 0 {
        line(format_args!("{} announcements repeated an episode and were passed over", summary.repeated));
    }
    if ends(End::Duplicate) > 0 {
        let Spared { bytes, decoded_seconds, computing_seconds } = summary.spared;
        line(format_args!(
            "duplicates spared {:.1} MB of fetching, {decoded_seconds:.0} s of audio to decode and {computing_seconds:.1} s of computing behind that",
            bytes as f64 / 1e6
        ));
    }
    if summary.chosen_again > 0 {
        line(format_args!(
            "{} previews were chosen again: a part turned out to be repeated elsewhere",
            summary.chosen_again
        ));
    }
    if summary.popular_bands > 0 {
        line(format_args!("{} bands are too popular to tie episodes (silence, jingles)", summary.popular_bands));
    }
    line(format_args!(
        "{:.0} s of audio, {:.0} s per second; layout {layout}, {workers} workers",
        audio,
        audio / seconds
    ));
    line(format_args!("{:<44}{:>9}{:>9}{:>9}{:>9}", "latency in seconds", "p50", "p90", "p99", "max"));
    line(format_args!("{}", row("preview (taken in to published)", &summary.previews.whole)));
    for (stage, (queued, computing)) in &summary.previews.stages {
        line(format_args!("{}", row(&format!("  {stage} queued"), queued)));
        line(format_args!("{}", row(&format!("  {stage} computing"), computing)));
    }
    for (operator, histogram) in &summary.epochs {
        line(format_args!("{}", row(&format!("epoch at {operator}"), histogram)));
    }
    text
}

/// How much of what models were to say was known.
pub fn known(cache: &Cache) -> String {
    let share = |tally: Tally| format!("{} of {}", tally.hits, tally.hits + tally.misses);
    let mut whole = Tally::default();
    let mut stages = Vec::new();
    for (stage, tally) in cache.tallies() {
        whole = Tally { hits: whole.hits + tally.hits, misses: whole.misses + tally.misses };
        stages.push(format!("{stage} {}", share(tally)));
    }
    format!(
        "cache: {} results were known ({}); {:.1} MB in {}\n",
        share(whole),
        stages.join(", "),
        cache.bytes() as f64 / 1e6,
        cache.folder().display()
    )
}

fn row(name: &str, histogram: &Micros) -> String {
    let mut name: String = name.chars().take(42).collect();
    if histogram.is_empty() {
        return format!("{name:<44}{:>9}{:>9}{:>9}{:>9}", "-", "-", "-", "-");
    }
    name.push(' ');
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
    format!("{name:<44}{:>9.3}{:>9.3}{:>9.3}{:>9.3}", at(0.5), at(0.9), at(0.99), histogram.max() as f64 / 1e6)
}
