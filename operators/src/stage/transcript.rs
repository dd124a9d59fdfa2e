//! `Fetched -> Passage*, Parsed`: transcript bytes to sentences, and passages of a few of them.

use std::sync::Arc;

use super::Work;
use crate::record::{Body, Episode, Fetched, Parsed, Record};
use crate::transcript;
use crate::units::Seconds;

pub(super) struct ReadTranscript;

impl Work for ReadTranscript {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Fetched(fetched) = &record.body {
                read(&record.episode, fetched, &mut |body| emit(i, body));
            }
        }
    }
}

fn read(episode: &Episode, fetched: &Fetched, send: &mut dyn FnMut(Body)) {
    let Some((bytes, hint)) = &fetched.transcript else {
        return send(Body::Parsed(Parsed::default()));
    };
    let declared = episode.announcement.declared_seconds.map(Seconds);
    match transcript::parse(bytes, hint.as_deref(), declared) {
        Ok(transcript) => {
            let sentences = transcript::sentences(&transcript);
            let passages = transcript::passages(&Arc::new(episode.key().clone()), &sentences);
            let ranges = passages.iter().map(|passage| passage.sentences).collect();
            let count = passages.len() as u32;
            let language = language_of(&sentences);
            for passage in passages {
                send(Body::Passage(passage));
            }
            send(Body::Parsed(Parsed {
                passages: count,
                sentences,
                ranges,
                timing: Some(transcript.timing),
                language,
                fault: None,
            }));
        }
        Err(fault) => send(Body::Parsed(Parsed { fault: Some(fault), ..Parsed::default() })),
    }
}

/// ISO 639-3 code of the language that the sentences are in; `None` when unsure.
pub(super) fn language_of(sentences: &[crate::record::piece::Sentence]) -> Option<String> {
    let mut text = String::new();
    for sentence in sentences {
        text.push_str(&sentence.text);
        text.push(' ');
        if text.len() > 4_000 {
            break; // enough to tell; the rest would only cost time
        }
    }
    hark_models::language::identify(&text).map(|language| language.iso639_3.to_string())
}
