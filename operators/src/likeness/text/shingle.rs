//! Tokens to shingles: four words in a row, the piece of speech that is counted.
//!
//! Three in a row are too common: between unrelated shows 1.3 % are equal, and a catalogue of a million
//! episodes would give each a hundred candidates of no use. Of four 0.2 % are. Five bear the ear of another
//! transcriber less well.

use super::mix;
use super::spoken::{Token, WORD};

/// What a shingle weighs at least: four words, eight Han characters, or some ten of Japanese.
const WEIGHT: u32 = 4 * WORD;

/// The hashes of the distinct shingles, ascending; none where there are fewer than four words.
pub fn shingles(tokens: &[Token]) -> Vec<u64> {
    let mut shingles: Vec<u64> = (0..tokens.len()).map_while(|from| shingle(&tokens[from..])).collect();
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// The shingle that these tokens begin with, if there is enough of them.
fn shingle(tokens: &[Token]) -> Option<u64> {
    let (mut hash, mut weight) = (0, 0);
    for token in tokens {
        hash = mix::join(hash, token.hash);
        weight += token.weight;
        if weight >= WEIGHT {
            return Some(hash);
        }
    }
    None
}
