//! What the signatures of transcripts find of real ones, as Markdown: the table of docs/dedupe.md.
//!
//! ```text
//! cargo run --release -p hark-operators --example text_likeness_table
//! ```

use hark_operators::likeness::text::{FEWEST_SHINGLES, Signature, compare, same_episode};
use rustix::time::{ClockId, clock_gettime};

#[path = "../tests/likeness_text/copies.rs"]
mod copies;
#[path = "../tests/likeness_text/material.rs"]
mod material;

use copies::{KINDS, advert, end};
use material::{Text, folder, sign, texts};

fn main() {
    let Some(folder) = folder() else { return };
    let texts = texts(&folder);
    let long = |text: &&Text| text.signature.shingles() >= FEWEST_SHINGLES;
    let talks: Vec<&Text> = texts.iter().filter(|text| text.is_talk()).filter(long).collect();
    let notes: Vec<&Text> = texts.iter().filter(|text| !text.is_talk()).filter(long).collect();
    println!("{} talks and {} other texts of {} files long enough to tell\n", talks.len(), notes.len(), texts.len());
    println!(
        "| pair or copy | pairs | one episode | share a band | Jaccard: least | mean | most | containment: least | most |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    let pairs = |same: bool| {
        let pairs = talks.iter().enumerate().flat_map(|(n, one)| talks[n + 1..].iter().map(move |other| (one, other)));
        pairs
            .filter(move |(one, other)| (one.episode() == other.episode()) == same)
            .map(|(one, other)| (&one.signature, &other.signature))
    };
    row("verbatim and readable versions (Rev16)", pairs(true));
    let advert = advert(&texts);
    for kind in &KINDS {
        let of = talks.iter().filter(|text| end(&text.words) >= kind.least_seconds);
        let copies: Vec<_> = of.map(|text| (&text.signature, (kind.make)(&text.words, &advert))).collect();
        let name = if kind.promised { kind.name.to_owned() } else { format!("{} (not promised)", kind.name) };
        row(&name, copies.iter().map(|(text, copy)| (*text, copy)));
    }
    row("different episodes", pairs(false));
    let with_notes = notes
        .iter()
        .enumerate()
        .flat_map(|(n, one)| notes[n + 1..].iter().chain(&talks).map(move |other| (&one.signature, &other.signature)));
    row("show notes with each other and with talks", with_notes);
    costs(&talks);
}

fn row<'s>(name: &str, pairs: impl Iterator<Item = (&'s Signature, &'s Signature)>) {
    let (mut count, mut found, mut tied, mut sum) = (0, 0, 0, 0.0);
    let (mut least, mut most) = ([1.0_f64; 2], [0.0_f64; 2]);
    for (one, other) in pairs {
        let similarity = compare(one, other).expect("one version");
        let bands = one.bands();
        count += 1;
        found += usize::from(same_episode(&similarity));
        tied += usize::from(other.bands().iter().any(|band| bands.contains(band)));
        sum += similarity.jaccard;
        for (n, value) in [similarity.jaccard, similarity.containment].into_iter().enumerate() {
            (least[n], most[n]) = (least[n].min(value), most[n].max(value));
        }
    }
    let [least_jaccard, least_containment] = least;
    let [most_jaccard, most_containment] = most;
    let mean = sum / count as f64;
    println!(
        "| {name} | {count} | {found} | {tied} | {least_jaccard:.2} | {mean:.3} | {most_jaccard:.2} | {least_containment:.2} | {most_containment:.2} |"
    );
}

/// CPU time per hour of talk and per comparison.
fn costs(talks: &[&Text]) {
    let hours: f64 = talks.iter().map(|text| end(&text.words)).sum::<f64>() / 3600.0;
    let shingles: f64 = talks.iter().map(|text| f64::from(text.signature.shingles())).sum();
    let before = cpu();
    for text in talks {
        std::hint::black_box(sign(&text.words));
    }
    let signed = cpu() - before;
    let before = cpu();
    for text in talks {
        std::hint::black_box(text.signature.bands());
    }
    let banded = (cpu() - before) / talks.len() as f64;
    let before = cpu();
    for one in talks {
        for other in talks {
            std::hint::black_box(compare(&one.signature, &other.signature).expect("one version"));
        }
    }
    let compared = (cpu() - before) / (talks.len() * talks.len()) as f64;
    println!(
        "\n{:.0} hours, {:.0} shingles an hour; {:.0} us per hour of talk, {:.1} us for the bands, {:.2} us per comparison",
        hours,
        shingles / hours,
        signed / hours * 1e6,
        banded * 1e6,
        compared * 1e6
    );
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
