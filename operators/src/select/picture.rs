//! What the result page draws: the whole episode in at most [`PICTURE_BINS`] bins.
//!
//! Invariant: spans are sorted and lie inside the episode; an episode without audio has no level.

use super::features::Episode;
use super::sound::{music_spans, speech_spans};
use crate::record::finding::Dossier;
use crate::record::outcome::{PICTURE_BINS, Picture};
use crate::units::Span;

/// Draws a dossier: the loudest level of each bin (-60 dBFS and below is 0, full scale 100), the
/// stretches of speech, of music and of adverts.
pub(super) fn picture(dossier: &Dossier, episode: &Episode) -> Picture {
    let seconds = episode.timeline.seconds;
    let inside = |spans: Vec<Span>| {
        let clipped = spans.into_iter().map(|s| Span::new(s.start.0.min(seconds), s.end.0.min(seconds)));
        clipped.filter(|span| span.length() > 0.0).collect()
    };
    Picture {
        seconds,
        level: bins(&dossier.level),
        speech: inside(speech_spans(&dossier.speech)),
        music: inside(music_spans(&dossier.music)),
        adverts: inside(episode.adverts.clone()),
        repeated: dossier.repeated.to_vec(),
    }
}

fn bins(level: &[i8]) -> Vec<u8> {
    let count = level.len().min(PICTURE_BINS);
    let bin = |index: usize| {
        let (from, to) = (index * level.len() / count, (index + 1) * level.len() / count);
        let loudest = level[from..to].iter().copied().max().unwrap_or(-127);
        (f64::from(loudest.clamp(-60, 0)) / 60.0).mul_add(100.0, 100.0).round() as u8
    };
    (0..count).map(bin).collect()
}
