//! Drafts in order of time: times made sane, duplicates dropped, lingering cues trimmed.

use super::clock;
use super::draft::{Draft, UNKNOWN};
use super::pace;
use super::repairs::Repairs;

/// A reversed pair of times this far apart is a slip of one of them, not of their order.
const SWAPPED: f64 = 30.0;

/// Gives every draft a start and an end that make sense by themselves, unknown ones taken from
/// the neighbours in the file.
pub(super) fn fill(list: &mut [Draft], repairs: &mut Repairs) {
    for draft in list.iter_mut() {
        sane(draft, repairs);
    }
    let mut before = 0.0_f64;
    for at in 0..list.len() {
        let next = list.get(at + 1).map_or(f64::NAN, |next| next.start);
        let draft = &mut list[at];
        if draft.start.is_nan() {
            draft.start = if draft.end.is_nan() { before } else { before.min(draft.end) };
        }
        if draft.end.is_nan() {
            let slow = draft.start + pace::longest(&draft.text);
            draft.end = if next > draft.start { next.min(slow) } else { draft.start + pace::seconds(&draft.text) };
        }
        before = draft.end;
    }
}

fn sane(draft: &mut Draft, repairs: &mut Repairs) {
    for time in [&mut draft.start, &mut draft.end] {
        if !time.is_nan() && clock::known(*time).is_none() {
            repairs.add("time that cannot be meant, taken from the neighbours", draft.place);
            *time = UNKNOWN;
        }
    }
    if draft.start < 0.0 || draft.end < 0.0 {
        repairs.add("negative time", draft.place);
        let whole = draft.end < 0.0;
        draft.start = if whole { UNKNOWN } else { 0.0 };
        draft.end = if whole { UNKNOWN } else { draft.end };
    }
    if draft.end < draft.start {
        if draft.start - draft.end <= SWAPPED {
            repairs.add("end before start, exchanged", draft.place);
            std::mem::swap(&mut draft.start, &mut draft.end);
        } else {
            repairs.add("end long before start, taken from the neighbours", draft.place);
            draft.end = UNKNOWN;
        }
    }
}

/// Sorts by start and drops what is said twice at one time.
pub(super) fn sort(list: &mut Vec<Draft>, repairs: &mut Repairs) {
    for pair in list.windows(2).filter(|pair| pair[1].start < pair[0].start) {
        repairs.add("out of order, sorted", pair[1].place);
    }
    list.sort_by(|a, b| a.start.total_cmp(&b.start));
    list.dedup_by(|after, before| {
        let same =
            (after.start - before.start).abs() < 0.05 && after.text == before.text && after.voice == before.voice;
        if same {
            repairs.add("the same again, dropped", after.place);
        }
        same
    });
}

/// Drops what begins after the audio has ended, and shortens what outlasts it.
pub(super) fn within(list: &mut Vec<Draft>, duration: Option<f64>, repairs: &mut Repairs) {
    let Some(duration) = duration else { return };
    list.retain(|draft| {
        let keep = draft.start < duration;
        if !keep {
            repairs.add("begins after the end of the audio, dropped", draft.place);
        }
        keep
    });
    for draft in list {
        if draft.end > duration {
            // Half a second is how writers round.
            if draft.end > duration + 0.5 {
                repairs.add("ends after the end of the audio, shortened", draft.place);
            }
            draft.end = duration;
        }
    }
}

/// Ends a cue where the next one of the same voice begins: it lingered on the screen. Overlaps of
/// different voices are talk at the same time and stay; so do cues with times of their own for
/// words.
pub(super) fn trim(list: &mut [Draft], repairs: &mut Repairs) {
    let mut longest = 0;
    for at in 1..list.len() {
        for earlier in [at - 1, longest] {
            let (before, after) = list.split_at_mut(at);
            let (before, after) = (&mut before[earlier], &after[0]);
            let lingers = before.end > after.start && before.start < after.start && before.words.is_empty();
            if lingers && before.voice == after.voice && after.end >= before.end {
                if before.end > after.start + 0.1 {
                    repairs.add("overlaps the next one, shortened", before.place);
                }
                before.end = after.start;
            }
        }
        if list[at].end >= list[longest].end {
            longest = at;
        }
    }
}
