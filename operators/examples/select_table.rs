//! Prints how selection does on real transcripts: adverts found against verified ones, and the
//! chosen minute against simple baselines.
//!
//! ```text
//! cargo run --release -p hark-operators --example select_table [-- --lines EPISODE]
//! ```
//! With `--lines` every sentence of one episode, `!` where an advert was found, `A` where a person
//! verified one. Needs ../shared/data or HARK_SHARED_DATA.

#[path = "../tests/select/material.rs"]
mod material;
#[path = "../tests/select/subtitles.rs"]
mod subtitles;

use std::time::Instant;

use hark_operators::record::outcome::Selection;
use hark_operators::select::{FEATURES, Reading, Weights};
use hark_operators::units::Span;
use material::Material;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(shared) = material::shared() else { return Ok(()) };
    let ads = material::ads(&shared);
    let subtitles = subtitles::subtitles(&shared);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "--lines"
    {
        ads.iter().chain(&subtitles).filter(|m| m.name.contains(name.as_str())).for_each(lines);
        return Ok(());
    }
    adverts(&ads);
    flagged(&subtitles);
    baselines(&ads.iter().chain(&subtitles).collect::<Vec<_>>())?;
    Ok(())
}

fn seconds(spans: &[Span]) -> f64 {
    spans.iter().map(|span| span.length()).fold(0.0, |sum, length| sum + length)
}

fn shared_seconds(some: &[Span], others: &[Span]) -> f64 {
    some.iter().flat_map(|a| others.iter().map(|b| a.overlap(*b))).fold(0.0, |sum, seconds| sum + seconds)
}

fn lines(episode: &Material) {
    let found = Reading::of(&episode.dossier, &Weights::default()).adverts().to_vec();
    for sentence in &episode.dossier.sentences {
        let in_any = |spans: &[Span]| shared_seconds(spans, &[sentence.span]) * 2.0 > sentence.span.length();
        let mark = |yes: bool, mark: char| if yes { mark } else { ' ' };
        let (is, was) = (mark(in_any(&found), '!'), mark(in_any(&episode.adverts), 'A'));
        println!("{was}{is} {:8.1} {:5.1} {}", sentence.span.start.0, sentence.span.length(), sentence.text);
    }
}

/// Precision, recall and F1 by seconds; doubtful stretches count nowhere in the second figure.
fn adverts(ads: &[Material]) {
    println!(
        "{:<46}{:>9}{:>9}{:>9}{:>7}{:>7}{:>7}  span chosen",
        "adverts, by seconds", "verified", "found", "both", "P", "R", "F1"
    );
    let mut sums = [0.0; 4];
    for episode in ads {
        let found = Reading::of(&episode.dossier, &Weights::default()).adverts().to_vec();
        let (truth, marked, both) =
            (seconds(&episode.adverts), seconds(&found), shared_seconds(&found, &episode.adverts));
        let doubtful = shared_seconds(&found, &episode.doubtful);
        [truth, marked, both, doubtful].iter().zip(&mut sums).for_each(|(value, sum)| *sum += value);
        let chosen = Reading::of(&episode.dossier, &Weights::default()).verdict();
        let chosen = chosen.map_or_else(
            |fault| fault.code,
            |v| {
                format!(
                    "{:.1}-{:.1} overlap {:.1} passes {}",
                    v.selection.span.start.0,
                    v.selection.span.end.0,
                    shared_seconds(&[v.selection.span], &episode.adverts),
                    v.passes
                )
            },
        );
        row(&episode.name, truth, marked, both, &chosen);
    }
    let [truth, marked, both, doubtful] = sums;
    row("all", truth, marked, both, "");
    row("all, doubtful left out", truth, marked - doubtful, both, "");
}

fn row(name: &str, truth: f64, marked: f64, both: f64, rest: &str) {
    let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 1.0 };
    let (precision, recall) = (share(both, marked), share(both, truth));
    let f1 = share(2.0 * precision * recall, precision + recall);
    println!("{name:<46}{truth:9.0}{marked:9.0}{both:9.0}{precision:7.3}{recall:7.3}{f1:7.3}  {rest}");
}

fn flagged(subtitles: &[Material]) {
    println!("\nadverts found in subtitles (nobody verified them): seconds per episode");
    for episode in subtitles {
        let found = Reading::of(&episode.dossier, &Weights::default()).adverts().to_vec();
        let spans: Vec<String> = found.iter().map(|s| format!("{:.0}-{:.0}", s.start.0, s.end.0)).collect();
        println!("  {:<28}{:6.0} s  {}", episode.name, seconds(&found), spans.join(" "));
    }
}

/// Who chooses, by what. Baselines choose among the same candidates, so that their edges are good.
fn baselines(all: &[&Material]) -> Result<(), Box<dyn std::error::Error>> {
    let names = ["hark", "random", "first 60 s", "middle", "centroid", "BM25 of title"];
    let mut sums = vec![[0.0; FEATURES.len() + 2]; names.len()];
    let mut counts = vec![[0.0; FEATURES.len() + 2]; names.len()];
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut slowest = (0.0, String::new());
    for episode in all {
        // The best of five: what selection costs, not what else the machine does.
        let mut took = f64::INFINITY;
        for _ in 0..5 {
            let began = Instant::now();
            Reading::of(&episode.dossier, &Weights::default()).verdict()?;
            took = took.min(began.elapsed().as_secs_f64());
        }
        let end = episode.dossier.sentences.iter().map(|s| s.span.end.0).fold(0.0, f64::max);
        if took > slowest.0 {
            slowest = (
                took,
                format!("{} ({} sentences, {:.0} min)", episode.name, episode.dossier.sentences.len(), end / 60.0),
            );
        }
        let weights = Weights::default();
        let selections: Vec<Selection> = Reading::of(&episode.dossier, &weights).selections()?.collect();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let minute: Vec<&Selection> =
            selections.iter().filter(|one| (50.0..=70.0).contains(&one.span.length())).collect();
        let minute = if minute.is_empty() { selections.iter().collect() } else { minute };
        let nearest = |at: f64| {
            minute.iter().min_by(|a, b| (a.span.start.0 - at).abs().total_cmp(&(b.span.start.0 - at).abs())).copied()
        };
        let most = |feature: &str| {
            let score = |one: &Selection| one.scores.get(feature).copied().unwrap_or(0.0);
            minute.iter().max_by(|a, b| score(a).total_cmp(&score(b))).copied()
        };
        let choices = [
            selections.first(),
            minute.get((random >> 33) as usize % minute.len()).copied(),
            nearest(0.0),
            nearest(end / 2.0 - 30.0),
            most("representative"),
            most("topical"),
        ];
        for (who, choice) in choices.into_iter().enumerate() {
            let Some(choice) = choice else { continue };
            let passes = choice.gates.values().all(|gate| gate.pass);
            let scores = FEATURES.iter().chain(&["total"]).map(|name| choice.scores.get(*name).copied());
            for (at, value) in scores.chain([Some(f64::from(u8::from(passes)))]).enumerate() {
                sums[who][at] += value.unwrap_or(0.0);
                counts[who][at] += f64::from(u8::from(value.is_some()));
            }
        }
    }
    println!("\n{} episodes; slowest selection {:.1} ms: {}", all.len(), slowest.0 * 1e3, slowest.1);
    print!("{:<18}", "mean");
    names.iter().for_each(|name| print!("{name:>15}"));
    for (at, feature) in FEATURES.iter().chain(&["total", "passes all gates"]).enumerate() {
        if counts[0][at] == 0.0 {
            continue;
        }
        print!("\n{feature:<18}");
        (0..names.len()).for_each(|who| print!("{:15.3}", sums[who][at] / counts[who][at].max(1.0)));
    }
    println!();
    Ok(())
}
