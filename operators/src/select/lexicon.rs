//! Phrases that give a passage away, as data: `lexicon.toml` says what each kind is for.
//!
//! A phrase is a row of tokens: a word, alternatives `show|podcast`, or a shape: `@` a web address,
//! `#` a number, `$` an amount of money, `%` a percentage, `*` any one word. Phrases are looked up
//! by their first token, so that the cost does not grow with their number.
//!
//! Invariant: a phrase never reaches over the end of a line.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use serde::Deserialize;

use super::text::{Text, look};

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
    Words(Vec<String>),
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
    function_words: HashSet<String>,
    phrases: Vec<Phrase>,
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
        let of = |cue: Cue| {
            let phrase = move |text: &String| Phrase {
                kind: cue.kind,
                weight: cue.weight,
                elements: text.split_whitespace().map(element).collect(),
            };
            cue.phrases.iter().map(phrase).collect::<Vec<_>>()
        };
        Ok(Self {
            function_words: file.function_words.split_whitespace().map(str::to_owned).collect(),
            phrases: file.cue.into_iter().flat_map(of).filter(|phrase| !phrase.elements.is_empty()).collect(),
        })
    }

    /// Whether a word (lower case) says nothing by itself.
    pub fn is_function_word(&self, word: &str) -> bool {
        self.function_words.contains(word)
    }

    /// Every phrase in the text, in order of its place.
    pub fn find(&self, text: &Text) -> Vec<Found> {
        let index = Index::of(self, text);
        let mut found = Vec::new();
        for line in 0..text.first.len() - 1 {
            let tokens = text.line(line);
            for token in tokens.clone() {
                for at in index.starting(text.tokens[token]) {
                    let (phrase, elements) = &index.phrases[*at];
                    if token + elements.len() <= tokens.end && fits(elements, text, token) {
                        let Phrase { kind, weight, .. } = self.phrases[*phrase];
                        found.push(Found { line, token, length: elements.len(), kind, weight });
                    }
                }
            }
        }
        found
    }
}

fn element(token: &str) -> Element {
    match token {
        "@" => Element::Look(look::ADDRESS),
        "#" => Element::Look(look::NUMBER),
        "$" => Element::Look(look::MONEY),
        "%" => Element::Look(look::PERCENT),
        "*" => Element::Any,
        words => Element::Words(words.split('|').map(str::to_owned).collect()),
    }
}

/// An element in the numbers of one text's vocabulary.
enum Numbered {
    Words(Vec<u32>),
    Look(u8),
    Any,
}

fn fits(elements: &[Numbered], text: &Text, token: usize) -> bool {
    elements.iter().enumerate().all(|(i, element)| match element {
        Numbered::Words(ids) => ids.contains(&text.tokens[token + i]),
        Numbered::Look(look) => text.looks[token + i] & look != 0,
        Numbered::Any => true,
    })
}

/// The lexicon in the numbers of one text, by first word.
struct Index {
    phrases: Vec<(usize, Vec<Numbered>)>,
    by_word: HashMap<u32, Vec<usize>>,
    by_shape: Vec<usize>,
}

impl Index {
    fn of(lexicon: &Lexicon, text: &Text) -> Self {
        let mut index = Self { phrases: Vec::new(), by_word: HashMap::new(), by_shape: Vec::new() };
        for (number, phrase) in lexicon.phrases.iter().enumerate() {
            let elements: Vec<Numbered> = phrase.elements.iter().map(|element| numbered(element, text)).collect();
            // A phrase with a word that never occurs cannot occur.
            if elements.iter().any(|element| matches!(element, Numbered::Words(ids) if ids.is_empty())) {
                continue;
            }
            let place = index.phrases.len();
            match &elements[0] {
                Numbered::Words(ids) => {
                    ids.iter().for_each(|id| index.by_word.entry(*id).or_default().push(place));
                }
                _ => index.by_shape.push(place),
            }
            index.phrases.push((number, elements));
        }
        index
    }

    fn starting(&self, word: u32) -> impl Iterator<Item = &usize> {
        self.by_word.get(&word).into_iter().flatten().chain(&self.by_shape)
    }
}

fn numbered(element: &Element, text: &Text) -> Numbered {
    match element {
        Element::Words(words) => Numbered::Words(words.iter().filter_map(|w| text.vocabulary.find(w)).collect()),
        Element::Look(look) => Numbered::Look(*look),
        Element::Any => Numbered::Any,
    }
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
        for phrase in &Lexicon::embedded().phrases {
            for element in &phrase.elements {
                let Element::Words(words) = element else { continue };
                for word in words {
                    let tokens: Vec<String> = super::super::text::tokens(word).map(|(token, _)| token).collect();
                    assert_eq!(tokens, std::slice::from_ref(word), "no token of a transcript can ever equal {word:?}");
                }
            }
        }
    }
}
