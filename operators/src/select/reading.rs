//! An episode that was read once, for all that is asked of it.

use super::Weights;
use super::features::Episode;
use super::gates::Verdict;
use super::{picture, rank};
use crate::fault::Fault;
use crate::record::finding::Dossier;
use crate::record::outcome::Picture;
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
        self.verdicts(1).map(|mut verdicts| verdicts.remove(0))
    }

    /// The verdicts on the `n` best candidates, best first, at least one: what selection weighed, for
    /// reports, for comparing rankers and for training one.
    /// Errors: as [`Self::verdict`].
    pub fn verdicts(&self, n: usize) -> Result<Vec<Verdict>, Fault> {
        rank::verdicts(self.dossier, &self.episode, self.weights, n)
    }
}
