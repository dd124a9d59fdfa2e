//! Generated episodes: the same for every engine, made while they are loaded.
//!
//! ```text
//! 42 bands, as many as a transcript's signature has:
//! 1 in 20    has 25 of its bands from an earlier episode: a near-duplicate
//! 3 in 10    have one of three bands that a third of those have: silence
//! 1 in 10    has one of its network's, which some 200 have: a jingle
//! 2 in 10    have one of their show's, which some ten have: an intro
//! the rest   nobody else has
//! ```
//! So one band in a hundred is popular, and they are in four tenths of the episodes.

use std::sync::Arc;

use hark_operators::dedupe::exact::{Key, Member};
use hark_operators::dedupe::near::Likeness;
use hark_operators::record::{EpisodeId, EpisodeKey};

/// Episodes of the catalogue whose memory is watched.
pub const CATALOGUE: u64 = 20_000;
/// Bands of one episode.
const BANDS: u64 = 42;
/// Of these, how many a near-duplicate has from its original.
const SHARED: u64 = 25;

/// A member and how it is: what `content` says, among `items` episodes.
pub fn item(number: u64, items: u64) -> (Member, Likeness) {
    let original = original(number);
    (member(number, 0), likeness(number, number, original, items))
}

/// The content of an episode: its own, or that of an earlier one.
pub fn original(number: u64) -> u64 {
    if number % 20 == 19 { number - 10 } else { number }
}

/// An episode revision, published in no order.
pub fn member(number: u64, revision: u64) -> Member {
    let published = 1_000_000_000 + (mixed(number) >> 36) as i64;
    Member { published, key: key(number, revision) }
}

/// Ids have 32 bytes.
pub fn key(number: u64, revision: u64) -> EpisodeKey {
    EpisodeKey { episode: EpisodeId::from(format!("https://feed.example/{number:011}")), revision }
}

/// A likeness with bands of `own` and of `original`.
pub fn likeness(number: u64, own: u64, original: u64, items: u64) -> Likeness {
    let bands = (0..BANDS).map(|band| match (band, mixed(number ^ band << 40)) {
        (0, chance) if chance % 10 < 3 => chance / 10 % 3,
        (1, chance) if chance % 10 < 1 => 1_000 + chance / 10 % (items / 2_000).max(1),
        (2, chance) if chance % 10 < 2 => 1_000_000_000 + chance / 10 % (items / 50).max(1),
        (band, _) if band < BANDS - SHARED => mixed(mixed(own) ^ band),
        (band, _) => mixed(mixed(original) ^ band),
    });
    let body = [number, original].map(u64::to_le_bytes);
    Likeness { bands: bands.map(mixed).collect(), moments: moments(own, items), body: body.as_flattened().into() }
}

/// Sixteen moments: two of an advert that some twenty have, the others nobody else has.
fn moments(own: u64, items: u64) -> Arc<[u64]> {
    let advert = mixed(own) % (items / 20).max(1);
    (0..16).map(|at| mixed(if at < 2 { advert << 8 | at } else { mixed(own) ^ at << 50 })).collect()
}

/// A digest or an enclosure.
pub fn digest(content: u64) -> Key {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&mixed(content).to_be_bytes());
    hash[8..16].copy_from_slice(&mixed(!content).to_be_bytes());
    Key::of(&hash)
}

/// SplitMix64's finaliser: a bijection whose outputs look random.
pub fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
