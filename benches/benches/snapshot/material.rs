//! Generated facts: an announcement and a digest each, ids of 40 to 60 bytes, one episode in twenty
//! with the bytes of another.

use hark_dataflow::snapshot::Fact;
use hark_operators::dedupe::exact::Key;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};

/// Bytes of the print of one hour, and keys it is found by.
const PRINT: usize = 66_000;
const BANDS: u64 = 24;
/// Keys of moments that different episodes share.
const MOMENTS: u64 = 400;
/// One episode in so many has the bytes of an earlier one.
const REPOSTED: u64 = 20;

/// Facts of an episode that has the exact levels only.
pub fn plain(number: u64) -> Vec<Fact> {
    let episode = id(number);
    let key = EpisodeKey { episode: episode.clone(), revision: 0 };
    let content = if number % REPOSTED == REPOSTED - 1 { number - REPOSTED / 2 } else { number };
    let announced = Announced {
        revision: 0,
        withdrawn: false,
        published: 1_500_000_000 + number as i64,
        enclosure: Some(self::key(number ^ 1 << 60)),
        show: Some(self::key((number % 5_000) ^ (1 << 61))),
    };
    vec![Fact::Announced(episode, announced), Fact::Digest(key, self::key(content))]
}

/// The same with a print.
pub fn printed(number: u64) -> Vec<Fact> {
    let key = EpisodeKey { episode: id(number), revision: 0 };
    let mut body = Vec::with_capacity(PRINT + 8);
    for at in 0..PRINT as u64 / 8 {
        body.extend_from_slice(&mixed(number << 32 | at).to_le_bytes());
    }
    let bands: Vec<u64> = (0..BANDS).map(|band| mixed(number << 8 | band)).collect();
    let mut facts = plain(number);
    let moments: Vec<u64> = (0..MOMENTS).map(|moment| mixed(!(number << 16 | moment))).collect();
    facts.push(Fact::Print(key, Likeness { bands: bands.into(), moments: moments.into(), body: body.into() }));
    facts
}

/// Episodes among so many that have the bytes of another.
pub fn reposted(episodes: u64) -> u64 {
    episodes / REPOSTED
}

/// Bytes of an episode's id, three keys and time on average: what must be kept.
pub fn least() -> f64 {
    let ids: usize = (0..10_000).map(|number| id(number).as_str().len()).sum();
    ids as f64 / 10_000.0 + 3.0 * 16.0 + 5.0
}

fn id(number: u64) -> EpisodeId {
    let length = (mixed(number) % 21) as usize;
    EpisodeId::from(format!("https://feeds.example/{:x<length$}/{:016x}", "", mixed(number ^ 7)))
}

fn key(content: u64) -> Key {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&mixed(content).to_be_bytes());
    hash[8..16].copy_from_slice(&mixed(!content).to_be_bytes());
    Key::of(&hash)
}

/// SplitMix64's finaliser: a bijection whose outputs look random.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
