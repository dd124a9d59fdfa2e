//! The whole episode as a picture: level as bars, the chosen span in its own colour, and a lane
//! each for speech, music, adverts and what other episodes hold too.
//!
//! ```text
//!        ┃ ┃╻┃┃   ┌─────────┐
//!  ╻┃┃╻┃┃┃┃┃┃┃┃╻┃┃│┃┃┃┃╻┃┃┃┃│┃╻┃┃┃╻
//!        ┃ ┃╹┃┃   └─────────┘
//!   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━     speech
//!  ━━                            ━    music
//!            ━━━━                     adverts
//!   ━━                          ━━    parts that other episodes hold too
//! ```
//!
//! Place tells the lanes apart as well as colour does. Everything is in a few paths, so that a page
//! of ten thousand episodes stays light.

use std::fmt::Write;

use hark_operators::record::outcome::Picture;
use hark_operators::record::part::Part;
use hark_operators::units::Span;
use maud::{Markup, html};

use super::wording::clock;

/// Units per bar along the picture.
const STEP: usize = 4;
/// The bars are symmetric about this height.
const MIDDLE: usize = 24;
/// The full-scale bar reaches so far from the middle.
const REACH: usize = 22;
/// Height of the whole picture.
const HEIGHT: usize = 69;

/// The picture of an episode in at most `bars` bars; `None` when nothing is known of its audio.
/// `chosen` is the preview's span.
pub fn wave(picture: &Picture, chosen: Option<Span>, bars: usize) -> Option<Markup> {
    if picture.level.is_empty() || picture.seconds.partial_cmp(&0.0).is_none_or(std::cmp::Ordering::is_le) {
        return None;
    }
    let levels = fold(&picture.level, bars);
    let scale = Scale { seconds: picture.seconds, width: levels.len() * STEP };
    let window = chosen.map(|span| scale.place(span));
    let (inside, outside) = strokes(&levels, window);
    let spoken = spoken(picture, chosen);
    Some(html! {
        svg class="wave" role="img" aria-label=(spoken) viewBox={ "0 0 " (scale.width) " " (HEIGHT) }
            preserveAspectRatio="none" data-seconds=(picture.seconds)
            data-start=[chosen.map(|span| span.start.0)] data-end=[chosen.map(|span| span.end.0)] {
            @if let Some((from, to)) = window {
                rect class="window" x=(from) y="0" width=(to - from) height=(HEIGHT) {}
            }
            path class="level" d=(outside) {}
            path class="level chosen" d=(inside) {}
            (lane("speech", &picture.speech, 51, &scale))
            (lane("music", &picture.music, 56, &scale))
            (lane("adverts", &picture.adverts, 61, &scale))
            (lane("repeated", &repeated(picture), 66, &scale))
        }
    })
}

/// Where other episodes hold the same.
pub fn repeated(picture: &Picture) -> Vec<Span> {
    picture.repeated.iter().map(Part::span).collect()
}

/// Share of the episode that `spans` cover, in percent.
pub fn percent(spans: &[Span], seconds: f64) -> f64 {
    let covered: f64 = spans.iter().map(|span| span.length().max(0.0)).sum();
    if seconds > 0.0 { (100.0 * covered / seconds).min(100.0) } else { 0.0 }
}

/// What the picture shows, for those who do not see it.
fn spoken(picture: &Picture, chosen: Option<Span>) -> String {
    let mut text = format!("Level over {}", clock(picture.seconds));
    if let Some(span) = chosen {
        text += &format!("; the preview runs from {} to {}", clock(span.start.0), clock(span.end.0));
    }
    let repeated = repeated(picture);
    let lanes = [
        ("speech", &picture.speech),
        ("music", &picture.music),
        ("adverts", &picture.adverts),
        ("repeated elsewhere", &repeated),
    ];
    for (name, spans) in lanes {
        text += &format!("; {name} {:.0} %", percent(spans, picture.seconds));
    }
    text
}

struct Scale {
    seconds: f64,
    width: usize,
}

impl Scale {
    /// Where a span lies along the picture, at least one bar wide and inside it.
    fn place(&self, span: Span) -> (usize, usize) {
        let at = |seconds: f64| (seconds / self.seconds * self.width as f64).clamp(0.0, self.width as f64);
        let from = (at(span.start.0).round() as usize).min(self.width - STEP);
        let to = (at(span.end.0).round() as usize).max(from + STEP).min(self.width);
        (from, to)
    }
}

/// The loudest of neighbouring bins, so that at most `bars` are left and no peak is lost.
fn fold(level: &[u8], bars: usize) -> Vec<u8> {
    let bars = bars.clamp(1, level.len());
    let edge = |bar: usize| bar * level.len() / bars;
    (0..bars).map(|bar| level[edge(bar)..edge(bar + 1)].iter().copied().max().unwrap_or(0).min(100)).collect()
}

/// One path of the bars inside `window`, one of those outside.
fn strokes(levels: &[u8], window: Option<(usize, usize)>) -> (String, String) {
    let (mut inside, mut outside) = (Pen::default(), Pen::default());
    for (bar, level) in levels.iter().enumerate() {
        let x = bar * STEP + STEP / 2;
        let chosen = window.is_some_and(|(from, to)| (from..to).contains(&x));
        let pen = if chosen { &mut inside } else { &mut outside };
        pen.bar(x, (usize::from(*level) * REACH / 100).max(1));
    }
    (inside.path, outside.path)
}

/// Draws bars with relative moves, which are shorter to write than absolute ones.
#[derive(Default)]
struct Pen {
    path: String,
    x: usize,
    y: usize,
}

impl Pen {
    fn bar(&mut self, x: usize, half: usize) {
        let top = MIDDLE - half;
        let written = if self.path.is_empty() {
            write!(self.path, "M{x} {top}v{}", 2 * half)
        } else {
            // A minus sign parts the numbers: the next bar always begins above the end of this one.
            write!(self.path, "m{}-{}v{}", x - self.x, self.y - top, 2 * half)
        };
        written.expect("a String takes all that is written");
        (self.x, self.y) = (x, MIDDLE + half);
    }
}

fn lane(class: &str, spans: &[Span], y: usize, scale: &Scale) -> Markup {
    let path = stretches(spans, y, scale);
    html! { @if !path.is_empty() { path class=(class) d=(path) {} } }
}

/// The spans as strokes; those that touch at this scale are one.
fn stretches(spans: &[Span], y: usize, scale: &Scale) -> String {
    let mut places: Vec<_> = spans.iter().filter(|span| span.length() > 0.0).map(|span| scale.place(*span)).collect();
    places.sort_unstable();
    let mut joined: Vec<(usize, usize)> = Vec::new();
    for (from, to) in places {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined.iter().map(|(from, to)| format!("M{from} {y}h{}", to - from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_every_peak() {
        assert_eq!(fold(&[1, 9, 2, 3, 200, 4], 3), [9, 3, 100]);
        assert_eq!(fold(&[5, 6], 200), [5, 6]);
        let level: Vec<u8> = (0..599).map(|bin| u8::from(bin == 597)).collect();
        assert_eq!(fold(&level, 200).iter().filter(|bar| **bar == 1).count(), 1);
    }

    #[test]
    fn bars_inside_the_chosen_span_are_a_path_of_their_own() {
        let (inside, outside) = strokes(&[100, 50, 100], Some((4, 8)));
        assert_eq!(inside, "M6 13v22");
        assert_eq!(outside, "M2 2v44m8-44v44");
    }

    #[test]
    fn spans_that_touch_are_one_stroke_and_none_leaves_the_picture() {
        let scale = Scale { seconds: 100.0, width: 100 };
        let spans = [
            Span::new(50.0, 60.0),
            Span::new(0.0, 20.0),
            Span::new(19.0, 30.0),
            Span::new(99.0, 500.0),
            Span::new(7.0, 7.0),
        ];
        assert_eq!(stretches(&spans, 5, &scale), "M0 5h30M50 5h10M96 5h4");
    }

    #[test]
    fn an_episode_without_audio_has_no_picture() {
        assert!(wave(&Picture::default(), None, 200).is_none());
        let broken = Picture { seconds: f64::NAN, level: vec![1], ..Picture::default() };
        assert!(wave(&broken, None, 200).is_none());
    }
}
