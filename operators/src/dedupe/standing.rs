//! Which episodes stand: level 1 by guid and revision, before any byte is fetched.

use differential_dataflow::VecCollection;
use serde::{Deserialize, Serialize};

use super::exact::{Key, KnownAt, Member};
use super::verdict::Verdict;
use crate::record::{EpisodeId, EpisodeKey};

/// What an announcement says of an episode. Of several the greatest stands: the latest revision,
/// and its withdrawal before itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Announced {
    /// Which version.
    pub revision: u64,
    /// The source takes this version and all before it back.
    pub withdrawn: bool,
    /// Seconds since 1970 UTC; the caller decides what an unknown date is.
    pub published: i64,
    /// Of the enclosure's address; `None` without audio.
    pub enclosure: Option<Key>,
    /// Of the show; `None` where none is named.
    pub show: Option<Key>,
}

/// Which episodes stand and which do not.
pub(super) struct Standing<'s> {
    /// Those that stand, each with the announcement that stands.
    pub(super) members: VecCollection<'s, KnownAt, (Member, Announced)>,
    /// A verdict on each that does not.
    pub(super) withdrawn: VecCollection<'s, KnownAt, (EpisodeKey, Verdict)>,
}

/// Sorts the latest announcements, one of each episode.
pub(super) fn stand<'s>(latest: VecCollection<'s, KnownAt, (EpisodeId, Announced)>) -> Standing<'s> {
    let keyed = latest.map(|(episode, announced)| (EpisodeKey { episode, revision: announced.revision }, announced));
    let members = keyed.clone().flat_map(|(key, announced)| {
        (!announced.withdrawn).then_some((Member { published: announced.published, key }, announced))
    });
    let withdrawn = keyed.flat_map(|(key, announced)| announced.withdrawn.then_some((key, Verdict::Withdrawn)));
    Standing { members, withdrawn }
}
