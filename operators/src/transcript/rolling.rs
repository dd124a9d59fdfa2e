//! Captions that roll: each cue repeats what the one before it showed and adds a little.

use super::draft::Draft;
use super::repairs::Repairs;

/// Words of the previous cue that are compared.
const REACH: usize = 60;
/// A following cue begins no later than this many seconds after the one that it repeats.
const NEAR: f64 = 1.0;

/// Removes repeated beginnings, if the file as a whole rolls. Takes drafts sorted by start.
pub(super) fn unroll(list: &mut Vec<Draft>, repairs: &mut Repairs) {
    let pairs = list.windows(2).filter(|pair| near(&pair[0], &pair[1])).count();
    let repeats =
        list.windows(2).filter(|pair| near(&pair[0], &pair[1]) && repeated(&pair[0].text, &pair[1].text) > 1).count();
    if repeats < 2 || repeats * 10 < pairs * 3 {
        return;
    }
    repairs.note(format!("captions that roll: repeated beginnings removed from {repeats} cues"));
    let mut shown = String::new();
    let mut until = f64::NEG_INFINITY;
    for draft in list.iter_mut() {
        let cut = if draft.start <= until + NEAR { repeated(&shown, &draft.text) } else { 0 };
        shown.clone_from(&draft.text);
        until = draft.end;
        if cut == 0 {
            continue;
        }
        draft.text = draft.text.split(' ').skip(cut).collect::<Vec<_>>().join(" ");
        if !draft.words.is_empty() {
            draft.words.drain(..cut.min(draft.words.len()));
        }
        if let Some(first) = draft.words.first_mut()
            && first.start.is_nan()
        {
            first.start = draft.start;
        }
        if draft.words.iter().map(|word| word.text.len()).sum::<usize>()
            != draft.text.bytes().filter(|byte| *byte != b' ').count()
        {
            draft.words.clear();
        }
    }
    list.retain(|draft| !draft.text.is_empty());
}

fn near(before: &Draft, after: &Draft) -> bool {
    after.start <= before.end + NEAR
}

/// How many leading words of `after` are the trailing words of `before`.
fn repeated(before: &str, after: &str) -> usize {
    let mut tail: Vec<&str> = before.rsplit(' ').take(REACH).collect();
    tail.reverse();
    let head: Vec<&str> = after.split(' ').take(REACH).collect();
    (1..=tail.len().min(head.len())).rev().find(|count| tail[tail.len() - count..] == head[..*count]).unwrap_or(0)
}
