//! An episode that was read once, for all that is asked of it.

use super::Weights;
use super::features::Episode;
use super::gates::Verdict;
use super::{picture, rank};
use crate::fault::Fault;
use crate::record::finding::Dossier;
use crate::record::outcome::{Picture, Selection};
use crate::units::Span;

/// What a dossier says of its episode.
pub struct Reading<'a> {
    dossier: &'a Dossier,
    weights: &'a Weights,
    episode: Episode,
}

impl<'a> Reading<'a> {
    /// Reads all that the dossier holds.
    pub fn of(dossier: &'a Dossier, weights: &'a Weights) -> Self {
        Self { dossier, weights, episode: Episode::of(dossier, weights) }
    }

    /// The stretches whose words read like an advert, in order, not overlapping: the whole sponsor read, from
    /// its opening to its closing cue. Empty without words.
    pub fn adverts(&self) -> &[Span] {
        &self.episode.adverts
    }

    /// What the result page draws.
    pub fn picture(&self) -> Picture {
        picture::picture(self.dossier, &self.episode)
    }

    /// The preview. If no candidate passes every gate, the best one comes with `passes = false` and each gate's
    /// measurement.
    /// Errors: `select.nothing_to_choose` if there is neither speech nor a sentence with a time.
    pub fn verdict(&self) -> Result<Verdict, Fault> {
        rank::verdict(self.dossier, &self.episode, self.weights)
    }

    /// What would be said of each candidate were it chosen, best first, one at a time: an hour of short
    /// sentences has tens of thousands. For reports, for comparing rankers and for training one.
    /// Errors: as [`Self::verdict`].
    pub fn selections(&self) -> Result<impl Iterator<Item = Selection>, Fault> {
        rank::selections(self.dossier, &self.episode, self.weights)
    }
}
