//! `Passage -> Finding::Embedding`: what a few sentences are about.

use hark_models::device::Placement;
use hark_models::minilm::{DIMENSIONS, Embedder, MOST_PIECES};

use super::drill::Drill;
use super::warm::{self, Models};
use super::{Stage, Tokens, Work};
use crate::fault::Fault;
use crate::record::finding::Finding;
use crate::record::piece::Passage;
use crate::record::{Body, Record};

pub(super) struct Embed {
    model: Embedder,
    spoilt: Option<Drill>,
}

impl Embed {
    pub(super) fn warm(models: &Models, at: Placement, spoilt: Option<Drill>) -> Result<Self, Fault> {
        Ok(Self { model: models.embedder(at)?, spoilt })
    }

    /// Per text one vector.
    fn vectors(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Fault> {
        self.model.embed(texts).map_err(|error| warm::failed(Stage::Embed, &error))
    }
}

impl Work for Embed {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let passages: Vec<(usize, &Passage)> = super::bodies(batch, |body| match body {
            Body::Passage(passage) => Some(passage),
            _ => None,
        });
        let texts: Vec<&str> = passages.iter().map(|(_, passage)| passage.text.as_str()).collect();
        let mut vectors = self.vectors(&texts)?;
        if let Some(drill) = &self.spoilt {
            drill.spoil(&passages.iter().map(|(i, _)| &batch[*i]).collect::<Vec<_>>(), &mut vectors);
        }
        for ((i, passage), vector) in passages.into_iter().zip(warm::one_each(Stage::Embed, vectors, texts.len())?) {
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
        Some(self.model.weight_bytes())
    }

    fn take_tokens(&mut self) -> Tokens {
        let (wanted, computed) = self.model.take_tokens();
        Tokens { wanted, computed }
    }

    fn rehearse(&mut self, items: usize) -> Result<(), Fault> {
        let longest = "a ".repeat(MOST_PIECES);
        self.vectors(&vec![longest.as_str(); items]).map(drop)
    }
}
