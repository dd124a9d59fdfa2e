//! An episode's words as numbers: tokens, their roots, and what they look like.
//!
//! Invariant: token `t` of line `l` lies in `first[l]..first[l + 1]`; lines without words have an
//! empty range, so that one index serves both.

use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexSet;

use super::lexicon::Lexicon;
use super::timeline::Timeline;
use crate::record::finding::Dossier;

/// What a token looks like, as bits.
pub(super) mod look {
    /// Begins with a capital and is not the first of its line.
    pub const NAME: u8 = 1;
    /// Holds a digit.
    pub const NUMBER: u8 = 2;
    /// A web address.
    pub const ADDRESS: u8 = 4;
    /// An amount of money.
    pub const MONEY: u8 = 8;
    /// A percentage.
    pub const PERCENT: u8 = 16;
    /// Begins with a capital, wherever it stands.
    pub const CAPITAL: u8 = 32;
}

/// Numbers for strings, in order of first appearance.
#[derive(Default)]
pub(super) struct Vocabulary(IndexSet<String, ahash::RandomState>);

impl Vocabulary {
    /// The word's number, a new one if need be.
    pub fn number(&mut self, word: &str) -> u32 {
        let known = self.0.get_index_of(word);
        known.unwrap_or_else(|| self.0.insert_full(word.to_owned()).0) as u32
    }

    /// The word's number, if it occurs.
    pub fn find(&self, word: &str) -> Option<u32> {
        self.0.get_index_of(word).map(|number| number as u32)
    }

    /// The word of a number.
    pub fn word(&self, id: u32) -> &str {
        &self.0[id as usize]
    }

    /// The words in the order of their numbers.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The tokens of all lines.
pub(super) struct Text {
    /// Number of each token's word.
    pub tokens: Vec<u32>,
    /// [`look`] of each token.
    pub looks: Vec<u8>,
    /// First token of each line, and the end.
    pub first: Vec<usize>,
    /// Number of each word's root (plural and possessive taken off), by the word's number.
    pub roots: Vec<u32>,
    /// Whether a root says something by itself: no function word, by the word's number.
    pub content: Vec<bool>,
    /// The words.
    pub vocabulary: Vocabulary,
}

impl Text {
    /// Splits the dossier's sentences into tokens, line by line.
    pub fn of(timeline: &Timeline, dossier: &Dossier) -> Self {
        let mut text = Self {
            tokens: Vec::new(),
            looks: Vec::new(),
            first: vec![0],
            roots: Vec::new(),
            content: Vec::new(),
            vocabulary: Vocabulary::default(),
        };
        for line in &timeline.lines {
            if let Some(sentence) = line.sentence.and_then(|i| dossier.sentences.get(i)) {
                text.push(&sentence.text);
            }
            text.first.push(text.tokens.len());
        }
        text.root();
        text
    }

    fn push(&mut self, line: &str) {
        let begin = self.tokens.len();
        for (token, mut look) in tokens(line) {
            if look & look::CAPITAL != 0 && self.tokens.len() > begin {
                look |= look::NAME;
            }
            let id = self.vocabulary.number(&token);
            self.tokens.push(id);
            self.looks.push(look);
        }
    }

    fn root(&mut self) {
        let lexicon = Lexicon::embedded();
        let mut id = 0;
        while id < self.vocabulary.len() {
            let word = self.vocabulary.word(id as u32).to_owned();
            let root = root(&word);
            let number = self.vocabulary.number(root);
            self.roots.push(number);
            let letters = root.chars().filter(|c| c.is_alphabetic()).count();
            self.content.push(letters >= 3 && !lexicon.is_function_word(&word) && !lexicon.is_function_word(root));
            id += 1;
        }
    }

    /// The tokens of a line.
    pub fn line(&self, line: usize) -> Range<usize> {
        self.first[line]..self.first[line + 1]
    }

    /// Root of a token, if the token says something by itself.
    pub fn content_root(&self, token: usize) -> Option<u32> {
        let word = self.tokens[token] as usize;
        self.content[word].then_some(self.roots[word])
    }
}

/// Splits text into lower-case tokens without outer punctuation, and what each looked like.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = (Cow<'_, str>, u8)> {
    let pieces = text.split(|c: char| c.is_whitespace() || matches!(c, '—' | '–' | '…' | '/' | '|' | '@'));
    pieces.filter_map(|piece| {
        let bare = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let first = bare.chars().next()?;
        let mut look = 0;
        if first.is_uppercase() {
            look |= look::CAPITAL;
        }
        if bare.contains(|c: char| c.is_ascii_digit()) {
            look |= look::NUMBER;
            if piece.contains(['$', '£', '€']) {
                look |= look::MONEY;
            }
            if piece.contains('%') {
                look |= look::PERCENT;
            }
        }
        let word = plain(bare);
        if is_address(&word) {
            look |= look::ADDRESS;
        }
        Some((word, look))
    })
}

/// In lower case and with straight apostrophes, as most words are already.
fn plain(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return word.into();
    }
    let lower = word.to_lowercase();
    if lower.contains('’') { lower.replace('’', "'").into() } else { lower.into() }
}

/// Whether a word is a web address as transcripts write it: `example.com`, `www.example.org`.
fn is_address(word: &str) -> bool {
    let Some((name, domain)) = word.rsplit_once('.') else { return false };
    name.chars().any(char::is_alphabetic) && DOMAINS.contains(&domain)
}

/// Domains that a spoken address ends with.
const DOMAINS: [&str; 30] = [
    "com", "org", "net", "io", "co", "fm", "tv", "ai", "app", "dev", "uk", "ca", "au", "de", "fr", "es", "it", "nl",
    "eu", "us", "me", "gg", "ly", "shop", "store", "team", "tech", "info", "biz", "edu",
];

/// A word without possessive and plural: enough for English, harmless elsewhere.
pub(super) fn root(word: &str) -> &str {
    let word = word.strip_suffix("'s").unwrap_or(word);
    if word.len() <= 3 || ["ss", "us", "is", "'s"].iter().any(|keep| word.ends_with(keep)) {
        return word;
    }
    word.strip_suffix('s').unwrap_or(word)
}
