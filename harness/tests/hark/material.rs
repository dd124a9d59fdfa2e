//! Real material through the real binary: every odd file, the real episodes, the verified adverts.

use std::path::Path;

use crate::command::{batch, chaos, count, path, previews, shared, write_episodes};
use serde_json::{Value, json};

#[test]
fn every_real_and_every_damaged_file_ends_in_exactly_one_outcome() {
    let Some(data) = shared("every_real_and_every_damaged_file_ends_in_exactly_one_outcome") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("episodes.jsonl");
    let episodes: Vec<Value> = ["audio", "corrupt"].iter().flat_map(|kind| files(&data.join(kind))).collect();
    assert!(episodes.len() > 170, "the material is complete");
    let offered = episodes.len();
    write_episodes(&input, episodes);
    // Recognising the words of a hundred previews takes minutes and says nothing of odd files.
    let rests: &[&str] = if chaos() { &[] } else { &["--drill", "transcribe=fail"] };
    let arguments = [&["--allow-root", path(&data)], rests].concat();
    let (ran, outcomes) = batch(&input, &folder.path().join("out"), &arguments);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(outcomes.len(), offered);
    assert_eq!(outcomes["rfe-ep5_full-episode.m4a"]["state"], "published", "{}", outcomes["rfe-ep5_full-episode.m4a"]);
    assert_eq!(outcomes["rfe-ep6_full-episode.m4a"]["state"], "published", "{}", outcomes["rfe-ep6_full-episode.m4a"]);
    assert!(count(&outcomes, "failed") > 60, "silence, music and damage have no preview");
    for outcome in outcomes.values().filter(|outcome| outcome["state"] == "failed") {
        for part in ["stage", "reason", "message", "remedy"] {
            assert!(
                outcome[part].as_str().is_some_and(|text| !text.is_empty()),
                "a failure tells its {part}: {outcome}"
            );
        }
    }
}

#[test]
fn no_second_of_a_verified_advert_is_picked() {
    let Some(data) = shared("no_second_of_a_verified_advert_is_picked") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("episodes.jsonl");
    let ads = data.join("ads");
    let shows: Vec<String> = names(&ads);
    assert_eq!(shows.len(), 7);
    write_episodes(&input, shows.iter().map(|show| {
        json!({"id": show, "show": show, "title": title(&ads.join(show)), "transcript": format!("{}/{show}/segments.json", path(&ads))})
    }));
    let output = folder.path().join("out");
    let (ran, outcomes) = batch(&input, &output, &["--allow-root", path(&data)]);
    assert_eq!(count(&outcomes, "published"), 7, "{}\n{outcomes:#?}", ran.err);
    for preview in previews(&output) {
        let (start, end) =
            (preview["start_seconds"].as_f64().expect("a number"), preview["end_seconds"].as_f64().expect("a number"));
        let show = preview["episode"].as_str().expect("a name");
        for (from, to) in adverts(&ads.join(show)) {
            assert!(end <= from || to <= start, "{show}: {start}..{end} overlaps the advert {from}..{to}");
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the material is readable")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn files(folder: &Path) -> Vec<Value> {
    let text = ["txt", "md", "json", "csv", "rttm", "segments"];
    let is_audio = |name: &String| !text.iter().any(|end| name.ends_with(&format!(".{end}"))) && name.contains('.');
    names(folder)
        .into_iter()
        .filter(is_audio)
        .map(|name| json!({"id": name, "show": "material", "title": name, "audio": path(&folder.join(&name))}))
        .collect()
}

fn title(episode: &Path) -> String {
    let metadata = std::fs::read_to_string(episode.join("metadata.toml")).expect("every episode has metadata");
    let line = metadata.lines().find(|line| line.starts_with("title = ")).expect("it has a title");
    line.trim_start_matches("title = ").trim_matches('"').to_owned()
}

/// Verified adverts, in seconds.
fn adverts(episode: &Path) -> Vec<(f64, f64)> {
    let truth = std::fs::read_to_string(episode.join("truth.txt")).expect("every episode has a verdict");
    let seconds =
        |text: &str| text.trim().split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().expect("a number"));
    let of = |key: &str| -> Vec<f64> {
        truth.lines().filter_map(|line| line.trim().strip_prefix(key)).map(seconds).collect()
    };
    of("start:").into_iter().zip(of("end:")).collect()
}
