//! A text's words: at spaces, and by Unicode's word boundaries in scripts that write none.

use unicode_segmentation::UnicodeSegmentation;

/// Whether a character is of a script written without spaces (Han, Kana and their punctuation).
pub(super) fn is_dense(c: char) -> bool {
    matches!(u32::from(c), 0x2e80..=0x312f | 0x3190..=0xabff | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff00..=0xffef | 0x20000..=0x3ffff)
        && !matches!(u32::from(c), 0xa4d0..=0xabff)
}

/// The words of a clean text. Joined without spaces they are the text without spaces.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ')
        .filter(|token| !token.is_empty())
        .flat_map(|token| Dense { rest: token, dense: token.chars().any(is_dense) })
}

/// How many words [`split`] gives.
pub(super) fn count(text: &str) -> usize {
    if text.is_ascii() { text.bytes().filter(|byte| *byte == b' ').count() + 1 } else { split(text).count() }
}

/// How much speech a word is: an ideograph is less than a word.
pub(super) fn heft(word: &str) -> f64 {
    if word.chars().any(is_dense) { 0.6 } else { 1.0 }
}

/// Splits a token at boundaries of dense script, punctuation kept with the word it belongs to.
struct Dense<'a> {
    rest: &'a str,
    dense: bool,
}

impl<'a> Iterator for Dense<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        if !self.dense {
            return Some(std::mem::take(&mut self.rest));
        }
        let mut length = 0;
        let mut spoken = false;
        for piece in self.rest.split_word_bounds() {
            let word = piece.chars().any(char::is_alphanumeric);
            let opens = piece.chars().all(|c| "「『（《〈【〔“‘(".contains(c));
            let dense = piece.chars().any(is_dense);
            let latin_runs_on = spoken && word && !dense && !self.rest[..length].ends_with(is_dense);
            if spoken && (word || opens) && !latin_runs_on {
                break;
            }
            spoken |= word;
            length += piece.len();
        }
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn scripts_without_spaces_are_split_into_words() {
        let words = |text| split(text).collect::<Vec<_>>();
        assert_eq!(words("one two  three."), ["one", "two", "three."]);
        assert_eq!(words("你好。「是」吗？"), ["你", "好。", "「是」", "吗？"]);
        assert_eq!(words("カタカナ語 mixed"), ["カタカナ", "語", "mixed"]);
        assert_eq!(words("안녕하세요 여러분."), ["안녕하세요", "여러분."]);
        assert_eq!(words("。。。"), ["。。。"]);
    }
}
