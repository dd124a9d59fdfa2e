//! Parity with the shipped Silero VAD module and independence of the batch.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use hark_models::device::{Device, lane_thread_setup};
use hark_models::manifest::Manifest;
use hark_models::silero::{CHUNK, SpeechDetector, State};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    start: usize,
    end: usize,
    probabilities: Vec<f32>,
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

fn signal() -> Vec<i16> {
    let bytes = std::fs::read(goldens().join("silero.i16")).unwrap();
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn golden() -> Vec<Stream> {
    let text = std::fs::read_to_string(goldens().join("silero.json")).unwrap();
    serde_json::from_str::<Golden>(&text).unwrap().streams
}

fn detector() -> SpeechDetector {
    let home = std::env::var("HARK_HOME").expect("cargo sets HARK_HOME from .cargo/config.toml");
    let files = Manifest::open(Path::new(&home)).verified("silero-vad").unwrap();
    SpeechDetector::load(&files, Device::select("cpu").unwrap()).unwrap()
}

/// Windows of many lengths cut from the signal, among them an empty and a very short one.
fn windows(signal: &[i16]) -> Vec<&[i16]> {
    let lengths = [31_000, 512, 0, 20_000, 59_000, 20_000, 100, 20_001, 4096, 59_360, 30_000, 7_777, 20_000];
    lengths
        .iter()
        .enumerate()
        .map(|(at, &length)| &signal[signal.len() - length - at.min(signal.len() - length)..][..length])
        .collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn probabilities_are_those_of_the_shipped_module() {
    let _lane = lane_thread_setup();
    let (signal, golden) = (signal(), golden());
    let pieces: Vec<&[i16]> = golden.iter().map(|stream| &signal[stream.start..stream.end]).collect();
    let found = detector().probabilities(&pieces).unwrap();
    for (stream, found) in golden.iter().zip(&found) {
        let difference = largest_difference(found, &stream.probabilities);
        println!("stream at {}: largest difference {difference:e}", stream.start);
        assert!(difference < 2e-5, "stream at {}: {difference}", stream.start);
    }
    let speech = golden[0].probabilities.iter().filter(|&&probability| probability > 0.5).count();
    assert!(speech > 20 && golden[0].probabilities.len() - speech > 20, "the golden signal must hold both");
}

#[test]
fn a_window_has_the_same_bits_alone_and_in_any_batch() {
    let _lane = lane_thread_setup();
    let (detector, signal) = (detector(), signal());
    let windows = windows(&signal);
    let alone: Vec<Vec<f32>> =
        windows.iter().map(|window| detector.probabilities(&[*window]).unwrap().remove(0)).collect();
    for size in 1..=windows.len() {
        for (batch, alone) in windows.chunks(size).zip(alone.chunks(size)) {
            assert_eq!(detector.probabilities(batch).unwrap(), alone, "batches of {size}");
        }
    }
    let many: Vec<&[i16]> = windows.iter().copied().cycle().take(50).collect();
    for (at, found) in detector.probabilities(&many).unwrap().iter().enumerate() {
        assert_eq!(found, &alone[at % windows.len()], "window {at} of 50");
    }
}

#[test]
fn a_stream_in_pieces_has_the_bits_of_the_whole() {
    let _lane = lane_thread_setup();
    let (detector, signal) = (detector(), signal());
    let whole = detector.probabilities(&[&signal]).unwrap().remove(0);
    for chunks in [1, 2, 7, 33] {
        let mut state = vec![State::default()];
        let mut found = Vec::new();
        for piece in signal.chunks(chunks * CHUNK) {
            found.extend(detector.advance(&mut state, &[piece]).unwrap().remove(0));
        }
        assert_eq!(found, whole, "pieces of {chunks} chunks");
    }
}

#[test]
fn streams_of_several_lengths_go_on_from_their_own_states() {
    let _lane = lane_thread_setup();
    let (detector, signal) = (detector(), signal());
    let pieces = [&signal[..10 * CHUNK], &signal[3_000..][..3 * CHUNK], &signal[..0]];
    let mut together = vec![State::default(); 3];
    detector.advance(&mut together, &pieces).unwrap();
    for (piece, state) in pieces.iter().zip(&together) {
        let mut alone = vec![State::default()];
        detector.advance(&mut alone, &[*piece]).unwrap();
        assert_eq!(&alone[0], state);
    }
    assert_eq!(together[2], State::default());
}

#[test]
fn samples_as_integers_and_as_fractions_give_the_same() {
    let _lane = lane_thread_setup();
    let (detector, signal) = (detector(), signal());
    let fractions: Vec<f32> = signal.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
    assert_eq!(detector.probabilities(&[&fractions]).unwrap(), detector.probabilities(&[&signal]).unwrap());
}

#[test]
fn a_shared_handle_on_another_thread_gives_the_same() {
    let (detector, signal) = (detector(), signal());
    let here = detector.probabilities(&[&signal]).unwrap();
    let other = detector.share();
    let there = std::thread::scope(|scope| {
        let signal = &signal;
        scope
            .spawn(move || {
                let _lane = lane_thread_setup();
                other.probabilities(&[signal]).unwrap()
            })
            .join()
            .unwrap()
    });
    assert_eq!(here, there);
}
