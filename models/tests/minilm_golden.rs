//! Parity of the sentence embeddings with the Python reference and independence of the batch.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use hark_models::device::{Device, lane_thread_setup};
use hark_models::manifest::Manifest;
use hark_models::minilm::{DIMENSIONS, Embedder};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    sentences: Vec<String>,
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

fn sentences() -> Vec<String> {
    let text = std::fs::read_to_string(goldens().join("minilm.json")).unwrap();
    serde_json::from_str::<Golden>(&text).unwrap().sentences
}

fn reference() -> Vec<Vec<f32>> {
    let bytes = std::fs::read(goldens().join("minilm.f32")).unwrap();
    let values: Vec<f32> =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
    values.chunks_exact(DIMENSIONS).map(<[f32]>::to_vec).collect()
}

fn embedder() -> Embedder {
    let home = std::env::var("HARK_HOME").expect("cargo sets HARK_HOME from .cargo/config.toml");
    let files = Manifest::open(Path::new(&home)).verified("minilm").unwrap();
    Embedder::load(&files, Device::select("cpu").unwrap()).unwrap()
}

fn texts(sentences: &[String]) -> Vec<&str> {
    sentences.iter().map(String::as_str).collect()
}

/// Texts of every length from 2 to 37 word pieces, and some beyond.
fn varied() -> Vec<String> {
    let words =
        "and the keeper of the light went up the stairs again to see what the sea had brought".split(' ').cycle();
    (0..36)
        .map(|count| words.clone().skip(count).take(count).collect::<Vec<_>>().join(" "))
        .chain(sentences())
        .collect()
}

#[test]
fn embeddings_are_those_of_the_reference() {
    let _lane = lane_thread_setup();
    let (sentences, reference) = (sentences(), reference());
    let found = embedder().embed(&texts(&sentences)).unwrap();
    assert_eq!(found.len(), reference.len());
    for ((sentence, found), wanted) in sentences.iter().zip(&found).zip(&reference) {
        let cosine: f64 = found.iter().zip(wanted).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let largest = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{sentence:.40}: cosine {cosine:.9}, largest difference {largest:e}");
        assert!((cosine - 1.0).abs() < 5e-7 && largest < 1e-6, "{sentence:.40}: cosine {cosine}, largest {largest}");
    }
}

#[test]
fn a_text_has_the_same_bits_alone_and_in_any_batch() {
    let _lane = lane_thread_setup();
    let (embedder, varied) = (embedder(), varied());
    let texts = texts(&varied);
    let alone: Vec<Vec<f32>> = texts.iter().map(|text| embedder.embed(&[text]).unwrap().remove(0)).collect();
    for size in [2, 7, 32, texts.len()] {
        for (batch, alone) in texts.chunks(size).zip(alone.chunks(size)) {
            assert!(embedder.embed(batch).unwrap() == alone, "batches of {size}");
        }
    }
    let reversed: Vec<&str> = texts.iter().rev().copied().collect();
    assert!(embedder.embed(&reversed).unwrap().iter().rev().eq(alone.iter()), "in reversed order");
}

#[test]
fn every_embedding_has_unit_length() {
    let _lane = lane_thread_setup();
    for vector in embedder().embed(&["", "a", "\u{0}\u{202e}", "one two three"]).unwrap() {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[test]
fn no_texts_give_no_embeddings() {
    assert!(embedder().embed(&[]).unwrap().is_empty());
}
