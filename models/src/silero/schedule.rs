//! Which streams step together: long and short ones in one batch, and no step of a stream that has
//! ended.
//!
//! ```text
//! stream 2  ████████████████      longest first, so that the live streams
//! stream 0  ██████████            are always the first few;
//! stream 1  ████                  a segment ends where one of them ends
//!           └─A─┘└─B──┘└─C─┘
//! ```
//!
//! Invariant: over all segments each stream takes each of its steps once, in order.

use std::ops::Range;

/// Steps that the same streams take together.
#[derive(Debug, PartialEq)]
pub(super) struct Segment<'a> {
    /// The live streams, longest first: indices of the caller's.
    pub(super) streams: &'a [usize],
    /// Their steps, in chunks from each stream's start.
    pub(super) steps: Range<usize>,
}

/// Indices of the streams with anything to do, longest first; among equals the order of the caller.
pub(super) fn longest_first(lengths: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lengths.len()).filter(|&stream| lengths[stream] > 0).collect();
    order.sort_by_key(|&stream| std::cmp::Reverse(lengths[stream]));
    order
}

/// Cuts the work of streams of these lengths, ordered by [`longest_first`], into segments of at
/// most `most_rows` steps times streams (more only where there are more streams than that).
pub(super) fn segments<'a>(
    order: &'a [usize],
    lengths: &'a [usize],
    most_rows: usize,
) -> impl Iterator<Item = Segment<'a>> {
    let mut start = 0;
    let mut live = order.len();
    std::iter::from_fn(move || {
        while live > 0 && lengths[order[live - 1]] <= start {
            live -= 1;
        }
        let shortest = lengths[*order[..live].last()?];
        let end = shortest.min(start + (most_rows / live).max(1));
        let steps = start..end;
        start = end;
        Some(Segment { streams: &order[..live], steps })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_stream_takes_every_step_once_and_in_order(
            lengths in proptest::collection::vec(0_usize..50, 0..9),
            most_rows in 1_usize..40,
        ) {
            let order = longest_first(&lengths);
            let mut taken = vec![0; lengths.len()];
            for segment in segments(&order, &lengths, most_rows) {
                prop_assert!(segment.steps.len() * segment.streams.len() <= most_rows.max(segment.streams.len()));
                for &stream in segment.streams {
                    prop_assert_eq!(segment.steps.start, taken[stream]);
                    taken[stream] = segment.steps.end;
                }
            }
            prop_assert_eq!(taken, lengths);
        }
    }
}
