//! What happens to a transcript on its way to another host, done to real ones.

use hark_operators::likeness::text::Signature;
use hark_operators::record::piece::Word;
use hark_operators::units::Span;

use super::material::{Text, sign, words};

/// One way to copy a transcript.
pub struct Kind {
    pub name: &'static str,
    /// The copies must all be found.
    pub promised: bool,
    /// Talks shorter than this, in seconds, are left out: two minutes of advert are more than they are.
    pub least_seconds: f64,
    pub make: fn(&[Word], &[Word]) -> Signature,
}

/// Seconds of an advert, and of a cut.
const ADVERT: f64 = 60.0;

const fn kind(name: &'static str, promised: bool, least_seconds: f64, make: fn(&[Word], &[Word]) -> Signature) -> Kind {
    Kind { name, promised, least_seconds, make }
}

/// Every way, the mildest first.
pub const KINDS: [Kind; 11] = [
    kind("as WebVTT, seven words a cue", true, 0.0, |words, _| as_captions(words)),
    kind("as plain text in lines", true, 0.0, |words, _| as_lines(words)),
    kind("in capitals, no marks", true, 0.0, |words, _| in_capitals(words)),
    kind("first 60 s cut", true, 120.0, |words, _| sign(&after(words, ADVERT))),
    kind("last 60 s cut", true, 120.0, |words, _| sign(&before(words, end(words) - ADVERT))),
    kind("advert of 60 s at two places", true, 0.0, |words, advert| sign(&interrupted(words, advert))),
    kind("5 % of words changed", true, 0.0, |words, _| sign(&misheard(words, 5))),
    kind("5 % changed, two adverts, 60 s cut at both ends", true, 600.0, |words, advert| {
        let heard = misheard(&before(&after(words, ADVERT), end(words) - ADVERT), 5);
        sign(&interrupted(&heard, advert))
    }),
    kind("10 % of words changed", false, 0.0, |words, _| sign(&misheard(words, 10))),
    kind("15 % of words changed", false, 0.0, |words, _| sign(&misheard(words, 15))),
    kind("20 % of words changed", false, 0.0, |words, _| sign(&misheard(words, 20))),
];

/// What one sponsor says in a minute, inside a talk.
pub fn advert(texts: &[Text]) -> Vec<Word> {
    let talk = texts.iter().find(|text| text.name == "syntax_120.srt").expect("a talk with a sponsor");
    let from = talk.words.iter().position(|word| word.text.contains("sponsor")).expect("its sponsor");
    let start = talk.words[from].span.start.0;
    before(&after(&talk.words, start), start + ADVERT)
}

/// When the last word ends.
pub fn end(words: &[Word]) -> f64 {
    words.iter().map(|word| word.span.end.0).fold(0.0, f64::max)
}

fn after(words: &[Word], seconds: f64) -> Vec<Word> {
    words.iter().filter(|word| word.span.start.0 >= seconds).cloned().collect()
}

fn before(words: &[Word], seconds: f64) -> Vec<Word> {
    words.iter().filter(|word| word.span.start.0 < seconds).cloned().collect()
}

fn interrupted(words: &[Word], advert: &[Word]) -> Vec<Word> {
    let (first, rest) = words.split_at(words.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    [first, advert, second, advert, third].concat()
}

/// So many of a hundred words replaced, left out or followed by another, by turns.
fn misheard(words: &[Word], percent: u64) -> Vec<Word> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    };
    let mut heard = Vec::new();
    for word in words {
        if next() % 100 >= percent {
            heard.push(word.clone());
            continue;
        }
        let other = words[(next() % words.len() as u64) as usize].clone();
        match next() % 3 {
            0 => {}
            1 => heard.push(other),
            _ => heard.extend([word.clone(), other]),
        }
    }
    heard
}

fn as_captions(said: &[Word]) -> Signature {
    let clock = |seconds: f64| {
        let whole = seconds as u64;
        format!("{:02}:{:02}:{:06.3}", whole / 3600, whole / 60 % 60, seconds % 60.0)
    };
    let mut file = "WEBVTT\n\n".to_owned();
    for (cue, words) in said.chunks(7).enumerate() {
        let span = Span::new(cue as f64 * 3.0, cue as f64 * 3.0 + 2.9);
        let text = line(words).replace('&', "&amp;").replace('<', "&lt;");
        file += &format!("{} --> {}\n{text}\n\n", clock(span.start.0), clock(span.end.0));
    }
    sign(&words(file.as_bytes(), "copy.vtt").expect("captions"))
}

fn as_lines(said: &[Word]) -> Signature {
    let lines: Vec<String> = said.chunks(11).map(line).collect();
    sign(&words(lines.join("\n").as_bytes(), "copy.txt").expect("a text"))
}

fn in_capitals(words: &[Word]) -> Signature {
    let bare = |word: &Word| word.text.replace([',', '.', '?', '!', ';', ':', '"'], "").to_uppercase();
    let words: Vec<String> = words.iter().map(bare).collect();
    Signature::of(words.iter().map(String::as_str))
}

fn line(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}
