//! The page in headless Chromium: what no reading of the markup can tell.

use std::path::Path;

use base64::Engine;
use hark_operators::record::outcome::{Outcome, State};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::{sample, write};
use super::chromium;

/// Looks at the page from inside; put in front of the page's own script, with its hash added to the
/// policy, which stays what it was otherwise.
const PROBE: &str = include_str!("probe.js");

/// What [`PROBE`] reports of the page of `outcomes`, when it has loaded or, with `frames`, when it has
/// also been drawn; `None`, with a loud line, without a browser.
fn probe(outcomes: &[Outcome], folder: &Path, frames: bool) -> Option<Value> {
    let path = write(outcomes, folder).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(PROBE));
    let page = page.replacen("script-src ", &format!("script-src 'sha256-{hash}' "), 1);
    let page = page.replacen("<title>", &format!("<script>{PROBE}</script><title>"), 1);
    std::fs::write(&path, page).unwrap();
    let dom = chromium::dump(&path, folder, frames)?;
    Some(chromium::reported(&dom))
}

#[test]
fn hostile_titles_run_nothing_and_spoil_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = sample::hostile();
    let Some(report) = probe(&outcomes, folder.path(), false) else { return };
    assert_eq!(report["title"], format!("hark: {} episodes", outcomes.len()));
    assert_eq!(report["cards"], outcomes.len());
    assert_eq!(report["scripts"], 2, "the probe and ours");
    assert_eq!(report["pwned"], Value::Null);
    assert_eq!(report["handlers"], 0, "attributes that run script");
    assert_eq!(report["foreign"], 0, "elements that the page never writes");
    assert_eq!(report["violations"], serde_json::json!([]));
    assert_eq!(report["errors"], serde_json::json!([]));
    assert_eq!(report["wider"], serde_json::json!([]), "nothing is wider than the window");
}

#[test]
fn filter_search_links_and_player_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut outcomes = sample::varied();
    let State::Published { clips, .. } = &mut outcomes[0].state else { unreachable!() };
    clips.truncate(1);
    clips[0].uri = "previews/clip 1.wav".into();
    clips[0].media_type = "audio/wav".into();
    std::fs::create_dir(folder.path().join("previews")).unwrap();
    std::fs::write(folder.path().join("previews/clip 1.wav"), wav(2)).unwrap();
    let Some(report) = probe(&outcomes, folder.path(), false) else { return };
    assert_eq!(report["failed_only"], serde_json::json!(["failed"]));
    assert_eq!(report["searched"], 1, "by a word with an accent left out");
    assert_eq!(report["followed"], true, "a link to a hidden card shows it");
    assert_eq!(report["audio_seconds"], 2.0, "the policy lets a clip beside the page load");
    assert_eq!(report["unlabelled"], 0, "controls without a name");
    assert_eq!(report["violations"], serde_json::json!([]));
    assert_eq!(report["errors"], serde_json::json!([]));
}

#[test]
fn a_long_page_builds_its_cards_when_they_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample::hostile();
    let outcomes: Vec<_> = sample.iter().cycle().take(600).cloned().collect();
    let Some(report) = probe(&outcomes, folder.path(), true) else { return };
    assert_eq!(report["cards"], 600);
    let built = report["built"].as_u64().unwrap();
    assert!((1..100).contains(&built), "{built} of 600 were built");
    assert_eq!(report["pwned"], Value::Null);
    assert_eq!(report["scripts"], 2, "the probe and ours");
    assert_eq!((&report["handlers"], &report["foreign"]), (&0.into(), &0.into()));
    assert_eq!(report["violations"], serde_json::json!([]));
    assert_eq!(report["errors"], serde_json::json!([]));
}

/// Silence of so many seconds, 8-bit mono at 8 kHz.
fn wav(seconds: u32) -> Vec<u8> {
    let samples = 8_000 * seconds;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + samples).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    for half in [1u16, 1] {
        wav.extend(half.to_le_bytes());
    }
    wav.extend(8_000u32.to_le_bytes());
    wav.extend(8_000u32.to_le_bytes());
    for half in [1u16, 8] {
        wav.extend(half.to_le_bytes());
    }
    wav.extend(b"data");
    wav.extend(samples.to_le_bytes());
    wav.resize(44 + samples as usize, 128);
    wav
}
