//! What the acoustic fingerprint finds of real copies, as Markdown: the table of docs/dedupe.md.
//!
//! ```text
//! cargo run --release -p hark-operators --example likeness_table [-- PART-OF-A-KIND...]
//! ```
//! It makes some 700 copies of the speech files beside the repository with ffmpeg, which takes a quarter of
//! an hour, and needs nothing else.

use std::path::Path;

use hark_operators::likeness::acoustic::{Landmark, Print, Shared, align};
use rustix::time::{ClockId, clock_gettime};

#[path = "../tests/likeness/copies.rs"]
mod copies;
#[path = "../tests/likeness/recordings.rs"]
mod recordings;
#[path = "../tests/likeness/show.rs"]
mod show;
#[path = "../tests/likeness/sound.rs"]
mod sound;

use copies::{ADVERTS, KINDS, Tally, judge, originals};
use sound::{RATE, load, material, print, print_of_file};

fn main() {
    let Some(audio) = material() else { return };
    let parts: Vec<String> = std::env::args().skip(1).collect();
    costs(&audio.join("rfe-ep6_full-episode.m4a"));
    edges(&audio);
    let originals = originals(&audio, |_| true);
    let (file, from, seconds) = ADVERTS;
    let adverts = load(&audio.join(file), RATE, from, seconds);
    println!("{} recordings\n", originals.len());
    println!("| copy | copies | recall | precision | least overlap | bands: least | mean | most with another |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut groups = std::collections::BTreeMap::new();
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(part.as_str()));
    for kind in KINDS.iter().filter(|kind| wanted(kind.name)) {
        let tally = judge(kind, &originals, &adverts);
        println!("| {} | {}", kind.name, row(&tally));
        tally.missed.iter().for_each(|missed| eprintln!("missed by {}: {missed}", kind.name));
        let group: &mut (usize, usize, f64) = groups.entry(kind.group).or_insert((0, 0, kind.group.aim()));
        (group.0, group.1) = (group.0 + tally.found, group.1 + tally.copies);
    }
    for (name, (found, copies, aim)) in ["encoded, gain", "trimmed", "adverts", "tempo"].iter().zip(groups.values()) {
        println!("\n{name}: {found} of {copies} = {:.4} (aim {aim})", *found as f64 / *copies as f64);
    }
}

/// How well the edges of shared parts are found, over made-up shows.
fn edges(audio: &Path) {
    let mp3 = ["-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"];
    let opus = ["-c:a", "libopus", "-b:a", "32k", "-f", "ogg"];
    let (mut errors, mut missing, mut overlap) = (Vec::new(), 0, 0.0_f64);
    for n in 0..6 {
        let later = 3.37 * f64::from(n);
        let stops = [80.0 + 2.0 * later, 160.3 + later, 255.1 + 3.0 * later, 340.0 + 2.0 * later];
        let one = show::episode(audio, "rfe-ep5_full-episode.m4a", stops, later, &mp3);
        let other = show::episode(audio, "rfe-ep6_full-episode.m4a", stops.map(|stop| stop - 7.7), later, &opus);
        let alignment = align(&one.print, &other.print).expect("one version");
        overlap = overlap.max(alignment.of_shorter);
        for (in_one, in_other) in one.parts.iter().zip(&other.parts) {
            let errors_of = |span: &Shared| {
                let pairs = [(span.in_a(), in_one), (span.in_b(), in_other)];
                pairs
                    .map(|(found, real)| [(found.start.0 - real.start.0).abs(), (found.end.0 - real.end.0).abs()])
                    .concat()
            };
            let worst = |errors: &Vec<f64>| errors.iter().copied().fold(0.0, f64::max);
            let best = alignment.shared.iter().map(errors_of).min_by(|one, other| worst(one).total_cmp(&worst(other)));
            match best.filter(|errors| worst(errors) < 10.0) {
                Some(found) => errors.extend(found),
                None => missing += 1,
            }
        }
    }
    errors.sort_by(f64::total_cmp);
    let quantile = |share: f64| errors[((errors.len() - 1) as f64 * share) as usize];
    println!(
        "edges of parts shared by two episodes: {} found, {missing} parts missing; off by {:.2} s (median), {:.2} s (95 %), {:.2} s (most); at most {overlap:.2} of the shorter episode shared",
        errors.len(),
        quantile(0.5),
        quantile(0.95),
        quantile(1.0)
    );
}

fn row(tally: &Tally) -> String {
    let recall = tally.found as f64 / tally.copies as f64;
    let precision = tally.found as f64 / (tally.found + tally.wrong).max(1) as f64;
    format!(
        "{} | {recall:.3} | {precision:.3} ({} comparisons) | {:.2} | {} | {:.0} | {} |",
        tally.copies, tally.others, tally.overlap_least, tally.bands_least, tally.bands_mean, tally.bands_wrong
    )
}

/// CPU seconds and bytes per hour of audio, and the cost of an alignment of two hours.
fn costs(talk: &Path) {
    let mut hour = load(talk, 16_000, 0.0, 1200.0);
    hour = hour.repeat(3);
    let before = cpu();
    let print = print(&hour);
    let spent = cpu() - before;
    let hours = print.seconds().0 / 3600.0;
    let marks = print.landmarks().len() as f64 / hours;
    println!("{:.2} CPU seconds, {marks:.0} landmarks, {:.0} KB per hour of audio", spent / hours, marks * 8.0 / 1e3);
    // Keys made distinct, as in an hour that does not repeat itself.
    let distinct = |print: &Print| {
        let third = print.landmarks().len() / 3 + 1;
        let turned = |(n, mark): (usize, &Landmark)| Landmark {
            key: mark.key ^ (0x9e37_79b9_u32.wrapping_mul((n / third) as u32)),
            ..*mark
        };
        Print::new(print.seconds(), print.landmarks().iter().enumerate().map(turned).collect())
    };
    let (one, other) = (distinct(&print), distinct(&print_of_file(talk)));
    for (name, other) in [("the same", &one), ("a third of it", &other)] {
        let before = cpu();
        let rounds = 20;
        for _ in 0..rounds {
            std::hint::black_box(align(&one, other).expect("one version"));
        }
        println!("an hour aligned with {name}: {:.2} CPU ms", (cpu() - before) * 1e3 / f64::from(rounds));
    }
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
