//! How well a span stands for its episode, in two views that do not know of each other.
//!
//! *Centroid*: the mean likeness of the span's passages to the mean of all advert-free passages
//! (cosine of their embeddings). Without embeddings the likeness is lexical: how much the span
//! talks in the words that the episode keeps coming back to. Either is read as a percentile among
//! the candidates of the same length, because long spans are always closer to the mean.
//!
//! *Topic*: BM25 (k1 = 1.2, b = 0.75; Robertson and Zaragoza 2009) of title and description
//! against the span's words, as a share of what a perfect span would get.
//!
//! Invariant: the percentile is a continuous function of the likeness, so that noise of 1e-6 in a
//! model's output moves it by about as much, and never by a rank.

use std::collections::HashMap;

use super::candidates::Candidate;
use super::sound::covered;
use super::text::{Text, root, tokens};
use super::timeline::Timeline;
use crate::record::finding::Dossier;
use crate::units::Span;

/// Terms of title and description that are looked for, title first.
const MOST_TERMS: usize = 64;
/// A title's word counts as much as this many of the description's.
const TITLE: f64 = 3.0;
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// A span that gets this share of a perfect span's BM25 scores one half.
const HALF_SHARE: f64 = 0.2;

/// Likeness of any run of lines to the whole, as prefix sums over lines.
pub(super) struct Likeness {
    sums: Vec<f64>,
    weights: Vec<f64>,
}

impl Likeness {
    /// By embeddings where there are some, else by words; `None` without either.
    pub fn of(timeline: &Timeline, text: &Text, dossier: &Dossier, adverts: &[Span]) -> Option<Self> {
        if !timeline.worded {
            return None;
        }
        Some(by_embeddings(timeline, dossier, adverts).unwrap_or_else(|| by_words(timeline, text, adverts)))
    }

    fn from(lines: impl Iterator<Item = (f64, f64)>) -> Self {
        let (mut sums, mut weights) = (vec![0.0], vec![0.0]);
        let (mut sum, mut weight) = (0.0, 0.0);
        for (value, counts) in lines {
            sum += value * counts;
            weight += counts;
            sums.push(sum);
            weights.push(weight);
        }
        Self { sums, weights }
    }

    /// Mean likeness of a candidate's lines.
    pub fn within(&self, candidate: &Candidate) -> f64 {
        let weight = self.weights[candidate.last + 1] - self.weights[candidate.first];
        let sum = self.sums[candidate.last + 1] - self.sums[candidate.first];
        if weight > 0.0 { sum / weight } else { 0.0 }
    }
}

fn is_advert(adverts: &[Span], span: Span) -> bool {
    covered(adverts, span) * 2.0 > span.length()
}

fn by_embeddings(timeline: &Timeline, dossier: &Dossier, adverts: &[Span]) -> Option<Likeness> {
    let lines = &timeline.lines;
    let mut line_of = vec![None; dossier.sentences.len()];
    lines.iter().enumerate().for_each(|(at, line)| {
        if let Some(sentence) = line.sentence {
            line_of[sentence] = Some(at);
        }
    });
    let width = dossier.embeddings.first()?.1.len();
    let sound = |vector: &[f32]| vector.len() == width && vector.iter().all(|v| v.is_finite());
    let passages: Vec<(Vec<usize>, &[f32])> = dossier
        .embeddings
        .iter()
        .filter(|(_, vector)| sound(vector))
        .map(|((from, to), vector)| {
            let to = (*to as usize).min(line_of.len());
            let from = (*from as usize).min(to);
            (line_of[from..to].iter().flatten().copied().collect(), vector.as_slice())
        })
        .collect();
    let mut centroid = vec![0.0_f64; width];
    for (at, vector) in &passages {
        let outside = at.iter().filter(|at| !is_advert(adverts, lines[**at].span())).count();
        let share = outside as f64 / at.len().max(1) as f64;
        centroid.iter_mut().zip(*vector).for_each(|(c, v)| *c += share * f64::from(*v));
    }
    let norm = centroid.iter().map(|c| c * c).sum::<f64>().sqrt();
    if norm < 1e-9 {
        return None;
    }
    let mut likeness = vec![(0.0, 0.0); lines.len()];
    for (at, vector) in &passages {
        let dot: f64 = centroid.iter().zip(*vector).map(|(c, v)| c * f64::from(*v)).sum();
        for at in at {
            likeness[*at].0 += dot / norm;
            likeness[*at].1 += 1.0;
        }
    }
    // A line counts by its length; a line in two passages has their mean; one in none says nothing.
    Some(Likeness::from(likeness.iter().zip(lines).map(|((sum, passages), line)| match *passages {
        0.0 => (0.0, 0.0),
        passages => (sum / passages, line.end - line.start),
    })))
}

fn by_words(timeline: &Timeline, text: &Text, adverts: &[Span]) -> Likeness {
    let mut lines_with = vec![0_u32; text.vocabulary.len()];
    let mut seen_in = vec![usize::MAX; text.vocabulary.len()];
    for (at, line) in timeline.lines.iter().enumerate() {
        if is_advert(adverts, line.span()) {
            continue;
        }
        for root in text.line(at).filter_map(|token| text.content_root(token)) {
            if seen_in[root as usize] != at {
                seen_in[root as usize] = at;
                lines_with[root as usize] += 1;
            }
        }
    }
    let value = |at: usize| {
        let weights = text.line(at).filter_map(|token| text.content_root(token));
        let sum: f64 = weights.map(|root| f64::from(lines_with[root as usize].max(1)).ln()).sum();
        let count = text.line(at).len();
        (sum / count.max(1) as f64, count as f64)
    };
    Likeness::from((0..timeline.lines.len()).map(value))
}

/// Percentiles among values of spans of about the same length.
pub(super) struct Percentiles {
    knots: HashMap<u32, Vec<f64>>,
}

impl Percentiles {
    /// Spans within the same 5 s of length are compared.
    const BUCKET: f64 = 5.0;
    const KNOTS: usize = 32;

    /// From (length in seconds, value) pairs.
    pub fn of(values: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut buckets: HashMap<u32, Vec<f64>> = HashMap::new();
        for (length, value) in values {
            buckets.entry(Self::bucket(length)).or_default().push(value);
        }
        let knots = buckets.into_iter().map(|(bucket, mut values)| {
            values.sort_by(f64::total_cmp);
            let last = (values.len() - 1) as f64;
            let knot = |k: usize| {
                let place = last * k as f64 / Self::KNOTS as f64;
                let below = place.floor() as usize;
                let above = (below + 1).min(values.len() - 1);
                values[below] + (values[above] - values[below]) * place.fract()
            };
            (bucket, (0..=Self::KNOTS).map(knot).collect())
        });
        Self { knots: knots.collect() }
    }

    fn bucket(length: f64) -> u32 {
        (length / Self::BUCKET) as u32
    }

    /// Share of the spans of this length whose value is below, 0..=1, linear between knots.
    pub fn rank(&self, length: f64, value: f64) -> f64 {
        let Some(knots) = self.knots.get(&Self::bucket(length)) else { return 0.5 };
        let above = knots.partition_point(|knot| *knot < value);
        if above == 0 || above == knots.len() {
            // A single value, or all alike, is the middle of itself.
            return if knots[0] == knots[Self::KNOTS] { 0.5 } else { f64::from(u8::from(above > 0)) };
        }
        let (low, high) = (knots[above - 1], knots[above]);
        let within = if high > low { (value - low) / (high - low) } else { 1.0 };
        ((above - 1) as f64 + within) / Self::KNOTS as f64
    }
}

/// BM25 of title and description against runs of lines.
pub(super) struct Topic {
    /// Per term: weight times inverse frequency, and its count in the lines before each line.
    terms: Vec<(f64, Vec<u32>)>,
    words: Vec<u32>,
    perfect: f64,
    mean_words: f64,
}

impl Topic {
    /// `None` when no word of title or description is ever said.
    pub fn of(timeline: &Timeline, text: &Text, dossier: &Dossier) -> Option<Self> {
        let title = tokens(&dossier.announcement.title).map(|(token, _)| (token, TITLE));
        let description = plain(&dossier.announcement.description);
        let description = tokens(&description).map(|(token, _)| (token, 1.0)).collect::<Vec<_>>();
        let mut slots: HashMap<u32, usize> = HashMap::new();
        let mut weights = Vec::new();
        for (token, weight) in title.chain(description) {
            let Some(word) = text.vocabulary.find(&token).or_else(|| text.vocabulary.find(root(&token))) else {
                continue;
            };
            if !text.content[word as usize] || weights.len() == MOST_TERMS {
                continue;
            }
            slots.entry(text.roots[word as usize]).or_insert_with(|| {
                weights.push(weight);
                weights.len() - 1
            });
        }
        let lines = timeline.lines.len();
        let mut counts = vec![vec![0_u32; lines + 1]; weights.len()];
        let mut words = vec![0_u32; lines + 1];
        for line in 0..lines {
            counts.iter_mut().for_each(|count| count[line + 1] = count[line]);
            words[line + 1] = words[line] + text.line(line).len() as u32;
            for token in text.line(line) {
                if let Some(slot) = slots.get(&text.roots[text.tokens[token] as usize]) {
                    counts[*slot][line + 1] += 1;
                }
            }
        }
        // Frequency over blocks of about a minute, the length of a preview.
        let minutes = (f64::from(words[lines]) / 150.0).max(1.0);
        let block = (lines as f64 / minutes).ceil().max(1.0) as usize;
        let terms: Vec<(f64, Vec<u32>)> = weights
            .into_iter()
            .zip(counts)
            .map(|(weight, count)| {
                let starts = (0..lines).step_by(block);
                let blocks = starts.filter(|from| count[(from + block).min(lines)] > count[*from]).count() as f64;
                let all = lines.div_ceil(block) as f64;
                (weight * (1.0 + (all - blocks + 0.5) / (blocks + 0.5)).ln(), count)
            })
            .filter(|(_, count)| count[lines] > 0)
            .collect();
        let perfect = terms.iter().map(|(weight, _)| weight * (K1 + 1.0)).sum::<f64>();
        (perfect > 0.0).then_some(Self { terms, words, perfect, mean_words: 150.0 })
    }

    /// 0..=1, one half at a fifth of the perfect span's BM25.
    pub fn within(&self, candidate: &Candidate) -> f64 {
        let (from, to) = (candidate.first, candidate.last + 1);
        let length = f64::from(self.words[to] - self.words[from]);
        let norm = K1 * (1.0 - B + B * length / self.mean_words);
        let term = |(weight, count): &(f64, Vec<u32>)| {
            let n = f64::from(count[to] - count[from]);
            weight * n * (K1 + 1.0) / (n + norm)
        };
        let share = self.terms.iter().map(term).sum::<f64>() / self.perfect;
        share / (share + HALF_SHARE)
    }
}

/// A description without its markup: tags taken out, the commonest entities resolved.
fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut tag = false;
    for c in html.chars().take(20_000) {
        match c {
            '<' => tag = true,
            '>' if tag => {
                tag = false;
                text.push(' ');
            }
            c if !tag => text.push(c),
            _ => {}
        }
    }
    text.replace("&nbsp;", " ").replace("&amp;", "&").replace("&#39;", "'").replace("&quot;", "\"")
}
