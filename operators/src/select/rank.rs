//! Puts the candidates in order and makes the verdict on the best.
//!
//! The ranker is a weighted mean of the features that could be measured. A learned ranker takes its
//! place by giving other weights, or by ordering the [`verdicts`].
//!
//! Invariant: order depends on totals in whole steps of 1/10000, then on the start, then on the
//! end. Candidates that pass all gates come first, then those that fail fewest; of these, what was
//! broadcast before comes last. Totals do not depend on what other episodes hold: that only passes
//! candidates over, which [`Weighed`] tells.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use super::candidates::Candidate;
use super::features::{Episode, FEATURES, Scores};
use super::gates::{self, Verdict};
use super::weights::Weights;
use crate::fault::Fault;
use crate::record::finding::Dossier;
use crate::record::outcome::Selection;
use crate::record::part::{Claim, Weighed, claim};
use crate::record::piece::Timing;
use crate::units::Span;

/// Scores are compared in steps of 1 / this.
const STEPS: f64 = 10_000.0;
/// With estimated times an edge is moved to a pause at most this far away, seconds.
const SNAP: f64 = 2.0;

/// A candidate with its place in the order.
pub(super) struct Ranked {
    pub candidate: Candidate,
    /// In steps of 1/10000.
    pub total: i64,
    /// How many gates fail.
    pub failed: usize,
    /// How many fail but for what other episodes hold.
    failed_alone: usize,
    /// What other episodes leave of it.
    pub claim: Claim,
}

impl Ranked {
    /// Its place in the order as if there were no other episodes.
    fn alone(&self) -> (usize, Reverse<i64>) {
        (self.failed_alone, Reverse(self.total))
    }

    fn before(&self, other: &Self) -> Ordering {
        let order = |r: &Self| (r.failed, r.claim == Claim::Rebroadcast, Reverse(r.total));
        order(self).cmp(&order(other)).then_with(|| self.earlier(other))
    }

    fn before_alone(&self, other: &Self) -> bool {
        self.alone().cmp(&other.alone()).then_with(|| self.earlier(other)).is_lt()
    }

    fn earlier(&self, other: &Self) -> Ordering {
        let (one, other) = (&self.candidate, &other.candidate);
        one.start.total_cmp(&other.start).then(one.end.total_cmp(&other.end))
    }
}

/// All candidates, best first.
pub(super) fn ranked(episode: &Episode, weights: &Weights) -> Vec<Ranked> {
    ranked_with(episode, false, weights)
}

fn ranked_with(episode: &Episode, estimated: bool, weights: &Weights) -> Vec<Ranked> {
    let factors = FEATURES.map(|feature| weights.of(feature));
    let rank = |candidate: &Candidate| {
        let candidate = if estimated { snapped(episode, *candidate, weights) } else { *candidate };
        let scores = episode.scores(&candidate, weights);
        let measured = gates::measure(episode, &candidate, estimated, weights);
        let failed = measured.iter().filter(|gate| !gate.pass).count();
        let failed_alone = measured.iter().filter(|gate| !gate.pass && gate.name != gates::REPEATED).count();
        let claim = claim(candidate.span(), &episode.repeated, weights.gates.repeated);
        Ranked { candidate, total: total(&scores, &factors), failed, failed_alone, claim }
    };
    let mut ranked: Vec<Ranked> = episode.candidates.iter().map(rank).collect();
    ranked.sort_unstable_by(Ranked::before);
    ranked
}

/// The weighted mean of what could be measured, each score in steps, the mean in steps.
fn total(scores: &Scores, factors: &[f64]) -> i64 {
    let known = scores.iter().zip(factors).filter_map(|(score, factor)| Some(((*score)?, factor)));
    let (sum, weight) = known
        .fold((0.0, 0.0), |(sum, weight), (score, factor)| (sum + (score * STEPS).round() * factor, weight + factor));
    if weight > 0.0 { (sum / weight).round() as i64 } else { 0 }
}

/// With estimated times: the edges moved into the nearest pauses that were heard.
fn snapped(episode: &Episode, candidate: Candidate, weights: &Weights) -> Candidate {
    let near = |at: f64, edge: fn(&Span) -> f64| {
        let moved = episode.sound.nearest_pause(at).map(|pause| edge(&pause));
        moved.filter(|moved| (moved - at).abs() <= SNAP).unwrap_or(at)
    };
    let start = near(candidate.start, |pause| pause.end.0);
    let end = near(candidate.end, |pause| pause.start.0).min(episode.timeline.seconds);
    let fits = (weights.length.gate_from..=weights.length.gate_to).contains(&(end - start));
    if fits && !candidate.whole { Candidate { start, end, ..candidate } } else { candidate }
}

/// All candidates of an episode, best first; there is one.
/// Errors: `select.nothing_to_choose` if there is neither speech nor a sentence with a time.
fn ranked_or_fault(dossier: &Dossier, episode: &Episode, weights: &Weights) -> Result<Vec<Ranked>, Fault> {
    let ranked = ranked_with(episode, is_estimated(dossier), weights);
    if ranked.is_empty() {
        return Err(Fault::poison(
            "select",
            "nothing_to_choose",
            format!("{} holds neither speech nor a sentence with a time", dossier.key.episode),
            "check that the audio is talk, or announce the episode with a transcript that has times",
        ));
    }
    Ok(ranked)
}

fn is_estimated(dossier: &Dossier) -> bool {
    dossier.timing == Some(Timing::Estimated)
}

/// The verdict on the best candidate. Errors: as [`ranked_or_fault`].
pub(super) fn verdict(dossier: &Dossier, episode: &Episode, weights: &Weights) -> Result<Verdict, Fault> {
    let ranked = ranked_or_fault(dossier, episode, weights)?;
    let best = &ranked[0];
    let candidate = &best.candidate;
    Ok(Verdict {
        selection: selection(dossier, episode, best, ranked.len(), weights),
        passes: best.failed == 0,
        cut_limits: gates::cut_limits(episode, candidate, weights.gates.edge),
        weighed: Weighed {
            best: candidate.span(),
            before: passed_over(&ranked, best).chain(dossier.passed_over.iter().copied()).collect(),
            parts: episode.repeated.clone(),
            allowed: weights.gates.repeated,
        },
    })
}

/// What would be said of each candidate were it chosen, best first. Errors: as [`ranked_or_fault`].
pub(super) fn selections(
    dossier: &Dossier,
    episode: &Episode,
    weights: &Weights,
) -> Result<impl Iterator<Item = Selection>, Fault> {
    let ranked = ranked_or_fault(dossier, episode, weights)?;
    let candidates = ranked.len();
    Ok(ranked.into_iter().map(move |one| selection(dossier, episode, &one, candidates, weights)))
}

/// Spans that would come before this one if there were no other episodes.
pub(super) fn passed_over(ranked: &[Ranked], best: &Ranked) -> impl Iterator<Item = Span> {
    ranked.iter().filter(|other| other.before_alone(best)).map(|other| other.candidate.span())
}

/// What is said of one of so many candidates.
fn selection(dossier: &Dossier, episode: &Episode, of: &Ranked, candidates: usize, weights: &Weights) -> Selection {
    let candidate = &of.candidate;
    let lines = &episode.timeline.lines[candidate.first..=candidate.last];
    let chosen: Vec<usize> = lines.iter().filter_map(|line| line.sentence).collect();
    let words: Vec<&str> = chosen.iter().map(|at| dossier.sentences[*at].text.trim()).collect();
    let first = chosen.iter().min().copied();
    let last = chosen.iter().max().copied();
    let rounded = |score: f64| (score * STEPS).round() / STEPS;
    let scores = episode.scores(candidate, weights);
    let named = FEATURES.iter().zip(scores).filter_map(|(name, score)| Some(((*name).to_owned(), rounded(score?))));
    let mut scores: BTreeMap<String, f64> = named.collect();
    scores.insert("total".to_owned(), of.total as f64 / STEPS);
    Selection {
        span: candidate.span(),
        transcript: words.join(" "),
        sentences: first.zip(last).map_or((0, 0), |(first, last)| (first as u32, last as u32 + 1)),
        scores,
        gates: gates::shown(gates::measure(episode, candidate, is_estimated(dossier), weights), weights),
        candidates: candidates as u32,
    }
}
