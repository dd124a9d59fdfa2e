//! Who meets whom in which band: by a map of bands, for tens of bands of each episode.
//!
//! ```text
//! (band, tag) ─▶ by band ─▶ one │ a few, sorted │ popular ─▶ (tag, least tag of the band), once per band
//! ```
//! Nearly all bands have one member for ever and never give output, so they must cost little: 16
//! bytes instead of the member, a slot in a map, no row in a trace, no join. A popular band gives
//! none either, and a member more or less of it costs the logarithm of its size. Maps are many and
//! small, so that growing one is soon done.
//!
//! Invariant: the output at a time is of the sets of members that hold then.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use differential_dataflow::VecCollection;
use differential_dataflow::consolidation::consolidate;
use serde::{Deserialize, Serialize};

use super::exact::{KnownAt, Member};
use super::in_time::in_time;

/// A band with more members than this says nothing: silence, hold music, a network's jingle.
pub const POPULAR: usize = 64;

/// How many maps a worker divides its bands over.
const MAPS: usize = 1 << 10;

/// A member in 16 bytes, ordered by date. Two members of one date share one with odds of 2^-64; they
/// would both be compared with whom they meet, and only never with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag {
    published: i64,
    hash: u64,
}

impl Tag {
    /// Of a member; nobody else has it, but for a collision of hashes.
    pub fn of(member: &Member) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&member.key.revision.to_le_bytes()).update(member.key.episode.as_str().as_bytes());
        let hash = u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes"));
        Self { published: member.published, hash }
    }
}

/// What bands tell.
#[derive(Clone, Debug)]
pub(super) enum Met {
    /// A member with the least one of a band that both have.
    Pair(Tag, Tag),
    /// Too many have this band.
    Popular(u64),
}

/// Meetings in bands, one for each band that two have in common, and popular bands.
pub(super) fn meet<'s>(banded: VecCollection<'s, KnownAt, (u64, Tag)>) -> VecCollection<'s, KnownAt, Met> {
    let mut maps: Vec<Map> = (0..MAPS).map(|_| Map::default()).collect();
    in_time(
        banded,
        "bands",
        |(band, _)| *band,
        move |updates, changes| {
            consolidate(updates);
            for of_band in updates.chunk_by(|((one, _), _), ((other, _), _)| one == other) {
                let band = of_band[0].0.0;
                let map = &mut maps[(mixed(band) >> (u64::BITS - MAPS.ilog2())) as usize];
                match (map.entry(band), of_band) {
                    (Entry::Vacant(free), &[((_, tag), 1..)]) => {
                        free.insert(Band::One(tag));
                    }
                    (Entry::Vacant(free), several) => {
                        let mut empty = Band::Few(Box::default());
                        empty.change(band, several, changes);
                        if !empty.is_empty() {
                            free.insert(empty);
                        }
                    }
                    (Entry::Occupied(mut known), _) => {
                        known.get_mut().change(band, of_band, changes);
                        if known.get().is_empty() {
                            known.remove();
                        }
                    }
                }
            }
        },
    )
}

type Map = HashMap<u64, Band, BuildHasherDefault<Mixer>>;

/// The members of a band.
enum Band {
    One(Tag),
    /// Not more than [`POPULAR`], ascending.
    Few(Box<[Tag]>),
    Many(Box<Crowd>),
}

struct Crowd {
    members: BTreeSet<Tag>,
}

impl Band {
    fn is_empty(&self) -> bool {
        matches!(self, Band::Few(tags) if tags.is_empty())
    }

    /// Lets members come and go; appends how pairs change.
    fn change(&mut self, band: u64, updates: &[((u64, Tag), isize)], changes: &mut Vec<(Met, isize)>) {
        if let Band::Many(crowd) = self {
            apply(&mut crowd.members, updates);
            if crowd.members.len() <= POPULAR {
                changes.push((Met::Popular(band), -1));
                *self = Self::of(std::mem::take(&mut crowd.members));
                pairs(&[], self.few(), changes);
            }
            return;
        }
        let mut members: BTreeSet<Tag> = self.few().iter().copied().collect();
        apply(&mut members, updates);
        let after = Self::of(members);
        pairs(self.few(), after.few(), changes);
        if matches!(after, Band::Many(_)) {
            changes.push((Met::Popular(band), 1));
        }
        *self = after;
    }

    fn of(members: BTreeSet<Tag>) -> Self {
        match members.len() {
            1 => Band::One(*members.first().expect("there is one")),
            0..=POPULAR => Band::Few(members.into_iter().collect()),
            _ => Band::Many(Box::new(Crowd { members })),
        }
    }

    /// The members that meet; none in a crowd.
    fn few(&self) -> &[Tag] {
        match self {
            Band::One(tag) => std::slice::from_ref(tag),
            Band::Few(tags) => tags,
            Band::Many(_) => &[],
        }
    }
}

fn apply(members: &mut BTreeSet<Tag>, updates: &[((u64, Tag), isize)]) {
    for ((_band, tag), diff) in updates {
        if *diff > 0 {
            members.insert(*tag);
        } else {
            members.remove(tag);
        }
    }
}

/// How the pairs of each but the least with the least change. Both ascending.
fn pairs(before: &[Tag], after: &[Tag], changes: &mut Vec<(Met, isize)>) {
    let same_least = before.first() == after.first();
    let mut only_in = |one: &[Tag], other: &[Tag], diff| {
        let Some((least, rest)) = one.split_first() else { return };
        let stays = |tag: &Tag| same_least && other.binary_search(tag).is_ok();
        changes.extend(rest.iter().filter(|tag| !stays(tag)).map(|tag| (Met::Pair(*tag, *least), diff)));
    };
    only_in(before, after, -1);
    only_in(after, before, 1);
}

/// Multiplies by the golden ratio: bands are hashes, but those with the lowest are often kept.
fn mixed(band: u64) -> u64 {
    band.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Bits that depend on all of the band's go where maps look.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("bands are hashed as numbers")
    }

    fn write_u64(&mut self, band: u64) {
        self.0 = mixed(band).rotate_left(u64::BITS / 2);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
