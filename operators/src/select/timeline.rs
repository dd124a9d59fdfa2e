//! The stretches that a candidate may begin and end with: sentences, or, where an episode has no
//! words, what is spoken between two pauses.
//!
//! Real transcripts hold negative, reversed and endless times. What cannot be placed inside the
//! episode is left out here, once, so that nothing after this has to doubt a time.
//!
//! Invariant: lines are sorted by start; `0 <= start < end <= seconds`, all finite.

use std::collections::HashMap;

use super::sound;
use crate::record::finding::{Dossier, LEVEL_FRAME, MUSIC_FRAME, SPEECH_FRAME};
use crate::record::piece::Sentence;
use crate::units::{MODEL_RATE, Span};

/// A transcript that claims a sentence beyond two days is wrong about it.
const LONGEST_EPISODE: f64 = 172_800.0;

/// How a line's text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Full stop, exclamation mark, or their like.
    Closed,
    /// Question mark.
    Question,
    /// No final mark, a comma, or an ellipsis: the thought goes on.
    Open,
}

/// One sentence, or one stretch of speech between pauses.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// When it begins, seconds.
    pub start: f64,
    /// When it ends, seconds.
    pub end: f64,
    /// Which of the dossier's sentences it is; `None` for a stretch of speech without words.
    pub sentence: Option<usize>,
    /// Number of the speaker in order of appearance; `None` when not named.
    pub speaker: Option<u32>,
    /// How its text ends.
    pub ending: Ending,
    /// Whether its text begins in lower case, as the rest of a sentence does.
    pub continues: bool,
    /// How many words it has.
    pub words: u32,
}

impl Line {
    /// Its stretch of time.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }
}

/// An episode's lines and length.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// Length of the episode, seconds.
    pub seconds: f64,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Whether the lines have words.
    pub worded: bool,
    /// For each line, the latest end of any line before it; 0 for the first.
    pub until: Vec<f64>,
}

impl Timeline {
    /// The dossier's sentences; without any, its speech between pauses.
    pub fn of(dossier: &Dossier) -> Self {
        let seconds = seconds(dossier);
        let mut speakers = HashMap::new();
        let mut lines: Vec<Line> = dossier
            .sentences
            .iter()
            .enumerate()
            .filter_map(|(index, sentence)| line(index, sentence, seconds, &mut speakers))
            .collect();
        lines.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.sentence.cmp(&b.sentence)));
        let worded = !lines.is_empty();
        if !worded {
            lines = spoken(dossier, seconds);
        }
        Self::new(seconds, lines, worded)
    }

    /// The lines from speech and level alone, whether or not there are words.
    pub fn without_words(dossier: &Dossier) -> Self {
        let seconds = seconds(dossier);
        Self::new(seconds, spoken(dossier, seconds), false)
    }

    fn new(seconds: f64, lines: Vec<Line>, worded: bool) -> Self {
        let mut latest = 0.0_f64;
        let until = lines.iter().map(|line| {
            let before = latest;
            latest = latest.max(line.end);
            before
        });
        Self { seconds, worded, until: until.collect(), lines }
    }

    /// Silence before each line: since the latest end of any line before it, or since the start;
    /// negative where lines overlap.
    pub fn pauses(&self) -> Vec<f64> {
        self.lines.iter().zip(&self.until).map(|(line, until)| line.start - until).collect()
    }
}

/// Length of the episode: of its audio; without audio, until the last believable word.
fn seconds(dossier: &Dossier) -> f64 {
    let decoded = dossier.media.as_ref().map_or(0.0, |media| media.samples.seconds().0);
    let frames =
        [(dossier.speech.len(), SPEECH_FRAME), (dossier.level.len(), LEVEL_FRAME), (dossier.music.len(), MUSIC_FRAME)];
    let heard = frames.iter().map(|(n, frame)| (n * frame) as f64 / f64::from(MODEL_RATE));
    let heard = if decoded > 0.0 { decoded } else { heard.fold(0.0, f64::max) };
    if heard > 0.0 {
        return heard;
    }
    let ends = dossier.sentences.iter().map(|s| s.span.end.0);
    ends.filter(|end| *end <= LONGEST_EPISODE).fold(0.0, f64::max)
}

fn line(index: usize, sentence: &Sentence, seconds: f64, speakers: &mut HashMap<String, u32>) -> Option<Line> {
    let (start, end) = (sentence.span.start.0, sentence.span.end.0);
    if !start.is_finite() || !end.is_finite() || sentence.text.trim().is_empty() {
        return None;
    }
    let (start, end) = (start.max(0.0), end.min(seconds));
    if start >= end {
        return None;
    }
    let speaker = sentence.speaker.as_ref().map(|name| {
        let next = speakers.len() as u32;
        *speakers.entry(name.clone()).or_insert(next)
    });
    let text = sentence.text.trim();
    let first = text.chars().find(|c| c.is_alphanumeric());
    let words = sentence.words.len().max(text.split_whitespace().count());
    Some(Line {
        start,
        end,
        sentence: Some(index),
        speaker,
        ending: ending(text),
        continues: first.is_some_and(char::is_lowercase),
        words: words as u32,
    })
}

fn ending(text: &str) -> Ending {
    let text = text.trim_end_matches(['"', '\'', '”', '’', ')', ']', '»']);
    if text.ends_with("...") {
        return Ending::Open;
    }
    match text.chars().next_back() {
        Some('?' | '？' | '؟') => Ending::Question,
        Some('.' | '!' | '。' | '！' | '।' | '۔') => Ending::Closed,
        _ => Ending::Open,
    }
}

/// Stretches of speech between pauses, long ones as they are: nothing says where to part them.
fn spoken(dossier: &Dossier, seconds: f64) -> Vec<Line> {
    let spans = sound::spoken_spans(dossier);
    let spans = spans.into_iter().map(|span| (span.start.0.max(0.0), span.end.0.min(seconds)));
    spans
        .filter(|(start, end)| start < end)
        .map(|(start, end)| Line {
            start,
            end,
            sentence: None,
            speaker: None,
            ending: Ending::Closed,
            continues: false,
            words: 0,
        })
        .collect()
}
