//! The least value of a set under each of 128 hash functions.
//!
//! The input is mixed already, so that one multiplication and one addition make another function of it
//! (multiply-shift, Dietzfelbinger and others, 1997). One permutation in 128 parts would be cheaper still,
//! but leaves parts empty in a transcript of a minute; this costs half a millisecond for an hour.

use super::mix::mix;

/// Hash functions.
pub const LANES: usize = 32 * 4;
/// One minimum of each lane; in rows of 32, which serde knows.
pub type Minima = [[u32; 32]; LANES / 32];

/// An odd factor and a summand of each lane: fixed for ever, or the version is raised.
static FUNCTIONS: [(u64, u64); LANES] = {
    let mut functions = [(0, 0); LANES];
    let mut lane = 0;
    while lane < LANES {
        functions[lane] = (mix(2 * lane as u64 + 1) | 1, mix(2 * lane as u64 + 2));
        lane += 1;
    }
    functions
};

/// The minima of a set; `u32::MAX` everywhere for the empty one.
pub fn minima(set: &[u64]) -> Minima {
    let mut minima = [[u32::MAX; 32]; LANES / 32];
    for (least, (factor, summand)) in minima.as_flattened_mut().iter_mut().zip(&FUNCTIONS) {
        let values = set.iter().map(|value| (value.wrapping_mul(*factor).wrapping_add(*summand) >> 32) as u32);
        *least = values.fold(u32::MAX, u32::min);
    }
    minima
}
