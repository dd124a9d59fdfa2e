//! Real transcripts, where the shared material is at hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Format, Timing, check, parse, sentences};

/// The shared test material, or `None` with a loud line.
fn shared() -> Option<PathBuf> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let folder = std::env::var_os("HARK_SHARED_DATA").map_or_else(default, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("SKIPPED: ../shared/data is absent");
        return None;
    }
    Some(folder)
}

/// Every file below a folder, sorted.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() { found.extend(files(path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// CPU time of this thread, for the printed report alone; 0 where the kernel does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

#[test]
fn every_real_transcript_parses() {
    let Some(shared) = shared() else { return };
    let mut paths = files(shared.join("transcripts"));
    paths.extend(files(shared.join("ads")).into_iter().filter(|path| path.ends_with("segments.json")));
    let mut counts: BTreeMap<(Format, Timing), u32> = BTreeMap::new();
    let mut repaired = 0;
    for path in &paths {
        let name = path.file_name().expect("a file has a name").to_string_lossy();
        let bytes = std::fs::read(path).expect("the file can be read");
        let begun = cpu_seconds();
        let parsed = parse(&bytes, Some(&name), None);
        if name.contains("_chapters_") {
            assert_eq!(parsed.expect_err("chapters are no transcript").code, "transcript.nothing_usable");
            continue;
        }
        let transcript = parsed.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let found = sentences(&transcript);
        let spent = cpu_seconds() - begun;
        check(&transcript, None);
        *counts.entry((transcript.format, transcript.timing)).or_default() += 1;
        repaired += usize::from(!transcript.repairs.is_empty());
        let words: usize = found.iter().map(|sentence| sentence.words.len()).sum();
        let longest = found.iter().map(|sentence| sentence.words.len()).max().unwrap_or(0);
        println!(
            "{name}: {:?} {:?} {} segments, {} sentences, {words} words ({:.1} a sentence, {longest} at most), {:.2} ms {:?}",
            transcript.format,
            transcript.timing,
            transcript.segments.len(),
            found.len(),
            words as f64 / found.len() as f64,
            spent * 1e3,
            transcript.repairs,
        );
    }
    println!("{counts:?}, {repaired} of {} with repairs", paths.len());
}
