//! What is kept.

use hark_operators::dedupe::exact::Key;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};
use serde::{Deserialize, Serialize};

use crate::dedupe::Told;
pub use crate::source::Positions;

/// Hash buckets of a snapshot: any number of readers up to this many take a share each.
pub const BUCKETS: usize = 256;

/// Something that became known of an episode.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// What a source announced.
    Announced(EpisodeId, Announced),
    /// Of the bytes of its audio.
    Digest(EpisodeKey, Key),
    /// How it sounds.
    Print(EpisodeKey, Likeness),
    /// What is said in it.
    Signature(EpisodeKey, Likeness),
}

impl From<Told> for Fact {
    fn from(told: Told) -> Self {
        match told {
            Told::Announced(id, announced) => Self::Announced(id, announced),
            Told::Digest(key, digest) => Self::Digest(key, digest),
            Told::Print(key, likeness) => Self::Print(key, likeness),
            Told::Signature(key, likeness) => Self::Signature(key, likeness),
        }
    }
}

impl From<Fact> for Told {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Announced(id, announced) => Self::Announced(id, announced),
            Fact::Digest(key, digest) => Self::Digest(key, digest),
            Fact::Print(key, likeness) => Self::Print(key, likeness),
            Fact::Signature(key, likeness) => Self::Signature(key, likeness),
        }
    }
}

impl Fact {
    /// The episode that it is about.
    pub fn episode(&self) -> &EpisodeId {
        match self {
            Self::Announced(id, _) => id,
            Self::Digest(key, _) | Self::Print(key, _) | Self::Signature(key, _) => &key.episode,
        }
    }

    /// The revision that it is about.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Announced(_, announced) => announced.revision,
            Self::Digest(key, _) | Self::Print(key, _) | Self::Signature(key, _) => key.revision,
        }
    }
}

/// What was true of the whole job when the facts so far held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Which start of the cluster wrote this; never falls.
    pub generation: u64,
    /// Sources are to be read on from here.
    pub positions: Positions,
    /// All is among the facts that was told before this time, in milliseconds since 1970 UTC, but in
    /// [`Self::lost`]. [`DRAINED`] once nothing more will be told.
    pub at: i64,
    /// When runs that died may have told what is lost: each from a start to before an end, in order.
    #[serde(default)]
    pub lost: Vec<(i64, i64)>,
}

/// The time before which all is told by a run that ends because it was asked to.
pub const DRAINED: i64 = i64::MAX;

/// Of more stretches than so many those nearest to each other become one: who dies often does so in a short
/// time. What they say too much is only told once more.
const MOST_LOST: usize = 64;

impl Header {
    /// When what is lost may have been told, for a run that finds this and begins now. Stretches that touch are
    /// one, but for one from 0 on: before the first run nothing was told, and nobody died.
    pub fn lost_before(&self, began: i64) -> Vec<(i64, i64)> {
        let since = (self.at < began).then_some((self.at, began));
        let mut lost: Vec<(i64, i64)> = self.lost.iter().copied().chain(since).collect();
        lost.sort_unstable();
        let gaps = |lost: &[(i64, i64)]| {
            let gap = |two: &[(i64, i64)]| (two[0].0 > 0).then(|| two[1].0 - two[0].1);
            lost.windows(2).zip(0..).filter_map(|(two, at)| Some((gap(two)?, at))).min()
        };
        while let Some((gap, at)) = gaps(&lost)
            && (gap <= 0 || lost.len() > MOST_LOST)
        {
            let (_, next_until) = lost.remove(at + 1);
            lost[at].1 = lost[at].1.max(next_until);
        }
        lost
    }
}

/// The bucket of an episode, below [`BUCKETS`]. Part of the format: it never changes.
///
/// It is the lowest byte of the hash by which dedupe's keeper is chosen, so that with 2^n readers a
/// fact is read where it is kept.
pub fn bucket(id: &EpisodeId) -> usize {
    usize::from(blake3::hash(id.as_str().as_bytes()).as_bytes()[0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_run_that_dies_adds_when_it_may_have_told_what_is_lost() {
        let found = |at, lost: &[(i64, i64)]| Header { at, lost: lost.to_vec(), ..Header::default() };
        assert_eq!(found(0, &[]).lost_before(10), [(0, 10)], "nothing is known of what was before");
        assert_eq!(found(50, &[(0, 10)]).lost_before(60), [(0, 10), (50, 60)]);
        assert_eq!(found(60, &[(0, 10), (50, 60)]).lost_before(70), [(0, 10), (50, 70)], "it had committed nothing");
        assert_eq!(found(DRAINED, &[(0, 10)]).lost_before(60), [(0, 10)]);
        assert_eq!(found(8, &[(0, 10)]).lost_before(60), [(0, 10), (8, 60)], "the first run died, and began at 10");
    }

    proptest! {
        #[test]
        fn what_may_be_lost_once_stays_so_however_often_runs_die(gaps in prop::collection::vec((1_i64..50, 1_i64..50), 1..200)) {
            let (mut header, mut now, mut all) = (Header { at: DRAINED, ..Header::default() }, 0, Vec::new());
            for (alive, dead) in gaps {
                header = Header { at: now + alive, lost: header.lost, ..Header::default() };
                now += alive + dead;
                header.lost = header.lost_before(now);
                all.push((header.at, now));
                prop_assert!(header.lost.len() <= MOST_LOST);
                prop_assert!(header.lost.windows(2).all(|two| two[0].1 < two[1].0), "in order, apart");
                let within = |&(from, to): &(i64, i64)| header.lost.iter().any(|lost| lost.0 <= from && to <= lost.1);
                prop_assert!(all.iter().all(within));
                prop_assert!(all.len() > MOST_LOST || header.lost == all, "and nothing besides");
            }
        }
    }
}
