//! Which revision of an episode stands: level 1 by guid and revision, before any byte is fetched.

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

/// Which revisions stand and which do not.
pub(super) struct Standing<'s> {
    /// Those that stand, each with the announcement that stands.
    pub(super) members: VecCollection<'s, KnownAt, (Member, Announced)>,
    /// A verdict on each that does not.
    pub(super) fallen: VecCollection<'s, KnownAt, (EpisodeKey, Verdict)>,
}

/// Sorts the announced revisions.
pub(super) fn stand<'s>(announced: VecCollection<'s, KnownAt, (EpisodeId, Announced)>) -> Standing<'s> {
    let latest = announced.reduce(|_id, revisions, ends| {
        let (latest, earlier) = revisions.split_last().expect("only ids with an announcement are reduced");
        let latest = latest.0;
        let end = if latest.withdrawn { End::Withdrawn } else { End::Stands(latest.clone()) };
        ends.push(((latest.revision, end), 1));
        let mut told = latest.revision;
        for (earlier, _) in earlier.iter().rev() {
            // Announcements of one revision differ only where the source contradicts itself.
            if earlier.revision < told {
                told = earlier.revision;
                ends.push(((earlier.revision, End::Revised(latest.revision)), 1));
            }
        }
    });
    let members = latest.clone().flat_map(|(id, (revision, end))| match end {
        End::Stands(announced) => {
            let key = EpisodeKey { episode: id, revision };
            Some((Member { published: announced.published, key }, announced))
        }
        End::Withdrawn | End::Revised(_) => None,
    });
    let fallen = latest.flat_map(|(episode, (revision, end))| {
        let verdict = match end {
            End::Stands(_) => return None,
            End::Withdrawn => Verdict::Withdrawn,
            End::Revised(by) => Verdict::Revised { by },
        };
        Some((EpisodeKey { episode, revision }, verdict))
    });
    Standing { members, fallen }
}

/// What becomes of one revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum End {
    Stands(Announced),
    Withdrawn,
    Revised(u64),
}
