//! The bare loops: each stage's work called directly, without a graph, on one thread.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Result, anyhow};
use hark_audio::decoder::Decoder;
use hark_models::minilm::Embedder;
use hark_models::silero::SpeechDetector;
use hark_operators::media::events;
use hark_operators::record::piece::{CONTEXT, WINDOW};
use hark_operators::transcript;

/// Windows in one call of the speech detector, as in the shipped layouts.
const BATCH: usize = 16;

/// Decodes a file and throws the samples away; returns their count.
///
/// # Errors
/// A file that cannot be decoded.
pub fn decode(decoder: &Decoder, audio: &Path) -> Result<usize> {
    let mut samples = 0;
    decoder.decode(audio, &mut |block| {
        samples += block.len();
        ControlFlow::Continue(())
    })?;
    Ok(samples)
}

/// The samples of a file.
///
/// # Errors
/// A file that cannot be decoded.
pub fn samples(decoder: &Decoder, audio: &Path) -> Result<Vec<i16>> {
    let mut samples = Vec::new();
    decoder.decode(audio, &mut |block| {
        samples.extend_from_slice(block);
        ControlFlow::Continue(())
    })?;
    Ok(samples)
}

/// Windows as the graph cuts them, context included.
pub fn windows(samples: &[i16]) -> Vec<&[i16]> {
    (0..samples.len())
        .step_by(WINDOW)
        .map(|start| &samples[start.saturating_sub(CONTEXT)..(start + WINDOW).min(samples.len())])
        .collect()
}

/// Speech probabilities of all windows.
///
/// # Errors
/// The model's.
pub fn speech(detector: &SpeechDetector, samples: &[i16]) -> Result<()> {
    for batch in windows(samples).chunks(BATCH) {
        detector.probabilities(batch).map_err(|error| anyhow!("{error}"))?;
    }
    Ok(())
}

/// Levels and music scores of all windows.
pub fn levels(samples: &[i16]) {
    for window in samples.chunks(WINDOW) {
        std::hint::black_box(events::events(window));
    }
}

/// Sentences of a transcript, embedded passage by passage; returns how many passages.
///
/// # Errors
/// A transcript that cannot be read, the model's.
pub fn read_and_embed(embedder: &Embedder, file: &Path) -> Result<usize> {
    let passages = passages(file)?;
    embed(embedder, &passages)?;
    Ok(passages.len())
}

/// Embeds passages, batch by batch.
///
/// # Errors
/// The model's.
pub fn embed(embedder: &Embedder, passages: &[String]) -> Result<()> {
    let texts: Vec<&str> = passages.iter().map(String::as_str).collect();
    for batch in texts.chunks(BATCH) {
        embedder.embed(batch).map_err(|error| anyhow!("{error}"))?;
    }
    Ok(())
}

/// The passages of a transcript, as the graph makes them.
///
/// # Errors
/// A transcript that cannot be read.
pub fn passages(file: &Path) -> Result<Vec<String>> {
    let parsed = transcript::parse(&std::fs::read(file)?, file.to_str(), None)?;
    let key = std::sync::Arc::new(hark_operators::record::EpisodeKey {
        episode: hark_operators::record::EpisodeId::from(""),
        revision: 0,
    });
    let passages = transcript::passages(&key, &transcript::sentences(&parsed));
    Ok(passages.into_iter().map(|passage| passage.text).collect())
}

/// The sentences of a transcript.
///
/// # Errors
/// A transcript that cannot be read.
pub fn sentences(file: &Path) -> Result<Vec<String>> {
    let parsed = transcript::parse(&std::fs::read(file)?, file.to_str(), None)?;
    Ok(transcript::sentences(&parsed).into_iter().map(|sentence| sentence.text).collect())
}
