//! What was heard, as prefix sums: how much of any span is speech, music, silence, and how steady
//! its level is.
//!
//! Invariant: a track that the dossier lacks gives `None`, never a guess; spans may reach beyond
//! the track, whose missing part counts as nothing heard.

use crate::record::finding::{Dossier, LEVEL_FRAME, MUSIC_FRAME, SPEECH_FRAME};
use crate::units::{MODEL_RATE, Span};

/// Speech begins at this probability (in 1/255, 0.5) ...
const SPEECH_ON: u8 = 128;
/// ... and lasts until it falls below this one (0.35), the hysteresis of Silero's own segmenter.
const SPEECH_OFF: u8 = 90;
/// A pause shorter than this is part of talking.
const BRIDGED_PAUSE: f64 = 0.3;
/// A pause shorter than this does not count against the share of speech: people breathe and think,
/// read speech pauses for half a second between sentences. Longer silence, music and noise count.
const PAUSE_OF_TALK: f64 = 0.8;
/// A burst shorter than this is a click or a cough.
const SHORTEST_SPEECH: f64 = 0.15;
/// Music begins at this score (in 1/255, 0.5).
pub(super) const MUSIC_ON: u8 = 128;
/// Frames of level in one second.
const LEVELS_PER_SECOND: usize = MODEL_RATE as usize / LEVEL_FRAME;

/// Seconds that one frame of `samples` lasts.
pub(super) fn frame_seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(MODEL_RATE)
}

/// The stretches of speech by the speech model, pauses below 0.3 s bridged.
pub(super) fn speech_spans(speech: &[u8]) -> Vec<Span> {
    let mut on = false;
    let frames = speech.iter().map(|p| {
        on = *p >= if on { SPEECH_OFF } else { SPEECH_ON };
        on
    });
    merged(frames, frame_seconds(SPEECH_FRAME))
}

/// The stretches of speech: by the model, or, where it gave nothing at all, by the level.
pub(super) fn spoken_spans(dossier: &Dossier) -> Vec<Span> {
    if !dossier.speech.is_empty() {
        return speech_spans(&dossier.speech);
    }
    let mut sorted: Vec<i8> = dossier.level.iter().copied().filter(|l| *l > -90).collect();
    if sorted.len() < LEVELS_PER_SECOND / 2 {
        return Vec::new();
    }
    // Talk pauses: whatever is well above the tenth quietest and near the tenth loudest is talk.
    sorted.sort_unstable();
    let (quiet, loud) = (sorted[sorted.len() / 10], sorted[sorted.len() * 9 / 10]);
    let threshold = f64::from(quiet) + 0.4 * f64::from(i16::from(loud) - i16::from(quiet));
    merged(dossier.level.iter().map(|l| f64::from(*l) >= threshold), frame_seconds(LEVEL_FRAME))
}

/// The stretches of music.
pub(super) fn music_spans(music: &[u8]) -> Vec<Span> {
    merged(music.iter().map(|m| *m >= MUSIC_ON), frame_seconds(MUSIC_FRAME))
}

/// Runs of set frames, bridged over short gaps, without short bursts.
fn merged(frames: impl Iterator<Item = bool>, frame: f64) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (index, set) in frames.enumerate() {
        if !set {
            continue;
        }
        let (start, end) = (index as f64 * frame, (index + 1) as f64 * frame);
        match spans.last_mut() {
            Some(last) if start - last.end.0 < BRIDGED_PAUSE => last.end.0 = end,
            _ => spans.push(Span::new(start, end)),
        }
    }
    spans.retain(|span| span.length() >= SHORTEST_SPEECH);
    spans
}

/// Stretches of speech, bridged over the pauses of talk.
fn talk(speech: &[Span]) -> Vec<Span> {
    let mut talk: Vec<Span> = Vec::new();
    for span in speech {
        match talk.last_mut() {
            Some(last) if span.start.0 - last.end.0 < PAUSE_OF_TALK => last.end = span.end,
            _ => talk.push(*span),
        }
    }
    talk
}

/// Seconds of a span that the sorted, non-overlapping `spans` cover.
pub(super) fn covered(spans: &[Span], span: Span) -> f64 {
    let first = spans.partition_point(|s| s.end.0 <= span.start.0);
    // An empty sum of floats is -0; nobody wants to read that.
    spans[first..].iter().take_while(|s| s.start.0 < span.end.0).map(|s| s.overlap(span)).sum::<f64>() + 0.0
}

/// Seconds between a span and the nearest of the sorted `spans`; 0 when they overlap, infinite
/// when there are none.
pub(super) fn distance(spans: &[Span], span: Span) -> f64 {
    let next = spans.partition_point(|s| s.end.0 <= span.start.0);
    let before = next.checked_sub(1).map_or(f64::INFINITY, |i| span.start.0 - spans[i].end.0);
    let after = spans.get(next).map_or(f64::INFINITY, |s| s.start.0 - span.end.0);
    before.min(after).max(0.0)
}

/// Cumulative seconds of marked frames, read at any time.
struct Cumulative {
    sums: Vec<f64>,
    frame: f64,
}

impl Cumulative {
    fn new(values: impl Iterator<Item = f64>, frame: f64) -> Self {
        let mut sums = vec![0.0];
        let mut sum = 0.0;
        for value in values {
            sum += value;
            sums.push(sum);
        }
        Self { sums, frame }
    }

    fn at(&self, seconds: f64) -> f64 {
        let place = (seconds / self.frame).clamp(0.0, (self.sums.len() - 1) as f64);
        let below = place.floor() as usize;
        let above = (below + 1).min(self.sums.len() - 1);
        self.sums[below] + (self.sums[above] - self.sums[below]) * place.fract()
    }

    fn within(&self, span: Span) -> f64 {
        self.at(span.end.0) - self.at(span.start.0)
    }
}

/// The tracks of one episode.
pub(super) struct Sound {
    speech: Option<Vec<Span>>,
    speech_seconds: Cumulative,
    pauses: Vec<Span>,
    music: Option<Cumulative>,
    level: Option<[Cumulative; 3]>,
}

impl Sound {
    /// Reads the tracks once.
    pub fn of(dossier: &Dossier) -> Self {
        let speech = (!dossier.speech.is_empty()).then(|| speech_spans(&dossier.speech));
        let frame = frame_seconds(SPEECH_FRAME);
        let mut marks = vec![0.0; dossier.speech.len()];
        for span in talk(speech.as_deref().unwrap_or_default()) {
            let (from, to) = ((span.start.0 / frame).round() as usize, (span.end.0 / frame).round() as usize);
            marks[from..to.min(dossier.speech.len())].fill(frame);
        }
        let around = speech.iter().flat_map(|spans| spans.windows(2));
        let pauses = around.map(|pair| Span { start: pair[0].end, end: pair[1].start });
        let music = (!dossier.music.is_empty()).then(|| {
            let frame = frame_seconds(MUSIC_FRAME);
            Cumulative::new(dossier.music.iter().map(|m| if *m >= MUSIC_ON { frame } else { 0.0 }), frame)
        });
        Self {
            pauses: pauses.collect(),
            speech_seconds: Cumulative::new(marks.into_iter(), frame),
            speech,
            music,
            level: (!dossier.level.is_empty()).then(|| levels(&dossier.level)),
        }
    }

    /// Share of the span that is talk (speech and its short pauses), 0..=1; `None` without the speech model.
    pub fn speech_share(&self, span: Span) -> Option<f64> {
        self.speech.as_ref()?;
        Some((self.speech_seconds.within(span) / span.length()).clamp(0.0, 1.0))
    }

    /// Seconds of speech in the whole episode; `None` without the speech model.
    pub fn speech_in_all(&self) -> Option<f64> {
        Some(self.speech.as_ref()?.iter().map(|span| span.length()).sum())
    }

    /// Share of the span that is music, 0..=1; `None` without the music score.
    pub fn music_share(&self, span: Span) -> Option<f64> {
        Some((self.music.as_ref()?.within(span) / span.length()).clamp(0.0, 1.0))
    }

    /// Longest pause inside the span, seconds; `None` without the speech model.
    pub fn longest_pause(&self, span: Span) -> Option<f64> {
        self.speech.as_ref()?;
        let first = self.pauses.partition_point(|p| p.end.0 <= span.start.0);
        let inside = self.pauses[first..].iter().take_while(|p| p.start.0 < span.end.0);
        Some(inside.map(|p| p.overlap(span)).fold(0.0, f64::max))
    }

    /// Standard deviation of the level of the span's audible seconds, in dB; `None` without level
    /// or with fewer than five audible seconds.
    pub fn level_deviation(&self, span: Span) -> Option<f64> {
        let [count, sum, squares] = self.level.as_ref()?;
        let n = count.within(span);
        if n < 5.0 {
            return None;
        }
        let mean = sum.within(span) / n;
        Some((squares.within(span) / n - mean * mean).max(0.0).sqrt())
    }

    /// The pause of the speech track nearest to a time: its span; `None` without one.
    pub fn nearest_pause(&self, seconds: f64) -> Option<Span> {
        let next = self.pauses.partition_point(|p| p.end.0 < seconds);
        let near = [next.checked_sub(1), Some(next)].into_iter().flatten();
        let away = |p: &Span| (p.start.0 - seconds).max(seconds - p.end.0).max(0.0);
        near.filter_map(|i| self.pauses.get(i)).min_by(|a, b| away(a).total_cmp(&away(b))).copied()
    }
}

/// Per second: is it audible, its level, its level squared.
fn levels(level: &[i8]) -> [Cumulative; 3] {
    let seconds: Vec<Option<f64>> = level
        .chunks(LEVELS_PER_SECOND)
        .map(|second| {
            // The loud frames of a second are its syllables; the rest are the gaps between them.
            let power: f64 = second.iter().map(|l| 10_f64.powf(f64::from(*l) / 10.0)).sum::<f64>();
            let mean = 10.0 * (power / second.len() as f64).max(1e-13).log10();
            (mean > -60.0).then_some(mean)
        })
        .collect();
    let of = |f: fn(f64) -> f64| Cumulative::new(seconds.iter().map(|s| s.map_or(0.0, f)), 1.0);
    [of(|_| 1.0), of(|l| l), of(|l| l * l)]
}
