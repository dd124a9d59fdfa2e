//! Speakers named in the text itself: `Name: `, `[Name]: `, `>> Name: `.
//!
//! A colon follows many words that are no names, so a candidate is believed only when the file as
//! a whole speaks for it; otherwise it goes back into the text.

use std::collections::HashMap;
use std::sync::Arc;

use super::clean;
use super::draft::{Draft, TimedWord, UNKNOWN, Voice};
use super::repairs::Repairs;

/// Longest label in bytes.
const LONGEST: usize = 48;

/// Words that stand before a colon without being names.
const NOT_NAMES: [&str; 28] = [
    "answer", "because", "but", "chapter", "episode", "example", "fact", "first", "http", "https", "lesson", "listen",
    "note", "number", "part", "point", "problem", "question", "result", "rule", "second", "so", "spoiler", "step",
    "third", "tip", "update", "warning",
];

/// Names for nobody.
const NOBODY: [&str; 5] = ["", "unknown", "unknown speaker", "?", "speaker ?"];

/// Splits a label off the start of a line, if there is one.
pub(super) fn split(line: &str) -> (Voice, &str) {
    let line = line.trim_start();
    let line = line.trim_start_matches(">>").trim_start();
    if let Some((name, rest)) = bracketed(line) {
        return (Voice::Label(Arc::from(clean::name(name))), rest);
    }
    let head = &line[..line.floor_char_boundary(LONGEST)];
    let Some((name, _)) = head.split_once(':') else { return (Voice::None, line) };
    let rest = &line[name.len() + 1..];
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
    if ends && is_name(name) { (Voice::Maybe(Arc::from(clean::name(name))), rest) } else { (Voice::None, line) }
}

/// `[Name]: rest` and `[Name] rest` are both in use; without a colon a bracket is a remark.
fn bracketed(line: &str) -> Option<(&str, &str)> {
    let head = line[..line.floor_char_boundary(LONGEST)].strip_prefix('[')?;
    let (name, _) = head.split_once(']')?;
    let rest = line[name.len() + 2..].strip_prefix(':')?;
    name.starts_with(char::is_alphabetic).then_some((name, rest))
}

/// One to four words, each with a capital or a number, no punctuation of sentences.
fn is_name(name: &str) -> bool {
    let words: Vec<&str> = name.split(' ').collect();
    let lower = words[0].to_lowercase();
    words.len() <= 4
        && !NOT_NAMES.contains(&lower.as_str())
        && name.starts_with(|c: char| c.is_alphabetic() && !c.is_lowercase())
        && words.iter().all(|word| {
            let first = word.chars().next();
            let particle =
                ["and", "de", "van", "von", "der", "den", "la", "el", "al", "bin", "of", "the", "&"].contains(word);
            let titled = first.is_some_and(|c| c.is_alphanumeric() && !c.is_lowercase());
            (titled || particle) && word.chars().all(|c| c.is_alphanumeric() || ".'’-&_#".contains(c))
        })
}

/// Believes the labels that the file speaks for, gives the others back to the text, and lets a
/// label hold until the next one.
pub(super) fn settle(list: &mut [Draft], repairs: &mut Repairs) {
    let mut counts: HashMap<Arc<str>, u32> = HashMap::new();
    for draft in list.iter() {
        if let Voice::Maybe(name) = &draft.voice {
            *counts.entry(name.clone()).or_default() += 1;
        }
    }
    let repeated = counts.values().filter(|count| **count > 1).count();
    let numbered = |name: &str| name.ends_with(|c: char| c.is_ascii_digit());
    // Where every other paragraph begins so, it is how the file is written.
    let usual = repeated > 0 && counts.values().sum::<u32>() as usize * 2 >= list.len();
    let believed = |name: &Arc<str>| {
        counts[name] > 1
            || usual
            || numbered(name)
            || repeated >= 2 && name.split(' ').count() <= 3
            || repeated == 1 && name.contains(' ')
    };
    let mut speaking = Voice::None;
    for draft in list {
        match &draft.voice {
            Voice::None => draft.voice = speaking.clone(),
            Voice::Named(_) => speaking = Voice::None,
            Voice::Label(_) => speaking = draft.voice.clone(),
            Voice::Maybe(name) if believed(name) => {
                draft.voice = Voice::Label(name.clone());
                speaking = draft.voice.clone();
            }
            Voice::Maybe(name) => {
                let name = name.clone();
                repairs.add("words before a colon taken as text, not as a speaker", draft.place);
                put_back(draft, &name);
                draft.voice = speaking.clone();
            }
        }
    }
}

/// Makes a label text again.
fn put_back(draft: &mut Draft, name: &str) {
    draft.text = format!("{name}: {}", draft.text);
    if !draft.words.is_empty() {
        let label = format!("{name}:");
        let words = label.split(' ').map(|word| TimedWord { start: UNKNOWN, end: UNKNOWN, text: word.to_owned() });
        draft.words.splice(0..0, words);
    }
}

/// The speaker of a settled draft; `None` for nobody.
pub(super) fn speaker(voice: &Voice) -> Option<String> {
    let (Voice::Named(name) | Voice::Label(name)) = voice else { return None };
    let nobody = NOBODY.iter().any(|nobody| name.eq_ignore_ascii_case(nobody));
    (!nobody).then(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Voice, split};

    #[test]
    fn labels_are_told_from_other_colons() {
        for (line, name, rest) in [
            ("Wes Bos: Hello", "Wes Bos", " Hello"),
            ("[Guest 2]: Welcome", "Guest 2", " Welcome"),
            (">> Dr. O'Neil-Smith: Hi", "Dr. O'Neil-Smith", " Hi"),
            ("Juan de la Cruz: Hi", "Juan de la Cruz", " Hi"),
            ("Ведущий: Привет", "Ведущий", " Привет"),
        ] {
            match split(line) {
                (Voice::Maybe(found) | Voice::Label(found), text) => {
                    assert_eq!((&*found, text), (name, rest), "{line}")
                }
                other => panic!("{line}: {other:?}"),
            }
        }
        for line in [
            "here is why: it works",
            "Note: careful",
            "10:30 we met",
            "https://x.org",
            "It was late. Anna: no",
            "[Music] hi",
            "A:b",
        ] {
            assert_eq!(split(line), (Voice::None, line), "{line}");
        }
    }
}
