//! `Transcribed -> Chosen`: which span is the preview.

use std::sync::Arc;

use super::Work;
use super::warm::{EMBED, Models, RECOGNISER, SPEECH};
use crate::fault::Fault;
use crate::media::clip::{Cut, Edge};
use crate::record::finding::Dossier;
use crate::record::outcome::{ModelUsed, Selection};
use crate::record::piece::Sentence;
use crate::record::{About, Body, Chosen, Failure, Record};
use crate::select::{Reading, Verdict, Weights};
use crate::units::{Seconds, Span};

pub(super) struct Select {
    models: Arc<Models>,
    weights: Arc<Weights>,
    accept_gates: bool,
}

impl Select {
    pub(super) fn new(models: Arc<Models>, weights: Arc<Weights>, accept_gates: bool) -> Self {
        Self { models, weights, accept_gates }
    }

    fn choose(&self, dossier: &Dossier) -> Result<Chosen, Failure> {
        let reading = Reading::of(dossier, &self.weights);
        let mut about = About::new(dossier, self.models_used(dossier), reading.picture());
        let verdict = match reading.verdict() {
            Ok(verdict) => verdict,
            Err(fault) => return Err(Failure { fault, about }),
        };
        about.weighed = Some(verdict.weighed.clone());
        if !verdict.passes && !self.accept_gates {
            return Err(Failure { fault: no_span_passes(dossier, &verdict.selection), about });
        }
        Ok(Chosen {
            sentences: sentences_near(&dossier.sentences, verdict.selection.span),
            cut: cut_of(&verdict),
            selection: verdict.selection,
            about,
        })
    }

    fn models_used(&self, dossier: &Dossier) -> Vec<ModelUsed> {
        let recognised = dossier.announcement.transcript.is_none() && !dossier.sentences.is_empty();
        let took_part =
            [(SPEECH, !dossier.speech.is_empty()), (EMBED, !dossier.embeddings.is_empty()), (RECOGNISER, recognised)];
        took_part.iter().filter(|(_, yes)| *yes).filter_map(|(name, _)| self.models.used(name)).collect()
    }
}

impl Work for Select {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        for (i, record) in batch.iter().enumerate() {
            if let Body::Transcribed(dossier) = &record.body {
                emit(
                    i,
                    match self.choose(dossier) {
                        Ok(chosen) => Body::Chosen(Arc::new(chosen)),
                        Err(failure) => Body::Failed(Arc::new(failure)),
                    },
                );
            }
        }
        Ok(())
    }
}

fn cut_of(verdict: &Verdict) -> Cut {
    let (span, limits) = (verdict.selection.span, verdict.cut_limits);
    Cut {
        start: Edge { at: span.start, earliest: Seconds(limits.start_min), latest: Seconds(limits.start_max) },
        end: Edge { at: span.end, earliest: Seconds(limits.end_min), latest: Seconds(limits.end_max) },
    }
}

fn no_span_passes(dossier: &Dossier, best: &Selection) -> Fault {
    let missed: Vec<String> = best
        .gates
        .iter()
        .filter(|(_, gate)| !gate.pass)
        .map(|(name, gate)| match gate.measured {
            Some(measured) => format!("{name} {measured:.2} (wanted {})", gate.limit),
            None => format!("{name} (wanted {})", gate.limit),
        })
        .collect();
    Fault::poison(
        "select",
        "gates",
        format!(
            "no span of episode {} passes every gate; the best, {:.1} to {:.1} s, fails {}",
            dossier.key.episode,
            best.span.start.0,
            best.span.end.0,
            missed.join(", ")
        ),
        "publish it all the same with `--accept-gates`",
    )
}

/// The sentences that a clip of this span may hold, for its captions.
fn sentences_near(sentences: &[Sentence], span: Span) -> Vec<Sentence> {
    sentences.iter().filter(|sentence| sentence.span.overlap(span) > 0.0).cloned().collect()
}
