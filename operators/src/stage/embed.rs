//! `Passage -> Finding::Embedding`: what a few sentences are about.

use hark_models::device::Placement;
use hark_models::minilm::{DIMENSIONS, Embedder, MOST_PIECES};

use super::warm::{self, Models};
use super::{Stage, Work};
use crate::fault::Fault;
use crate::record::finding::Finding;
use crate::record::piece::Passage;
use crate::record::{Body, Record};

pub(super) struct Embed(Embedder);

impl Embed {
    pub(super) fn warm(models: &Models, at: Placement) -> Result<Self, Fault> {
        Ok(Self(models.embedder(at)?))
    }

    /// Per text one vector.
    fn vectors(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Fault> {
        self.0.embed(texts).map_err(|error| warm::failed(Stage::Embed, &error))
    }
}

impl Work for Embed {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let passages: Vec<(usize, &Passage)> = super::bodies(batch, |body| match body {
            Body::Passage(passage) => Some(passage),
            _ => None,
        });
        let texts: Vec<&str> = passages.iter().map(|(_, passage)| passage.text.as_str()).collect();
        for ((i, passage), vector) in passages.into_iter().zip(self.vectors(&texts)?) {
            let sound = vector.len() == DIMENSIONS && vector.iter().all(|value| value.is_finite());
            emit(
                i,
                if sound {
                    Body::Finding(Finding::Embedding { index: passage.index, vector })
                } else {
                    Body::Unfound(Stage::Embed, warm::unsound(Stage::Embed, &batch[i]))
                },
            );
        }
        Ok(())
    }

    fn weight_bytes(&self) -> Option<usize> {
        Some(self.0.weight_bytes())
    }

    fn rehearse(&mut self, items: usize) -> Result<(), Fault> {
        let longest = "a ".repeat(MOST_PIECES);
        self.vectors(&vec![longest.as_str(); items]).map(drop)
    }
}
