//! `Dossier -> Transcribed`: where there is no transcript, the words of the few spans that
//! selection would look at, by the light recogniser. Which spans those are depends on the ranker, so what
//! is known from earlier runs is known by span.

use std::sync::Arc;

use hark_models::sphinx::Recogniser;
use serde::{Deserialize, Serialize};

use super::Work;
use super::transcript::language_of;
use super::warm::Models;
use crate::cache::Results;
use crate::fault::Fault;
use crate::record::finding::Dossier;
use crate::record::piece::{Sentence, Timing, Word};
use crate::record::{Body, Record};
use crate::select::{self, Reading, Weights};
use crate::transcript::{self, Format, Segment, Transcript};
use crate::units::{Seconds, Span};
use hark_audio::decoder::Decoder;

/// Most spans to recognise: the recogniser costs a tenth of a second per second, so the next span
/// is listened to only where the words of those before fail a gate.
const SPANS: usize = 3;

pub(super) struct Transcribe {
    decoder: Decoder,
    models: Arc<Models>,
    weights: Arc<Weights>,
    /// Loaded when the first episode needs it: most have a transcript.
    recogniser: Option<Recogniser>,
    /// What it heard before.
    results: Option<Results>,
}

/// A word as it is kept, in seconds from the first sample.
#[derive(Serialize, Deserialize)]
struct HeardWord {
    text: String,
    start: f64,
    end: f64,
}

impl Transcribe {
    pub(super) fn new(decoder: Decoder, models: Arc<Models>, weights: Arc<Weights>, results: Option<Results>) -> Self {
        Self { decoder, models, weights, recogniser: None, results }
    }

    /// Adds the words that it hears to the dossier.
    fn listen(&mut self, dossier: &mut Dossier) -> Result<(), Fault> {
        let Some(audio) = dossier.audio.clone() else { return Ok(()) };
        let shortlist = select::shortlist(dossier, &self.weights, SPANS);
        dossier.passed_over = shortlist.weighed;
        for span in shortlist.spans {
            let samples = self.decoder.span_16k(&audio.path, span)?;
            let words = self.words(&samples)?;
            let at = |seconds: f64| Seconds(span.start.0 + seconds);
            let words = words
                .into_iter()
                .map(|word| Word { span: Span { start: at(word.start), end: at(word.end) }, text: word.text })
                .collect();
            dossier.sentences.extend(sentences_of(words));
            dossier.sentences.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0));
            if Reading::of(dossier, &self.weights).verdict().is_ok_and(|verdict| verdict.passes) {
                break;
            }
        }
        if !dossier.sentences.is_empty() {
            dossier.timing = Some(Timing::Words);
            dossier.language = language_of(&dossier.sentences);
        }
        Ok(())
    }

    /// The words in these samples.
    fn words(&mut self, samples: &[i16]) -> Result<Vec<HeardWord>, Fault> {
        let key = self.results.as_ref().map(|results| results.key(&[bytemuck::cast_slice(samples)]));
        if let Some((results, key)) = self.results.as_mut().zip(key)
            && let Some(value) = results.get(&key)
            && let Ok(words) = serde_json::from_slice(&value)
        {
            results.count(1, 0);
            return Ok(words);
        }
        let words = self.recognised(samples)?;
        if let Some((results, key)) = self.results.as_ref().zip(key) {
            results.count(0, 1);
            results.put(key, serde_json::to_vec(&words).expect("words and numbers are JSON"));
        }
        Ok(words)
    }

    fn recognised(&mut self, samples: &[i16]) -> Result<Vec<HeardWord>, Fault> {
        if self.recogniser.is_none() {
            self.recogniser = Some(self.models.recogniser()?);
        }
        let recogniser = self.recogniser.as_mut().expect("just loaded");
        let words = recogniser.words(samples).map_err(|error| {
            Fault::retry("transcribe", "recogniser", error.to_string(), "replay the episode").caused_by(&error)
        })?;
        Ok(words.into_iter().map(|word| HeardWord { text: word.text, start: word.start, end: word.end }).collect())
    }
}

impl Work for Transcribe {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Dossier(dossier) = &record.body {
                let mut dossier = dossier.clone();
                if dossier.sentences.is_empty() {
                    let dossier = Arc::make_mut(&mut dossier);
                    if let Err(fault) = self.listen(dossier) {
                        dossier.sentences.clear();
                        dossier.faults.push(fault);
                    }
                }
                emit(i, Body::Transcribed(dossier));
            }
        }
        Ok(())
    }
}

/// Recognised words have no punctuation: sentences end at pauses.
fn sentences_of(words: Vec<Word>) -> Vec<Sentence> {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return Vec::new() };
    let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let segment = Segment {
        span: Span { start: first.span.start, end: last.span.end },
        speaker: None,
        text: text.join(" "),
        words: words.clone(),
    };
    let heard =
        Transcript { segments: vec![segment], timing: Timing::Words, format: Format::Plain, repairs: Vec::new() };
    transcript::sentences(&heard)
}
