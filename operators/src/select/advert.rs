//! Adverts by their words: whole sponsor reads, not only the sentence that gives them away.
//!
//! ```text
//! phrases ─┐
//! names ───┼─▶ evidence per line (log-odds) ─▶ two-state chain: show | advert ─▶ spans
//! repeats ─┘
//! ```
//!
//! A read lasts half a minute to four, and most of its sentences are harmless by themselves. Three
//! things reach over them: the chain, which pays for every change between show and advert; names
//! that are spoken beside a sure cue and hardly anywhere else (the advertised thing, whatever it is
//! called); and words that come again elsewhere in the episode, as inserted adverts do. The chain
//! is Viterbi's algorithm.
//!
//! Invariant: spans begin and end with lines, in order, not overlapping; no words, no spans.

use std::collections::HashMap;

use ahash::AHashMap;

use super::lexicon::{Found, Kind};
use super::text::{Text, look};
use super::timeline::Timeline;
use super::weights::Advert;
use crate::record::finding::Dossier;
use crate::units::Span;

/// Evidence beyond this says nothing more.
const MOST_PER_LINE: f64 = 8.0;
/// Words that repeat count from this many in a row.
const REPEATED_WORDS: usize = 7;
/// Share of an episode's words that repeat from which repeating says nothing.
const ALL_REPEATED: f64 = 0.6;
/// A name belongs to an advert within this many seconds of a sure cue.
const NAME_REACH: f64 = 100.0;
/// Longest time a single line speaks against an advert: one endless line is a fault of its file.
const LONGEST_LINE: f64 = 20.0;

/// What speaks for an advert, line by line.
struct Evidence {
    /// Phrases, names, repeats, address: log-odds.
    sum: Vec<f64>,
    /// Whether the line holds a sure cue: an opening, an address, small print.
    sure: Vec<bool>,
    /// Whether the line hands back to the show.
    returns: Vec<bool>,
}

/// The stretches that read like adverts.
pub(super) fn spans(
    timeline: &Timeline,
    text: &Text,
    found: &[Found],
    dossier: &Dossier,
    weights: &Advert,
) -> Vec<Span> {
    if !timeline.worded || timeline.lines.is_empty() {
        return Vec::new();
    }
    let evidence = evidence(timeline, text, found, dossier, weights);
    let adverts = chain(timeline, &evidence, weights);
    blocks(timeline, &evidence, &adverts, weights)
}

fn evidence(timeline: &Timeline, text: &Text, found: &[Found], dossier: &Dossier, weights: &Advert) -> Evidence {
    let count = timeline.lines.len();
    let mut evidence = Evidence { sum: vec![0.0; count], sure: vec![false; count], returns: vec![false; count] };
    let own = own_names(dossier);
    let names_itself = |cue: &Found| {
        let mut roots = (cue.token..cue.token + cue.length).filter_map(|token| name_root(text, token));
        roots.any(|root| own.iter().any(|word| word == text.vocabulary.word(root)))
    };
    for cue in found {
        match cue.kind {
            // The show's own address is no advert, or every goodbye were one.
            Kind::AdvertOpen | Kind::AdvertClose if !names_itself(cue) => {
                evidence.sum[cue.line] += cue.weight;
                evidence.sure[cue.line] |= cue.weight >= 3.0;
            }
            Kind::AdvertBody => evidence.sum[cue.line] += cue.weight,
            Kind::Return => evidence.returns[cue.line] = true,
            Kind::Intro | Kind::Outro => evidence.sum[cue.line] -= weights.greeting,
            _ => {}
        }
    }
    let repeated = repeated(timeline, text);
    let named = named(timeline, text, &evidence.sure, &own);
    for line in 0..count {
        let addressed = text.line(line).filter(|t| is_address_to_listener(text, *t)).count().min(3);
        let named = named[line].min(2) as f64;
        evidence.sum[line] += weights.repeated * repeated[line]
            + weights.name * (named + 1.0).log2()
            + weights.address * addressed as f64;
        evidence.sum[line] = evidence.sum[line].min(MOST_PER_LINE);
    }
    evidence
}

fn is_address_to_listener(text: &Text, token: usize) -> bool {
    matches!(text.vocabulary.word(text.tokens[token]), "you" | "your" | "you're" | "you'll" | "you've" | "yours")
}

/// Share of each line's words that occur again, seven in a row, at least 20 s away.
fn repeated(timeline: &Timeline, text: &Text) -> Vec<f64> {
    let count = text.tokens.len();
    let mut line_of = vec![0_usize; count];
    for line in 0..timeline.lines.len() {
        line_of[text.line(line)].fill(line);
    }
    let mut first: AHashMap<&[u32], usize> = AHashMap::with_capacity(count);
    let mut again = vec![false; count];
    for at in 0..(count + 1).saturating_sub(REPEATED_WORDS) {
        let row = &text.tokens[at..at + REPEATED_WORDS];
        let earlier = *first.entry(row).or_insert(at);
        let apart = timeline.lines[line_of[at]].start - timeline.lines[line_of[earlier]].start;
        // One word over and over is a recogniser that hears nothing.
        if apart >= 20.0 && row.iter().any(|token| *token != row[0]) {
            again[at..at + REPEATED_WORDS].fill(true);
            again[earlier..earlier + REPEATED_WORDS].fill(true);
        }
    }
    let share = |line: usize| {
        let tokens = text.line(line);
        let repeated = again[tokens.clone()].iter().filter(|again| **again).count();
        if tokens.is_empty() { 0.0 } else { repeated as f64 / tokens.len() as f64 }
    };
    // Talk that goes round in circles, and captions that roll, repeat everywhere: then it says nothing.
    let everywhere = again.iter().filter(|again| **again).count() as f64 / count.max(1) as f64;
    let trust = (1.0 - everywhere / ALL_REPEATED).max(0.0);
    (0..timeline.lines.len()).map(|line| trust * share(line)).collect()
}

/// What the show and the episode are called, word by word, and the show in one word, as its address
/// has it: `dailynewsshow.com`.
fn own_names(dossier: &Dossier) -> Vec<String> {
    let [show, title] = [&dossier.announcement.show, &dossier.announcement.title]
        .map(|name| super::text::tokens(name).map(|(token, _)| token).collect::<Vec<_>>());
    let joined = show.iter().flat_map(|token| token.chars().filter(|c| c.is_alphanumeric())).collect();
    let words = show.iter().chain(&title).map(|token| super::text::root(token).to_owned()).collect::<Vec<_>>();
    words.into_iter().chain([joined]).collect()
}

/// How many advertised names each line mentions.
///
/// A name is a capitalised word, or the word in front of a `.com`, that stands in a sure line or
/// one beside it, comes at least twice within reach, and has most of its mentions there. What the
/// show and the episode are called is no advertised name.
fn named(timeline: &Timeline, text: &Text, sure: &[bool], own: &[String]) -> Vec<usize> {
    let is_own = |id: u32| own.iter().any(|word| word == text.vocabulary.word(id));
    // Where each name was learnt: its root, the times of its sure lines in order.
    let mut learnt: HashMap<u32, Vec<f64>> = HashMap::new();
    let lines = &timeline.lines;
    for at in (0..lines.len()).filter(|line| sure[*line]) {
        let near = |line: &usize| (lines[*line].start - lines[at].start).abs() <= 15.0;
        for line in (at.saturating_sub(1)..=(at + 1).min(lines.len() - 1)).filter(near) {
            for token in text.line(line) {
                if let Some(root) = name(text, token).filter(|root| !is_own(*root)) {
                    learnt.entry(root).or_default().push(lines[at].start);
                }
            }
        }
    }
    let mut mentions: HashMap<u32, Vec<(usize, bool)>> = HashMap::new();
    for (line, here) in lines.iter().enumerate() {
        for token in text.line(line) {
            let word = text.tokens[token];
            let root = name_root(text, token).unwrap_or(text.roots[word as usize]);
            if let Some(times) = learnt.get(&root) {
                let next = times.partition_point(|time| *time < here.start - NAME_REACH);
                let near = times.get(next).is_some_and(|time| *time <= here.start + NAME_REACH);
                mentions.entry(root).or_default().push((line, near));
            }
        }
    }
    let mut count = vec![0; lines.len()];
    for places in mentions.values() {
        let near = places.iter().filter(|(_, near)| *near).count();
        if near >= 2 && near * 10 >= places.len() * 7 {
            places.iter().filter(|(_, near)| *near).for_each(|(line, _)| count[*line] += 1);
        }
    }
    count
}

/// The root of a token that may be a name.
fn name(text: &Text, token: usize) -> Option<u32> {
    name_root(text, token).or_else(|| {
        let capital = text.looks[token] & look::CAPITAL != 0;
        text.content_root(token).filter(|_| capital)
    })
}

/// For a web address the number of the word in front of its first full stop, if anybody says it.
fn name_root(text: &Text, token: usize) -> Option<u32> {
    if text.looks[token] & look::ADDRESS == 0 {
        return None;
    }
    let name = text.vocabulary.word(text.tokens[token]).trim_start_matches("www.").split('.').next()?;
    text.vocabulary.find(super::text::root(name))
}

/// For each line whether the likelier story has it in an advert.
fn chain(timeline: &Timeline, evidence: &Evidence, weights: &Advert) -> Vec<bool> {
    let lines = &timeline.lines;
    let pauses = timeline.pauses();
    let mut score = [0.0, -weights.enter_at_start];
    // For each line, per state: was the line before in an advert?
    let mut back = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            let turn = line.speaker != lines[index - 1].speaker;
            let border = (pauses[index].clamp(0.0, 2.0) / 2.0).max(if turn { 0.5 } else { 0.0 });
            let discount = 1.0 - weights.pause_discount * border;
            let leave = if evidence.returns[index - 1] { 0.0 } else { weights.leave * discount };
            let stay = if evidence.returns[index - 1] { weights.leave } else { 0.0 };
            let to_show = (score[0], score[1] - leave);
            let to_advert = (score[0] - weights.enter * discount, score[1] - stay);
            back.push([to_show.1 > to_show.0, to_advert.1 > to_advert.0]);
            score = [to_show.0.max(to_show.1), to_advert.0.max(to_advert.1)];
        } else {
            back.push([false, false]);
        }
        let against = weights.show_per_second * (line.end - line.start).min(LONGEST_LINE);
        score[1] += evidence.sum[index] - against;
    }
    let mut state = score[1] > score[0];
    let mut adverts = vec![false; lines.len()];
    for index in (0..lines.len()).rev() {
        adverts[index] = state;
        state = back[index][usize::from(state)];
    }
    adverts
}

/// Runs of advert lines with enough evidence, as spans.
fn blocks(timeline: &Timeline, evidence: &Evidence, adverts: &[bool], weights: &Advert) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut index = 0;
    while index < adverts.len() {
        let end = (index..adverts.len()).find(|i| !adverts[*i]).unwrap_or(adverts.len());
        if end == index {
            index += 1;
            continue;
        }
        let sum: f64 = evidence.sum[index..end].iter().sum();
        let sure = evidence.sure[index..end].iter().any(|sure| *sure);
        if sure && sum >= weights.least {
            let lines = &timeline.lines[index..end];
            let until = lines.iter().map(|line| line.end).fold(0.0, f64::max);
            let from = lines[0].start;
            match spans.last_mut() {
                Some(last) if from <= last.end.0 => last.end.0 = last.end.0.max(until),
                _ => spans.push(Span::new(from, until)),
            }
        }
        index = end;
    }
    spans
}
