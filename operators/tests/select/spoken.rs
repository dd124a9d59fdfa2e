//! Episodes made up for the tests: talk with times, an advert, and what a microphone hears of it.

use hark_operators::record::finding::Dossier;
use hark_operators::record::piece::{Sentence, Word};
use hark_operators::units::Span;

use crate::material;

/// A sponsor read as hosts speak it: thirteen sentences, most of them harmless by themselves.
pub const ADVERT: &str = "Support for this podcast comes from Brindlewood. My kitchen used to be a mess. \
    Every pan I owned was scratched. Then somebody told me about Brindlewood. \
    Brindlewood makes pans from a single sheet of steel. They heat evenly and they are light. \
    I made an omelette this morning and it slid right off. My brother bought two of them. \
    Whether you're a beginner or a chef, there is a pan for you. Brindlewood pans last a lifetime. \
    Right now our listeners get twenty percent off their first order. \
    Go to brindlewood.com slash harbour and use the promo code harbour. That's brindlewood.com slash harbour.";

const SUBJECTS: [&str; 8] = [
    "The keeper of the lighthouse",
    "A storm in the harbour",
    "The old fishing fleet",
    "Every captain on this coast",
    "The lamp at the top of the tower",
    "A young sailor from the village",
    "The harbour master's diary",
    "Fog on the northern shore",
];
const DEEDS: [&str; 7] = [
    "changed how ships found the harbour at night",
    "was written about in the diary for forty years",
    "kept the lighthouse burning through the winter",
    "taught the village to read the storm",
    "brought the fleet home before the fog came down",
    "cost the captain his lamp and his ship",
    "made the northern coast safer than any chart",
];

/// `count` sentences on one matter, about four seconds each, half a second apart.
pub fn talk(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{} {}.", SUBJECTS[n * 5 % 8], DEEDS[(n * 3 + n / 7) % 7])).collect()
}

/// Sentences in a row from `start`: words at 2.6 per second, half a second between sentences.
pub fn timed(start: f64, texts: &[String]) -> Vec<Sentence> {
    let mut at = start;
    let sentence = |text: &String| {
        let words: Vec<Word> = text
            .split_whitespace()
            .map(|word| {
                let span = Span::new(at, at + 0.36);
                at += 0.385;
                Word { span, text: word.to_owned() }
            })
            .collect();
        at += 0.5;
        let ends = words.first().zip(words.last()).map(|(first, last)| (first.span.start, last.span.end));
        let (start, end) = ends.expect("a sentence has words");
        Sentence { span: Span { start, end }, speaker: None, text: text.clone(), words }
    };
    texts.iter().map(sentence).collect()
}

/// An advert's or any text's sentences.
pub fn split(text: &str) -> Vec<String> {
    text.split_inclusive(". ").map(|sentence| sentence.trim().to_owned()).collect()
}

/// An episode of talk about a harbour.
pub fn episode(texts: &[String]) -> Dossier {
    material::dossier(
        "harbour",
        "The lighthouse and the storm",
        "A harbour, its keeper and the fog.",
        timed(2.0, texts),
    )
}

/// Gives a dossier the tracks of a microphone: speech where sentences are, quiet between them.
pub fn heard(mut dossier: Dossier) -> Dossier {
    let seconds = dossier.sentences.last().map_or(0.0, |s| s.span.end.0) + 2.0;
    let spoken = |at: f64| dossier.sentences.iter().any(|s| s.span.start.0 <= at && at < s.span.end.0);
    let track = |frame: f64| (0..(seconds / frame) as usize).map(move |n| (n as f64 + 0.5) * frame);
    dossier.speech = track(0.032).map(|at| if spoken(at) { 240 } else { 5 }).collect();
    dossier.level = track(0.01).map(|at| if spoken(at) { -22 } else { -58 }).collect();
    dossier.music = track(0.5).map(|_| 4).collect();
    dossier
}
