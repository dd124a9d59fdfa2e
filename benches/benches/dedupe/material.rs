//! Generated facts: the same for every engine, made while they are loaded.

use hark_operators::dedupe::exact::{Key, Member};
use hark_operators::record::{EpisodeId, EpisodeKey};

/// One record in so many has the bytes of an earlier one.
const REPOSTED: u64 = 20;

/// The record with this number: its key is spread as a hash is, its id has 20 to 60 bytes.
pub fn record(number: u64) -> (Key, Member) {
    let content = if number % REPOSTED == REPOSTED - 1 { number - REPOSTED / 2 } else { number };
    let mix = mixed(number ^ 0xA5A5_A5A5);
    let mut id = String::with_capacity(60);
    id.push_str("https://f.e/");
    for digit in 0..8 + mix % 41 {
        let nibble = mix.rotate_left(4 * digit as u32) & 15;
        id.push(char::from(b"0123456789abcdef"[nibble as usize]));
    }
    // The number makes it unique, the digits above make its length.
    let tail = id.len() - 8;
    id.truncate(tail);
    for digit in (0..8).rev() {
        id.push(char::from(b"0123456789abcdef"[(number >> (4 * digit) & 15) as usize]));
    }
    let published = 1_000_000_000 + (mix >> 36) as i64;
    (key(content), Member { published, key: EpisodeKey { episode: EpisodeId::from(id), revision: 0 } })
}

/// A key as BLAKE3 would give it.
pub fn key(content: u64) -> Key {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&mixed(content).to_be_bytes());
    hash[8..16].copy_from_slice(&mixed(!content).to_be_bytes());
    Key::of(&hash)
}

/// A number below `records` for each turn: in no order, and none twice before half of them had
/// their turn. (The factor is coprime to sizes that are products of 2 and 5.)
pub fn scattered(turn: u64, records: u64) -> u64 {
    turn.wrapping_mul(7_368_787) % records
}

/// SplitMix64's finaliser: a bijection whose outputs look random.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
