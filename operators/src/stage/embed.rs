//! `Passage -> Finding::Embedding`: what a few sentences are about.

use super::warm::{self, Models};
use super::{Stage, Work};
use crate::fault::Fault;
use crate::record::finding::Finding;
use crate::record::piece::Passage;
use crate::record::{Body, Record};
use hark_models::minilm::Embedder;

pub(super) struct Embed(Embedder);

impl Embed {
    pub(super) fn warm(models: &Models) -> Result<Self, Fault> {
        Ok(Self(models.embedder()?))
    }
}

impl Work for Embed {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) {
        let passages: Vec<(usize, &Passage)> = super::bodies(batch, |body| match body {
            Body::Passage(passage) => Some(passage),
            _ => None,
        });
        let texts: Vec<&str> = passages.iter().map(|(_, passage)| passage.text.as_str()).collect();
        match self.0.embed(&texts) {
            Ok(vectors) => {
                for ((i, passage), vector) in passages.into_iter().zip(vectors) {
                    emit(i, Body::Finding(Finding::Embedding { index: passage.index, vector }));
                }
            }
            Err(error) => {
                for (i, _) in passages {
                    emit(i, Body::Unfound(Stage::Embed, warm::failed(Stage::Embed, &error)));
                }
            }
        }
    }
}
