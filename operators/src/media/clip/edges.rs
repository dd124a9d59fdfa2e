//! Where exactly the clip begins and ends: at the quietest point near a sentence boundary.
//!
//! ```text
//!  ...last word ▕▁▁▁▁▁▁▁▁▁▁▁▁▁▏ First word of the clip...
//!               earliest   ▲  at = latest
//!                        edge: quiet, near the word, room for the fade
//! ```
//!
//! Times of words are good to some 50 ms at best; the audio itself says where the pause is. So the
//! transcript gives a range and the level decides within it. Fades are as long as the pause allows,
//! never longer: a fade over a consonant is a cut word too.
//!
//! Invariant: an edge lies within its `earliest..=latest` and within 0.25 s of the boundary.

use serde::{Deserialize, Serialize};

use super::STAGE;
use super::mix::Mix;
use crate::fault::Fault;
use crate::record::piece::{Sentence, Timing};
use crate::units::{Seconds, Span};

/// How far an edge may be from its sentence boundary, in seconds.
pub const REACH: f64 = 0.25;
/// How far an edge may move into the sentence where word times are only interpolated.
const INWARD: f64 = 0.15;
/// Level is the RMS over this long, in seconds.
const WINDOW: f64 = 0.020;
/// Distance between the points that are tried, in seconds.
const STEP: f64 = 0.0025;
/// Points this much louder than the quietest count as equally quiet, in dB.
const ALIKE: f64 = 3.0;
/// Quieter than this is silence, in dBFS: all of it is equally quiet.
const SILENCE: f64 = -75.0;
/// Longest fade in, in seconds.
const FADE_IN: f64 = 0.015;
/// Longest fade out, in seconds.
const FADE_OUT: f64 = 0.070;
/// Shortest fade, against the click: in seconds.
const DECLICK: f64 = 0.004;

/// A wanted edge and how far it may move.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The sentence boundary.
    pub at: Seconds,
    /// Earliest allowed time, usually the end of the word before.
    pub earliest: Seconds,
    /// Latest allowed time, usually the start of the word after.
    pub latest: Seconds,
}

/// What is to be cut out of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Where the first sentence begins.
    pub start: Edge,
    /// Where the last sentence ends.
    pub end: Edge,
}

impl Cut {
    /// The cut that takes sentences `range` (half-open). With timed words an edge stays between the
    /// neighbouring words; with interpolated or estimated ones it may also go a little into the
    /// sentence, since then only the audio knows where the words are. `None` for an empty range or
    /// one that is not in `sentences`.
    pub fn of_sentences(sentences: &[Sentence], range: (u32, u32), timing: Timing) -> Option<Self> {
        let (first, past) = (range.0 as usize, range.1 as usize);
        let chosen = sentences.get(first..past)?;
        let start = chosen.first()?.span.start.0;
        let end = chosen.iter().map(|sentence| sentence.span.end.0).fold(start, f64::max);
        let before = first.checked_sub(1).map_or(f64::NEG_INFINITY, |index| sentences[index].span.end.0);
        let after = sentences.get(past).map_or(f64::INFINITY, |next| next.span.start.0);
        let inward = if timing == Timing::Words { 0.0 } else { INWARD };
        let outward = |room: f64| if timing == Timing::Words { room.clamp(0.0, REACH) } else { REACH };
        Some(Self {
            start: Edge {
                at: Seconds(start),
                earliest: Seconds(start - outward(start - before)),
                latest: Seconds(start + inward),
            },
            end: Edge {
                at: Seconds(end),
                earliest: Seconds(end - inward),
                latest: Seconds(end + outward(after - end)),
            },
        })
    }

    /// A cut at fixed times whose edges may move by up to 0.25 s either way: for episodes without words.
    pub fn around(span: Span) -> Self {
        let edge = |at: Seconds| Edge { at, earliest: Seconds(at.0 - REACH), latest: Seconds(at.0 + REACH) };
        Self { start: edge(span.start), end: edge(span.end) }
    }

    /// What to decode for it: the cut with `margin` seconds on both sides, not before 0.
    pub fn with_margin(self, margin: f64) -> Span {
        Span::new((self.start.at.0 - margin).max(0.0), self.end.at.0 + margin)
    }
}

/// The chosen frames of a [`Mix`] and how long the fades may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen {
    /// First frame of the clip.
    pub first: usize,
    /// One past its last frame.
    pub past: usize,
    /// Frames of the fade in.
    pub fade_in: usize,
    /// Frames of the fade out.
    pub fade_out: usize,
}

/// Finds the quietest allowed frames for both edges of `cut`.
///
/// Errors: `cut.span` where `mix` does not hold the wanted sentences (0.25 s are forgiven at either
/// end, as the last sentence of a transcript often outlasts the audio).
pub fn choose(mix: &Mix, cut: &Cut) -> Result<Chosen, Fault> {
    let (from, until) = (mix.start.0, mix.time_of(mix.frames()).0);
    let times = [cut.start.at.0, cut.end.at.0];
    let ordered = times[0] < times[1] && times.iter().all(|time| time.is_finite());
    if !ordered || times[0] < from - REACH || times[1] > until + REACH {
        return Err(Fault::poison(
            STAGE,
            "span",
            format!("{:.3}-{:.3} s were wanted, the audio there spans {from:.3}-{until:.3} s", times[0], times[1]),
            "check that the transcript belongs to this audio",
        ));
    }
    let levels = Levels::of(mix);
    let start = levels.quietest(&cut.start, cut.start.at.0 - FADE_IN);
    let end = levels.quietest(&cut.end, cut.end.at.0 + FADE_OUT);
    if end <= start {
        return Err(Fault::poison(STAGE, "span", "nothing is left between the edges", "choose a longer span"));
    }
    let fade = |longest: f64, inward: isize, edge: usize| {
        let longest = levels.frames(longest).min((end - start) / 2);
        levels.quiet_run(edge, inward, longest).max(levels.frames(DECLICK).min(longest))
    };
    Ok(Chosen { first: start, past: end, fade_in: fade(FADE_IN, 1, start), fade_out: fade(FADE_OUT, -1, end) })
}

/// Raised-cosine fades at both ends of interleaved `samples`; lengths in frames.
pub fn fade(samples: &mut [f32], channels: u16, fade_in: usize, fade_out: usize) {
    let channels = usize::from(channels);
    let gain = |position: usize, length: usize| {
        0.5 - 0.5 * (std::f32::consts::PI * (position as f32 + 0.5) / length as f32).cos()
    };
    for (position, frame) in samples.chunks_exact_mut(channels).take(fade_in).enumerate() {
        frame.iter_mut().for_each(|sample| *sample *= gain(position, fade_in));
    }
    for (position, frame) in samples.rchunks_exact_mut(channels).take(fade_out).enumerate() {
        frame.iter_mut().for_each(|sample| *sample *= gain(position, fade_out));
    }
}

/// Short-time levels of a mix, all channels together.
struct Levels<'a> {
    mix: &'a Mix,
}

impl<'a> Levels<'a> {
    fn of(mix: &'a Mix) -> Self {
        Self { mix }
    }

    fn frames(&self, seconds: f64) -> usize {
        (seconds * f64::from(self.mix.rate)).round().max(1.0) as usize
    }

    /// RMS of the window around `frame` in dBFS, at least [`SILENCE`].
    fn at(&self, frame: usize) -> f64 {
        let half = self.frames(WINDOW / 2.0);
        let channels = usize::from(self.mix.channels);
        let first = frame.saturating_sub(half) * channels;
        let past = (frame + half).min(self.mix.frames()) * channels;
        let window = &self.mix.samples[first..past];
        let energy: f64 = window.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
        (10.0 * (energy / window.len().max(1) as f64).log10()).max(SILENCE)
    }

    /// The frame near `edge` that is about as quiet as any in its range and closest to `liked`.
    fn quietest(&self, edge: &Edge, liked: f64) -> usize {
        let (lowest, highest) = (edge.at.0 - REACH, edge.at.0 + REACH);
        let earliest = edge.earliest.0.max(lowest).min(edge.at.0);
        let latest = edge.latest.0.min(highest).max(edge.at.0);
        // Rounding goes inwards, so that no frame of a neighbouring word slips in.
        let rate = f64::from(self.mix.rate);
        let inside = |time: f64| (time - self.mix.start.0) * rate;
        let frames = self.mix.frames();
        let first = (inside(earliest) - 1e-6).ceil().clamp(0.0, frames as f64) as usize;
        let last = (inside(latest) + 1e-6).floor().clamp(0.0, frames as f64) as usize;
        if last <= first {
            return self.mix.frame_at(edge.at);
        }
        let step = self.frames(STEP);
        let points: Vec<(usize, f64)> =
            (first..last).step_by(step).chain([last]).map(|frame| (frame, self.at(frame))).collect();
        let quietest = points.iter().map(|&(_, level)| level).fold(f64::INFINITY, f64::min);
        let liked = inside(liked);
        points
            .into_iter()
            .filter(|&(_, level)| level <= quietest + ALIKE)
            .map(|(frame, _)| frame)
            .min_by(|&a, &b| (a as f64 - liked).abs().total_cmp(&(b as f64 - liked).abs()))
            .expect("the quietest point itself is among them")
    }

    /// How many frames from `edge` in the direction `inward` (1 or -1) stay about as quiet as the
    /// edge, at most `longest`.
    fn quiet_run(&self, edge: usize, inward: isize, longest: usize) -> usize {
        let bound = self.at(edge) + 2.0 * ALIKE;
        let step = self.frames(STEP);
        let mut run = 0;
        while run < longest {
            let next = (run + step).min(longest);
            let frame = edge.saturating_add_signed(inward * next as isize);
            if self.at(frame) > bound {
                break;
            }
            run = next;
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 8_000;

    /// Words as noisy bursts, pauses as faint noise. Returns the audio and the words' spans.
    fn speech_like(pattern: &[(f64, f64)], floor: f32) -> (Mix, Vec<Span>) {
        let mut samples = Vec::new();
        let mut words = Vec::new();
        let mut state = 1u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        for &(pause, word) in pattern {
            samples.extend((0..(pause * f64::from(RATE)) as usize).map(|_| noise() * floor));
            let start = samples.len() as f64 / f64::from(RATE);
            samples.extend((0..(word * f64::from(RATE)) as usize).map(|_| noise() * 0.3));
            words.push(Span::new(start, samples.len() as f64 / f64::from(RATE)));
        }
        samples.extend((0..RATE / 2).map(|_| noise() * floor));
        (Mix { rate: RATE, channels: 1, samples, start: Seconds(0.0) }, words)
    }

    fn sentences(words: &[Span], shift: &[f64]) -> Vec<Sentence> {
        words
            .iter()
            .zip(shift)
            .map(|(word, shift)| Sentence {
                span: Span::new(word.start.0 + shift, word.end.0 + shift),
                speaker: None,
                text: String::new(),
                words: Vec::new(),
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn with_timed_words_no_edge_is_inside_a_word(
            pattern in prop::collection::vec((0.0..0.6f64, 0.1..0.7f64), 4..12),
            floor in 0.0..0.01f32,
            pick in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let (mix, words) = speech_like(&pattern, floor);
            let (a, b) = (pick.0.index(words.len()), pick.1.index(words.len()));
            let range = (a.min(b) as u32, a.max(b) as u32 + 1);
            let sentences = sentences(&words, &vec![0.0; words.len()]);
            let cut = Cut::of_sentences(&sentences, range, Timing::Words).unwrap();
            let chosen = choose(&mix, &cut).unwrap();
            let frame = 1.0 / f64::from(RATE) + 1e-9;
            for edge in [mix.time_of(chosen.first).0, mix.time_of(chosen.past).0] {
                for word in &words {
                    prop_assert!(edge <= word.start.0 + frame || edge >= word.end.0 - frame, "{edge} in {word:?}");
                }
            }
            prop_assert!((mix.time_of(chosen.first).0 - cut.start.at.0).abs() <= REACH + frame);
            prop_assert!((mix.time_of(chosen.past).0 - cut.end.at.0).abs() <= REACH + frame);
        }

        #[test]
        fn with_wrong_times_the_audio_decides_and_no_word_is_cut(
            pattern in prop::collection::vec((0.2..0.6f64, 0.3..0.8f64), 5..10),
            shift in prop::collection::vec(-0.1..0.1f64, 10),
            floor in 0.0..0.01f32,
        ) {
            let (mix, words) = speech_like(&pattern, floor);
            let sentences = sentences(&words, &shift);
            let last = words.len() - 1;
            let cut = Cut::of_sentences(&sentences, (1, last as u32), Timing::Segments).unwrap();
            let chosen = choose(&mix, &cut).unwrap();
            let (start, end) = (mix.time_of(chosen.first).0, mix.time_of(chosen.past).0);
            let slack = 0.011; // half a level window
            prop_assert!(start <= words[1].start.0 + slack && start >= words[0].end.0 - slack);
            prop_assert!(end >= words[last - 1].end.0 - slack && end <= words[last].start.0 + slack);
        }
    }

    #[test]
    fn fades_fit_into_the_pause() {
        let (mix, words) = speech_like(&[(0.5, 0.5), (0.4, 0.5), (0.02, 0.5)], 0.001);
        let sentences = sentences(&words, &[0.0; 3]);
        let cut = Cut::of_sentences(&sentences, (1, 2), Timing::Words).unwrap();
        let chosen = choose(&mix, &cut).unwrap();
        let (start, end) = (mix.time_of(chosen.first).0, mix.time_of(chosen.past).0);
        let seconds = |frames: usize| frames as f64 / f64::from(RATE);
        assert!(start + seconds(chosen.fade_in) <= words[1].start.0 + 1e-3);
        assert!(end - seconds(chosen.fade_out) >= words[1].end.0 - 5e-3, "the pause of 20 ms holds no longer fade");
    }

    #[test]
    fn audio_that_ends_before_the_sentence_is_a_fault() {
        let (mix, _) = speech_like(&[(0.5, 0.5)], 0.001);
        let fault = choose(&mix, &Cut::around(Span::new(0.5, 9.0))).unwrap_err();
        assert_eq!(fault.code, "cut.span");
        assert!(choose(&mix, &Cut::around(Span::new(f64::NAN, 1.0))).is_err());
        assert!(choose(&mix, &Cut::around(Span::new(1.0, 0.5))).is_err());
    }

    #[test]
    fn fades_begin_and_end_near_zero_and_leave_the_middle_alone() {
        let mut samples = vec![1.0f32; 200];
        fade(&mut samples, 2, 10, 20);
        assert!(samples[0] < 0.01 && samples[1] < 0.01 && samples[199] < 0.01);
        assert!(samples[20..160].iter().all(|&sample| sample == 1.0));
        assert!(samples.windows(3).take(18).all(|w| w[0] <= w[2]));
    }
}
