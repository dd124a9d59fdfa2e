//! Written words to what was spoken: two people who type the same talk should come to the same tokens.
//!
//! Case, accents, punctuation and the choice of code points go; so do fillers, and words said twice in a
//! row, which one transcriber keeps and another leaves out. Scripts without spaces are taken letter by
//! letter, so that nothing depends on where a file or a word breaker divides them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::mix;

/// What a word of a script with spaces weighs.
pub const WORD: u32 = 12;

/// Sounds that are no words, as they are after folding. In one language or another some of them are (Portuguese
/// `um`, German `er`): these go too, in every copy alike.
const FILLERS: [&str; 20] = [
    "ah", "ahm", "eh", "ehm", "er", "erm", "euh", "ha", "hm", "hmm", "huh", "mhm", "mm", "mmhmm", "oh", "uh", "uhh",
    "uhm", "um", "umm",
];

/// One word, or one letter of a script without spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Hash of its folded letters.
    pub hash: u64,
    /// How much speech it is, in twelfths of a word.
    pub weight: u32,
}

/// The tokens of words as written, in order.
pub fn tokens<'w>(words: impl Iterator<Item = &'w str>) -> Vec<Token> {
    let mut spoken = Spoken::default();
    for word in words {
        if word.is_ascii() {
            word.bytes().for_each(|byte| spoken.letter(char::from(byte.to_ascii_lowercase())));
        } else {
            // To capitals first: that unites what only capitals unite, as `ß` and `ss`, `ς` and `σ`.
            let folded = word.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkd();
            folded.for_each(|letter| spoken.letter(letter));
        }
        spoken.end_word();
    }
    spoken.tokens
}

#[derive(Default)]
struct Spoken {
    tokens: Vec<Token>,
    /// The letters of the word at hand.
    word: String,
}

impl Spoken {
    fn letter(&mut self, letter: char) {
        if is_silent(letter) {
            return;
        }
        if let Some(weight) = weight_without_spaces(letter) {
            self.end_word();
            let mut bytes = [0; 4];
            self.push(Token { hash: mix::of_text(letter.encode_utf8(&mut bytes)), weight });
        } else if letter.is_alphanumeric() {
            self.word.push(letter);
        } else {
            self.end_word();
        }
    }

    fn end_word(&mut self) {
        if !self.word.is_empty() && !FILLERS.contains(&self.word.as_str()) {
            self.push(Token { hash: mix::of_text(&self.word), weight: WORD });
        }
        self.word.clear();
    }

    fn push(&mut self, token: Token) {
        if self.tokens.last() != Some(&token) {
            self.tokens.push(token);
        }
    }
}

/// Accents and vowel points, apostrophes inside words, characters that only steer the layout.
fn is_silent(letter: char) -> bool {
    matches!(letter, '\'' | '’' | '‘' | 'ʼ' | '`' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
        || (!letter.is_ascii() && canonical_combining_class(letter) != 0)
}

/// Twelfths of a word that a letter of a script without spaces is.
fn weight_without_spaces(letter: char) -> Option<u32> {
    match u32::from(letter) {
        0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff => Some(6), // Han
        0x3041..=0x3096 | 0x30a1..=0x30fa | 0x30fc | 0x31f0..=0x31ff => Some(4),            // Kana
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17dd if letter.is_alphabetic() => Some(3), // Thai, Lao, Myanmar, Khmer
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, tokens};

    fn of(text: &str) -> Vec<Token> {
        tokens(text.split(' '))
    }

    #[test]
    fn what_sounds_the_same_is_the_same() {
        let same = [
            ("Don't, STOP!", "don’t stop"),
            ("Café naïve", "cafe\u{301} nai\u{308}ve"),
            ("ＦＵＬＬ ﬁne", "full fine"),
            ("STRASSE ΣΟΦΟΣ", "straße σοφος"),
            ("I, um, I was -- uh -- there", "I was there"),
            ("well-known co\u{ad}operation", "well known cooperation"),
            ("你好。「是」吗？", "你 好 是 吗"),
            ("ｶﾀｶﾅ", "カタ カナ"),
            ("สวัสดีครับ", "สวัสดี ครับ"),
            ("— … ♪ [ ]", ""),
        ];
        for (one, other) in same {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
    }

    #[test]
    fn what_sounds_different_is_different() {
        for (one, other) in [("one two", "two one"), ("3 5", "35"), ("你好", "好你"), ("की", "का"), ("can", "cant")]
        {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
    }
}
