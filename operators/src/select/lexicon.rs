//! Phrases that give a passage away, as data: `lexicon.toml` says what each kind is for.
//!
//! A phrase is a row of tokens: a word, alternatives `show|podcast`, or a shape: `@` a web address,
//! `#` a number, `$` an amount of money, `%` a percentage, `*` any one word. Words of phrases have
//! numbers, which each different word of a text is looked up for once, and phrases are looked up by their
//! first token: the cost does not grow with their number.
//!
//! Invariant: a phrase never reaches over the end of a line.

use std::sync::OnceLock;

use ahash::AHashSet;
use serde::Deserialize;

use super::text::{Text, Vocabulary, look};

/// What a phrase speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Opens an advert.
    AdvertOpen,
    /// Occurs inside adverts.
    AdvertBody,
    /// Ends an advert: where to go, what code to enter, the small print.
    AdvertClose,
    /// Leads back to the show after an advert.
    Return,
    /// Greets at the start of a show.
    Intro,
    /// Says goodbye, gives credits, asks for subscriptions.
    Outro,
    /// Ties a sentence to the one before.
    Connective,
    /// Points at something said before.
    Pronoun,
    /// Answers somebody.
    Response,
    /// Fills a pause.
    Filler,
    /// Makes one listen.
    Hook,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    function_words: String,
    cue: Vec<Cue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cue {
    kind: Kind,
    weight: f64,
    phrases: Vec<String>,
}

enum Element {
    /// One of the words of these numbers.
    Words(Vec<u32>),
    Look(u8),
    Any,
}

struct Phrase {
    kind: Kind,
    weight: f64,
    elements: Vec<Element>,
}

/// One phrase found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// In which line.
    pub line: usize,
    /// Its first token.
    pub token: usize,
    /// How many tokens it has.
    pub length: usize,
    /// What it speaks for.
    pub kind: Kind,
    /// How strongly, in log-odds for adverts, 0..=1 elsewhere.
    pub weight: f64,
}

/// The phrases.
pub(super) struct Lexicon {
    function_words: AHashSet<String>,
    phrases: Vec<Phrase>,
    /// Words of phrases.
    words: Vocabulary,
    /// Phrases by the number of the word that they begin with.
    by_word: Vec<Vec<usize>>,
    /// Phrases that begin with a shape.
    by_shape: Vec<usize>,
}

impl Lexicon {
    /// The lexicon that hark ships with.
    pub fn embedded() -> &'static Self {
        static LEXICON: OnceLock<Lexicon> = OnceLock::new();
        LEXICON.get_or_init(|| {
            Self::parse(include_str!("lexicon.toml")).expect("the embedded lexicon parses, a test reads it")
        })
    }

    fn parse(toml: &str) -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(toml)?;
        let mut lexicon = Self {
            function_words: file.function_words.split_whitespace().map(str::to_owned).collect(),
            phrases: Vec::new(),
            words: Vocabulary::default(),
            by_word: Vec::new(),
            by_shape: Vec::new(),
        };
        for Cue { kind, weight, phrases } in file.cue {
            for phrase in phrases {
                let elements = phrase.split_whitespace().map(|token| element(token, &mut lexicon.words)).collect();
                lexicon.push(Phrase { kind, weight, elements });
            }
        }
        Ok(lexicon)
    }

    fn push(&mut self, phrase: Phrase) {
        let place = self.phrases.len();
        match phrase.elements.first() {
            Some(Element::Words(words)) => {
                self.by_word.resize_with(self.words.len(), Vec::new);
                words.iter().for_each(|word| self.by_word[*word as usize].push(place));
            }
            Some(Element::Look(_) | Element::Any) => self.by_shape.push(place),
            // It would be everywhere.
            None => return,
        }
        self.phrases.push(phrase);
    }

    /// Whether a word (lower case) says nothing by itself.
    pub fn is_function_word(&self, word: &str) -> bool {
        self.function_words.contains(word)
    }

    /// Every phrase in the text, in order of its place.
    pub fn find(&self, text: &Text) -> Vec<Found> {
        let known: Vec<Option<u32>> = text.vocabulary.words().map(|word| self.words.find(word)).collect();
        let words: Vec<Option<u32>> = text.tokens.iter().map(|token| known[*token as usize]).collect();
        let mut found = Vec::new();
        for line in 0..text.first.len() - 1 {
            let tokens = text.line(line);
            for token in tokens.clone() {
                for phrase in self.starting(words[token]) {
                    let Phrase { kind, weight, elements } = phrase;
                    let end = token + elements.len();
                    if end <= tokens.end && fits(elements, &words[token..end], &text.looks[token..end]) {
                        found.push(Found { line, token, length: elements.len(), kind: *kind, weight: *weight });
                    }
                }
            }
        }
        found
    }

    /// Phrases that may begin with this word.
    fn starting(&self, word: Option<u32>) -> impl Iterator<Item = &Phrase> {
        let by_word = word.and_then(|word| self.by_word.get(word as usize)).into_iter().flatten();
        by_word.chain(&self.by_shape).map(|place| &self.phrases[*place])
    }
}

fn element(token: &str, words: &mut Vocabulary) -> Element {
    match token {
        "@" => Element::Look(look::ADDRESS),
        "#" => Element::Look(look::NUMBER),
        "$" => Element::Look(look::MONEY),
        "%" => Element::Look(look::PERCENT),
        "*" => Element::Any,
        alternatives => Element::Words(alternatives.split('|').map(|word| words.number(word)).collect()),
    }
}

fn fits(elements: &[Element], words: &[Option<u32>], looks: &[u8]) -> bool {
    elements.iter().zip(words).zip(looks).all(|((element, word), found)| match element {
        Element::Words(alternatives) => word.is_some_and(|word| alternatives.contains(&word)),
        Element::Look(look) => found & look != 0,
        Element::Any => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_lexicon_parses_and_every_kind_has_phrases() {
        let lexicon = Lexicon::parse(include_str!("lexicon.toml")).expect("parses");
        for kind in [Kind::AdvertOpen, Kind::AdvertBody, Kind::AdvertClose, Kind::Return, Kind::Intro, Kind::Outro] {
            assert!(lexicon.phrases.iter().any(|phrase| phrase.kind == kind), "{kind:?}");
        }
        for kind in [Kind::Connective, Kind::Pronoun, Kind::Response, Kind::Filler, Kind::Hook] {
            assert!(lexicon.phrases.iter().any(|phrase| phrase.kind == kind), "{kind:?}");
        }
    }

    #[test]
    fn phrases_are_written_as_tokens_are_normalised() {
        for word in Lexicon::embedded().words.words() {
            let tokens: Vec<_> = super::super::text::tokens(word).map(|(token, _)| token).collect();
            assert_eq!(tokens, [word], "no token of a transcript can ever equal {word:?}");
        }
    }
}
