//! Drafts to segments: what a file says to what we believe, step by step, each step counted.

use super::draft::{Draft, Drafts};
use super::repairs::Repairs;
use super::sniff::Format;
use super::{STAGE, Segment, Transcript, label, merge, overlap, pace, rolling, timing, tokens};
use crate::fault::Fault;
use crate::record::piece::Timing;
use crate::units::Span;

/// Share of words with times of their own from which a file counts as timed by words.
const TIMED: f64 = 0.8;
/// Words per second that nobody speaks: times that ask for more are no times.
const IMPOSSIBLE: f64 = 25.0;
/// Words per second below which times are milliseconds.
const MILLISECONDS: f64 = 0.02;

/// Brings drafts into order. `duration` is the length of the audio in seconds, if known.
pub(super) fn mend(drafts: Drafts, format: Format, duration: Option<f64>) -> Result<Transcript, Fault> {
    let Drafts { mut list, mut repairs, .. } = drafts;
    if list.is_empty() {
        return Err(nothing("the file holds no spoken text".into(), &repairs));
    }
    label::settle(&mut list, &mut repairs);
    let anchored = list.iter().filter(|draft| draft.start.is_finite()).count();
    let timing = if format.is_prose() || anchored * 2 < list.len() || impossible(&mut list, &mut repairs) {
        let share = pace::place(&mut list, duration, &mut repairs);
        if share >= 0.5 { Timing::Segments } else { Timing::Estimated }
    } else {
        overlap::fill(&mut list, &mut repairs);
        overlap::sort(&mut list, &mut repairs);
        if format.is_captions() {
            rolling::unroll(&mut list, &mut repairs);
        }
        let (first, last) = (list[0].start, list[list.len() - 1].start);
        overlap::within(&mut list, duration, &mut repairs);
        if list.is_empty() {
            let audio = duration.unwrap_or_default();
            return Err(nothing(
                format!("every time ({first:.1} to {last:.1} s) is after the end of the audio ({audio:.1} s)"),
                &repairs,
            ));
        }
        overlap::trim(&mut list, &mut repairs);
        list = merge::join(list);
        Timing::Segments
    };
    let (segments, timed) = segments(list, timing, &mut repairs);
    let timing = if timed >= TIMED { Timing::Words } else { timing };
    Ok(Transcript { segments, timing, format, repairs: repairs.into_lines() })
}

fn nothing(what: String, repairs: &Repairs) -> Fault {
    let noun = repairs.noun();
    let remedy = "check that the transcript belongs to this episode, or leave it out of the feed";
    Fault::poison(STAGE, "nothing_usable", format!("{what} (read by {noun})"), remedy)
}

/// Makes segments with words; also the share of words that keep times of their own.
fn segments(list: Vec<Draft>, timing: Timing, repairs: &mut Repairs) -> (Vec<Segment>, f64) {
    let (mut all, mut timed) = (0_usize, 0_usize);
    let mut segments = Vec::with_capacity(list.len());
    for draft in list {
        let Draft { start, end, voice, text, words, place } = draft;
        let span = Span::new(start, end.max(start));
        let offered = words.len();
        let settled = if timing == Timing::Segments && offered > 0 { timing::settle(words, span) } else { None };
        if settled.is_none() && offered > 0 {
            repairs.add("times of words outside of their segment, not used", place);
        }
        let words = match settled {
            Some(words) => {
                timed += words.len();
                words
            }
            None => timing::spread(&text, span),
        };
        all += words.len();
        segments.push(Segment { span, speaker: label::speaker(&voice), text, words });
    }
    (segments, timed as f64 / all.max(1) as f64)
}

/// Whether the times of the whole file cannot be times; milliseconds are made seconds on the way.
fn impossible(list: &mut [Draft], repairs: &mut Repairs) -> bool {
    let words: f64 = list.iter().map(|draft| tokens::count(&draft.text) as f64).sum();
    let times = || list.iter().flat_map(|draft| [draft.start, draft.end]).filter(|time| time.is_finite());
    let (first, last) =
        times().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), time| (low.min(time), high.max(time)));
    if !first.is_finite() {
        return true;
    }
    let length = last - first;
    if words >= 30.0 && words < MILLISECONDS * length {
        repairs.note("times read as milliseconds".into());
        for draft in list.iter_mut() {
            draft.start /= 1000.0;
            draft.end /= 1000.0;
            for word in &mut draft.words {
                word.start /= 1000.0;
                word.end /= 1000.0;
            }
        }
        return false;
    }
    let impossible = words > 30.0 && words > IMPOSSIBLE * length;
    if impossible {
        repairs.note(format!("the times leave {length:.1} s for {words} words; estimated instead"));
        for draft in list.iter_mut() {
            draft.start = f64::NAN;
        }
    }
    impossible
}
