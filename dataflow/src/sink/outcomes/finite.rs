//! JSON has no infinities. A silent clip measures -inf LUFS, a broken feature NaN; written as they
//! are they would become `null` and the row could not be read back.
//!
//! Invariant: what comes out of here is read back as it was written.

use hark_operators::record::outcome::{Clip, Picture, Selection, StageTime};
use hark_operators::units::Span;

/// Stands for "as quiet as nothing" in LUFS and dBTP: below any meter's range.
const SILENCE: f64 = -200.0;

/// The selection with what could not be measured left out.
pub(super) fn selection(mut selection: Selection) -> Selection {
    span(&mut selection.span);
    selection.scores.retain(|_, score| score.is_finite());
    for gate in selection.gates.values_mut() {
        gate.measured = gate.measured.filter(|measured| measured.is_finite());
    }
    selection
}

/// The clip with silence as [`SILENCE`].
pub(super) fn clip(mut clip: Clip) -> Clip {
    or(&mut clip.loudness_lufs, SILENCE);
    or(&mut clip.true_peak_dbtp, SILENCE);
    or(&mut clip.seconds, 0.0);
    clip
}

/// The picture without spans that have no place.
pub(super) fn picture(mut picture: Picture) -> Picture {
    or(&mut picture.seconds, 0.0);
    for spans in [&mut picture.speech, &mut picture.music, &mut picture.adverts] {
        spans.retain(|span| span.start.0.is_finite() && span.end.0.is_finite());
    }
    picture
}

/// The time with what no clock showed as 0.
pub(super) fn time(mut time: StageTime) -> StageTime {
    or(&mut time.queued, 0.0);
    or(&mut time.computing, 0.0);
    time
}

/// The number, or 0.
pub(super) fn number(mut number: f64) -> f64 {
    or(&mut number, 0.0);
    number
}

fn span(span: &mut Span) {
    or(&mut span.start.0, 0.0);
    or(&mut span.end.0, span.start.0);
}

fn or(number: &mut f64, instead: f64) {
    if !number.is_finite() {
        *number = instead;
    }
}
