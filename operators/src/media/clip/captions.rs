//! WebVTT of the clip, its times counted from the start of the clip.
//!
//! Cues follow the words: a new one begins with every sentence, and inside a long sentence as soon
//! as two lines of 42 characters or 7 s are full (the limits of broadcasters' subtitle guides).
//!
//! Invariant: cues are in order, do not overlap, lie inside the clip and last at least 1 ms.

use std::fmt::Write;

use super::encode::one_line;
use crate::record::piece::{Sentence, Word};
use crate::units::Span;

/// Characters per line.
const LINE: usize = 42;
/// Lines per cue.
const LINES: usize = 2;
/// Longest cue in seconds.
const LONGEST: f64 = 7.0;
/// Characters of a speaker's name that are kept.
const NAME: usize = 60;

/// The words of `sentences` that are spoken inside `span` (their middle counts) as a WebVTT file;
/// voices where the transcript names speakers. Sentences without words get words of equal pace.
pub fn webvtt(sentences: &[Sentence], span: Span) -> String {
    let mut file = String::from("WEBVTT\n");
    let length = milliseconds(span.length());
    let mut free = 0;
    for sentence in sentences {
        let speaker = sentence.speaker.as_deref().map(|name| one_line(name, NAME)).filter(|name| !name.is_empty());
        for cue in cues(&words_inside(sentence, span)) {
            let start = milliseconds(cue.span.start.0 - span.start.0).max(free);
            let end = milliseconds(cue.span.end.0 - span.start.0).max(start + 1).min(length);
            if start >= end {
                continue;
            }
            free = end;
            let voice = speaker.as_ref().map(|name| format!("<v {}>", escaped(name))).unwrap_or_default();
            let text: Vec<String> = cue.lines.iter().map(|line| escaped(line)).collect();
            write!(file, "\n{} --> {}\n{voice}{}\n", clock(start), clock(end), text.join("\n"))
                .expect("writing to a string");
        }
    }
    file
}

struct Cue {
    span: Span,
    lines: Vec<String>,
}

/// The words of one sentence, packed into cues.
fn cues(words: &[Word]) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    for word in words {
        match cues.last_mut() {
            Some(cue) if word.span.end.0 - cue.span.start.0 <= LONGEST && fits(cue, &word.text) => {
                append(cue, &word.text);
                cue.span.end = word.span.end;
            }
            _ => cues.push(Cue { span: word.span, lines: vec![word.text.clone()] }),
        }
    }
    cues
}

fn fits(cue: &Cue, word: &str) -> bool {
    cue.lines.len() < LINES || joined_width(cue, word) <= LINE
}

fn append(cue: &mut Cue, word: &str) {
    let fits = joined_width(cue, word) <= LINE;
    match cue.lines.last_mut() {
        Some(line) if fits => {
            line.push(' ');
            line.push_str(word);
        }
        _ => cue.lines.push(word.to_owned()),
    }
}

fn joined_width(cue: &Cue, word: &str) -> usize {
    cue.lines.last().map_or(0, |line| line.chars().count() + 1) + word.chars().count()
}

/// The sentence's words whose middle lies in `span`, cleaned, none longer than a line (a text
/// without spaces may come as one word).
fn words_inside(sentence: &Sentence, span: Span) -> Vec<Word> {
    let paced: Vec<Word>;
    let words = if sentence.words.is_empty() {
        paced = spread(sentence.span, sentence.text.split_whitespace().map(str::to_owned).collect());
        &paced
    } else {
        &sentence.words
    };
    words
        .iter()
        .filter(|word| (span.start.0..span.end.0).contains(&((word.span.start.0 + word.span.end.0) / 2.0)))
        .flat_map(|word| {
            let text: Vec<char> = one_line(&word.text, usize::MAX).chars().collect();
            spread(word.span, text.chunks(LINE).map(|part| part.iter().collect()).collect())
        })
        .collect()
}

/// `texts` one after another through `span`, each as long as its share of characters.
fn spread(span: Span, texts: Vec<String>) -> Vec<Word> {
    let total: usize = texts.iter().map(|text| text.chars().count()).sum();
    let time = |before: usize| span.start.0 + span.length() * before as f64 / total.max(1) as f64;
    let mut before = 0;
    texts
        .into_iter()
        .map(|text| {
            let start = before;
            before += text.chars().count();
            Word { span: Span::new(time(start), time(before)), text }
        })
        .collect()
}

/// Text that no WebVTT parser takes for markup, a timing line or a character reference.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sentence(start: f64, end: f64, speaker: Option<&str>, text: &str) -> Sentence {
        Sentence {
            span: Span::new(start, end),
            speaker: speaker.map(str::to_owned),
            text: text.to_owned(),
            words: spread(Span::new(start, end), text.split_whitespace().map(str::to_owned).collect()),
        }
    }

    #[test]
    fn times_count_from_the_clip_and_voices_are_named() {
        let sentences = [
            sentence(8.0, 9.0, None, "Not in it."),
            sentence(10.0, 11.5, Some("Ada <L>"), "Hello & welcome."),
            sentence(12.0, 13.0, None, "if a-->b then"),
        ];
        assert_eq!(
            webvtt(&sentences, Span::new(9.9, 13.0)),
            "WEBVTT\n\n00:00:00.100 --> 00:00:01.600\n<v Ada &lt;L&gt;>Hello &amp; welcome.\n\
             \n00:00:02.100 --> 00:00:03.100\nif a--&gt;b then\n"
        );
    }

    #[test]
    fn a_text_without_spaces_is_split() {
        let cjk = "語".repeat(200);
        let file = webvtt(&[sentence(0.0, 20.0, None, &cjk)], Span::new(0.0, 20.0));
        assert_eq!(file.matches('語').count(), 200);
        assert!(file.lines().all(|line| line.chars().count() <= LINE));
    }

    #[test]
    fn a_sentence_without_words_still_gets_its_text() {
        let bare = Sentence { words: Vec::new(), ..sentence(0.0, 4.0, None, "one two three") };
        assert!(webvtt(&[bare], Span::new(0.0, 4.0)).contains("\none two three\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn cues_are_ordered_short_and_never_broken(
            texts in prop::collection::vec(("\\PC{0,120}", -1.0..6.0f64, -1.0..9.0f64), 0..12),
            speaker in prop::option::of("\\PC{0,20}"),
        ) {
            let mut at = 0.0;
            let sentences: Vec<Sentence> = texts.iter().map(|(text, gap, length)| {
                at += gap;
                sentence(at, at + length, speaker.as_deref(), text)
            }).collect();
            let file = webvtt(&sentences, Span::new(2.0, 30.0));
            let mut last = 0;
            for block in file.trim_end().split("\n\n").skip(1) {
                let mut lines = block.lines();
                let (start, end) = lines.next().unwrap().split_once(" --> ").unwrap();
                let parse = |text: &str| {
                    let parts: Vec<u64> = text.split([':', '.']).map(|part| part.parse().unwrap()).collect();
                    ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + parts[3]
                };
                prop_assert!(last <= parse(start) && parse(start) < parse(end) && parse(end) <= 28_000);
                last = parse(end);
                let text: Vec<&str> = lines.collect();
                prop_assert!((1..=LINES).contains(&text.len()));
                prop_assert!(text.iter().all(|line| !line.is_empty() && !line.contains("-->")));
            }
        }
    }
}
