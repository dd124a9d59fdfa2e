//! From one pair of equal landmarks along both episodes, as far as they agree: an ungapped extension
//! with a drop, as in the search for similar genes.
//!
//! The next landmark of the first episode is expected at the same offset in the second. One there with
//! nearly the same key agrees; else it disagrees. The walk ends when disagreement outweighs agreement
//! by [`DROP`] since the best point, and goes back to that point. An inserted advert therefore ends a
//! walk, and the next one begins behind it with another offset; a slightly different tempo, whose offset
//! creeps, does not.

use super::print::Landmark;

/// Indices of two landmarks that belong together.
pub type Pair = (usize, usize);

/// Signs of 32 in which keys of one moment may differ: codecs turn 0 to 3, unrelated ones 10 to 22.
const NEAR: u32 = 8;
/// Landmarks by which disagreement may outweigh: some two seconds.
const DROP: i32 = 5;
/// Units by which the offset may differ from one landmark to the next: rounding on both sides.
const SLACK: u32 = 2;
/// The offset may creep by one unit in so many: 2 %.
const CREEP: u32 = 50;

/// All agreeing pairs around `seed`, in the order of time; `seed` itself is one of them.
pub fn walk(a: &[Landmark], b: &[Landmark], seed: Pair) -> Vec<Pair> {
    let mut pairs = one_way(a, b, seed, (0..seed.0).rev());
    pairs.reverse();
    pairs.push(seed);
    pairs.extend(one_way(a, b, seed, seed.0 + 1..a.len()));
    pairs
}

fn one_way(a: &[Landmark], b: &[Landmark], seed: Pair, way: impl Iterator<Item = usize>) -> Vec<Pair> {
    let (mut pairs, mut last) = (Vec::new(), seed);
    let (mut score, mut best, mut kept) = (0, 0, 0);
    for next in way {
        match partner(a, b, last, next) {
            Some(pair) => {
                pairs.push(pair);
                last = pair;
                score += 1;
            }
            None => score -= 1,
        }
        if score >= best {
            (best, kept) = (score, pairs.len());
        } else if best - score >= DROP {
            break;
        }
    }
    pairs.truncate(kept);
    pairs
}

/// The landmark of `b` that agrees with `a[next]`, given that `last` agreed.
fn partner(a: &[Landmark], b: &[Landmark], last: Pair, next: usize) -> Option<Pair> {
    let (from, to) = (i64::from(a[last.0].at), i64::from(a[next].at));
    let expected = i64::from(b[last.1].at) + to - from;
    let slack = i64::from(SLACK) + (to - from).abs() / i64::from(CREEP);
    let low = b.partition_point(|mark| i64::from(mark.at) < expected - slack);
    let near = b[low..].iter().take_while(|mark| i64::from(mark.at) <= expected + slack).enumerate();
    let differ = |mark: &Landmark| (mark.key ^ a[next].key).count_ones();
    let (found, mark) = near.min_by_key(|(_, mark)| differ(mark))?;
    (differ(mark) <= NEAR && low + found != last.1).then_some((next, low + found))
}
