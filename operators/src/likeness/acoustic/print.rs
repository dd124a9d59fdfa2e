//! What is kept of an episode's sound: its landmarks, and a few bands drawn from them.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::units::Seconds;

/// Raised by every change that moves a landmark or turns a key.
pub const PRINT_VERSION: u16 = 1;
/// Units of [`Landmark::at`] in one second: 32 ms each.
pub const UNITS_PER_SECOND: f64 = 31.25;
/// Bands of one print at most.
pub const BANDS: usize = 64;
/// Two prints with this many bands in common are worth an alignment. A copy shares 10 to 50, an episode
/// with the same adverts a few, an unrelated one none.
pub const CANDIDATE_BANDS: usize = 2;
/// One pair of landmarks in so many is a moment: some six in an advert of 15 s.
const MOMENTS: u64 = 16;
/// A band joins a landmark with each of so many that follow: one that a codec loses then costs less.
const PARTNERS: usize = 3;

/// One moment that the content itself picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Landmark {
    /// How the two seconds around it sound.
    pub key: u32,
    /// Where it is, in [`UNITS_PER_SECOND`] from the start.
    pub at: u32,
}

/// The acoustic fingerprint of one episode: some 2.2 landmarks of 8 bytes per second of speech.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Print {
    version: u16,
    seconds: Seconds,
    landmarks: Vec<Landmark>,
}

impl Print {
    /// A print of this version: how long the episode lasts and its landmarks, which are put in the order
    /// of time.
    pub fn new(seconds: Seconds, mut landmarks: Vec<Landmark>) -> Self {
        landmarks.sort_unstable_by_key(|landmark| (landmark.at, landmark.key));
        Self { version: PRINT_VERSION, seconds, landmarks }
    }

    /// The version of the code that made it.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// How long the episode lasts.
    pub fn seconds(&self) -> Seconds {
        self.seconds
    }

    /// The landmarks in the order of time; none where there is nothing to hear.
    pub fn landmarks(&self) -> &[Landmark] {
        &self.landmarks
    }

    /// The signature for the search of candidates: at most [`BANDS`] distinct values, ascending.
    ///
    /// A band is the hash of two landmarks close to each other (one alone has some 24 bits, too few for
    /// a catalogue of millions of hours), and those with the lowest hashes are kept: so a trimmed or
    /// interrupted copy picks the same ones. Bands of different versions never meet.
    pub fn bands(&self) -> Vec<u64> {
        let mut bands = self.pairs();
        bands.truncate(BANDS);
        bands
    }

    /// Keys of moments, for finding what different episodes share: of the hashes that bands are drawn
    /// from one in `MOMENTS`, wherever it lies, so that a part has the same ones in every episode
    /// that holds it. Distinct and ascending.
    pub fn moments(&self) -> Vec<u64> {
        let mut moments = self.pairs();
        moments.retain(|hash| hash.is_multiple_of(MOMENTS));
        moments
    }

    /// The hashes of all pairs of landmarks close to each other, distinct and ascending.
    fn pairs(&self) -> Vec<u64> {
        let keys = self.landmarks.iter().map(|landmark| landmark.key);
        let pairs = (1..=PARTNERS).flat_map(|ahead| keys.clone().zip(keys.clone().skip(ahead)));
        let mut hashes: Vec<u64> =
            pairs.filter(|(one, other)| one != other).map(|(one, other)| band(self.version, one, other)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }

    /// Refuses to compare what different versions made.
    pub(super) fn same_version(&self, other: &Print) -> Result<(), Fault> {
        if self.version == other.version {
            return Ok(());
        }
        Err(Fault::poison(
            "likeness",
            "version",
            format!("prints of version {} and version {} cannot be compared", self.version, other.version),
            "make the print with the older version again from the episode's audio",
        ))
    }
}

/// A fixed mixing of 80 bits (two rounds of the finaliser of SplitMix64): it must not change with a
/// library's version, as the standard hasher may.
fn band(version: u16, first: u32, second: u32) -> u64 {
    let mix = |value: u64| {
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    mix(mix(u64::from(first) << 32 | u64::from(second)).wrapping_add(u64::from(version)))
}
