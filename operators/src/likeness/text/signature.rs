//! What is kept of a transcript: 128 minima and the number of its shingles.

use serde::{Deserialize, Serialize};

use super::compare::FEWEST_SHINGLES;
use super::minima::{Minima, minima};
use super::mix;
use super::shingle::shingles;
use super::spoken::tokens;

/// Raised by every change that turns a minimum.
pub const SIGNATURE_VERSION: u16 = 1;
/// Bands of one signature, or none at all.
pub const BANDS: usize = 42;
/// Minima that make one band. Two transcripts with a Jaccard similarity of J share a band with
/// 1 - (1 - J³)⁴²: 0.996 for J = 0.5, 0.94 for 0.4, 0.001 for the 0.03 that two issues of one news show
/// share, 3 in ten million for the 0.002 of unrelated shows.
const ROWS: usize = 3;

/// The signature of one transcript: 518 bytes, whatever its length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub(super) version: u16,
    pub(super) shingles: u32,
    pub(super) minima: Minima,
}

impl Signature {
    /// The signature of a transcript's words as written, in order.
    ///
    /// Errors: none; without words it is a signature that is like no other, not even like itself.
    pub fn of<'w>(words: impl Iterator<Item = &'w str>) -> Self {
        let shingles = shingles(&tokens(words));
        Self {
            version: SIGNATURE_VERSION,
            shingles: u32::try_from(shingles.len()).unwrap_or(u32::MAX),
            minima: minima(&shingles),
        }
    }

    /// The version of the code that made it.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Distinct shingles of the transcript: about 9000 in an hour of talk.
    pub fn shingles(&self) -> u32 {
        self.shingles
    }

    /// The keys for the search of candidates: [`BANDS`] of them, or none of a transcript with fewer than
    /// [`FEWEST_SHINGLES`]. One in common makes two signatures worth a comparison. Keys of different
    /// versions and of different bands never meet.
    ///
    /// A phrase that thousands of episodes share ties two of them only where it is the least of three hash
    /// functions at once: one chance in 27,000 for each band, if it is 3 % of what they say.
    pub fn bands(&self) -> Vec<u64> {
        if self.shingles < FEWEST_SHINGLES {
            return Vec::new();
        }
        let bands = self.minima.as_flattened().chunks_exact(ROWS).zip(0_u64..);
        let start = |band: u64| mix::join(u64::from(self.version), band);
        bands.map(|(rows, band)| rows.iter().fold(start(band), |key, row| mix::join(key, u64::from(*row)))).collect()
    }
}
