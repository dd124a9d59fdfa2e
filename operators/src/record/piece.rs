//! The units of work of models: windows of audio, passages of text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{EpisodeKey, numbers};
use crate::driver::Permit;
use crate::units::{Samples, Span};

/// Fresh samples of a full window, 28 s: the longest whole number of every model's frames
/// (512, 160 and 8000 samples) that leaves room for [`CONTEXT`] within 30 s.
pub const WINDOW: usize = 448_000;

/// Samples of the previous window that a window repeats, 1.024 s: enough for a recurrent model
/// that starts from nothing to settle.
pub const CONTEXT: usize = 16_384;

/// Up to 30 s of mono 16 kHz audio: the unit of work of audio models, so that one long episode
/// spreads over every lane and a batch mixes windows of many episodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Position among the episode's windows, from 0.
    pub index: u32,
    /// The first of `samples`, counted from the start of the episode (after `context`).
    pub start: Samples,
    /// How many of the leading `samples` repeat the end of the previous window: context for
    /// models with memory, whose results are thrown away.
    pub context: usize,
    /// Signed 16-bit samples, context first.
    #[serde(serialize_with = "numbers::serialize", deserialize_with = "numbers::deserialize")]
    pub samples: Arc<Vec<i16>>,
    /// Its share of this process' budget of audio in flight, given back when the last clone is dropped.
    #[serde(skip)]
    pub permit: Option<Arc<Permit>>,
}

/// One sentence of a transcript with its times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sentence {
    /// First to last word.
    pub span: Span,
    /// Who speaks, if the transcript says so.
    pub speaker: Option<String>,
    /// The text, whitespace collapsed, no markup.
    pub text: String,
    /// Its words in order.
    pub words: Vec<Word>,
}

/// One spoken word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// When it is spoken.
    pub span: Span,
    /// The word as written, with its punctuation.
    pub text: String,
}

/// How the times of a transcript came about, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// The file times every word.
    Words,
    /// The file times segments; words are interpolated in proportion to their length.
    Segments,
    /// The file has no times; they are estimated from the duration and the length of the text.
    Estimated,
}

/// A few sentences: the unit of work of language models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Whose words.
    pub key: Arc<EpisodeKey>,
    /// Position among the episode's passages, from 0.
    pub index: u32,
    /// The sentences it covers: indexes into the episode's sentences, half-open.
    pub sentences: (u32, u32),
    /// Their text, joined by spaces.
    pub text: String,
}

/// Word pieces of a passage that its model reads, two marks included; it cuts the rest off.
pub const MOST_TOKENS: usize = 256;

/// Letters of one script's run that become a word piece, on average.
const LETTERS_PER_TOKEN: usize = 7;

impl Passage {
    /// About how many word pieces its text is for the embedder: two marks, one piece for every seven
    /// letters or digits begun of a run of ASCII, one for anything else that is no space. On 12,938
    /// passages of spoken English this was 1.00 of what the tokenizer made of all, within -13 and +11 %
    /// for 98 of 100. A letter of another script counts as a piece, which is the most that it can be.
    pub fn tokens(&self) -> usize {
        let (mut tokens, mut run) = (2, 0);
        for letter in self.text.chars() {
            if letter.is_ascii_alphanumeric() {
                tokens += usize::from(run % LETTERS_PER_TOKEN == 0);
                run += 1;
            } else {
                run = 0;
                tokens += usize::from(!letter.is_whitespace());
            }
        }
        tokens.min(MOST_TOKENS)
    }
}

#[cfg(test)]
mod tests {
    use super::super::EpisodeId;
    use super::*;

    fn tokens(text: &str) -> usize {
        let key = Arc::new(EpisodeKey { episode: EpisodeId::from("episode"), revision: 0 });
        Passage { key, index: 0, sentences: (0, 1), text: text.to_owned() }.tokens()
    }

    #[test]
    fn word_pieces_are_about_as_many_as_the_tokenizer_makes() {
        // What the tokenizer of all-MiniLM-L6-v2 makes of them, its two marks included.
        for (text, made) in [
            ("", 2),
            ("Hello, and welcome back to the show.", 11),
            ("The observatory's telescope photographed 1,400 galaxies in 2019.", 15),
            ("我们今天讨论天文学", 11),
        ] {
            assert!(tokens(text).abs_diff(made) <= made / 3, "{text}: {} for {made}", tokens(text));
        }
        assert_eq!(tokens(&"word ".repeat(1_000)), MOST_TOKENS, "what is cut off costs nothing");
    }
}
