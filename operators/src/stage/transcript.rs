//! `Fetched -> Read`: transcript bytes to sentences.

use std::sync::Arc;

use hark_models::language;

use super::Work;
use crate::fault::Fault;
use crate::likeness::text::Signature;
use crate::record::{Body, Episode, Fetched, Read, Record};
use crate::transcript;
use crate::units::Seconds;

pub(super) struct ReadTranscript;

impl Work for ReadTranscript {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Fetched(fetched) = &record.body {
                emit(i, Body::Read(Arc::new(read(&record.episode, fetched))));
            }
        }
        Ok(())
    }
}

fn read(episode: &Episode, fetched: &Fetched) -> Read {
    let Some((bytes, hint)) = &fetched.transcript else { return Read::default() };
    let declared = episode.announcement.declared_seconds.map(Seconds);
    match transcript::parse(bytes, hint.as_deref(), declared) {
        Ok(transcript) => {
            let sentences = transcript::sentences(&transcript);
            let language = language_of(&sentences);
            let words = sentences.iter().flat_map(|sentence| &sentence.words).map(|word| word.text.as_str());
            let signature = Some(Signature::of(words));
            Read { sentences, timing: Some(transcript.timing), language, signature, fault: None }
        }
        Err(fault) => Read { fault: Some(fault), ..Read::default() },
    }
}

/// ISO 639-3 code of the language that the sentences are in; `None` when unsure.
pub(super) fn language_of(sentences: &[crate::record::piece::Sentence]) -> Option<String> {
    let mut text = String::new();
    for sentence in sentences {
        text.push_str(&sentence.text);
        text.push(' ');
        if text.len() > language::ENOUGH {
            break;
        }
    }
    language::identify(&text).map(|found| found.iso639_3.to_string())
}
