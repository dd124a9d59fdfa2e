//! Which revision of each episode stands, with what is known of it.
//!
//! ```text
//! announced, digests, prints, signatures ─▶ by episode ─┬─▶ the revision that stands, and its facts
//!                                                       ├─▶ the latest revision, where it is withdrawn
//!                                                       └─▶ the same, where an earlier one fell
//! ```
//! A revision that has fallen never stands again: the source takes back by announcing a withdrawal,
//! which is greater than what it withdraws. So all that later joins need of an episode is its latest
//! announcement and the facts of that revision; the rest is retracted as soon as it has fallen, and
//! what is told of it afterwards is not even kept. That it *is* fallen follows from one number for
//! each episode, for as many earlier revisions as there ever were.
//!
//! Facts leave joined to their member. All of an episode is in one place here anyway; in arrangements by
//! episode it would lie once more for each kind of fact, sorted by text.
//!
//! Invariant: the output at a time depends on the set of facts told up to it, and no more is kept of
//! an episode than holds in the output, but for facts that come before their announcement.

use ahash::AHashMap;
use differential_dataflow::{AsCollection, Data, Hashable, VecCollection};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::core::Partition;

use super::catalogue::Facts;
use super::exact::{Key, KnownAt, Member};
use super::in_time::in_time;
use super::near::Likeness;
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

/// A likeness with the show that its episode is of.
pub type Heard = (Option<Key>, Likeness);

/// What holds of revisions that stand, and which do not.
pub struct Standing<'s> {
    /// The enclosures of those that stand, by the announcement that stands.
    pub enclosures: VecCollection<'s, KnownAt, (Key, Member)>,
    /// Their bytes.
    pub digests: VecCollection<'s, KnownAt, (Key, Member)>,
    /// How they sound.
    pub prints: VecCollection<'s, KnownAt, (Member, Heard)>,
    /// What is said in them.
    pub signatures: VecCollection<'s, KnownAt, (Member, Heard)>,
    /// The latest revisions that are withdrawn.
    pub withdrawn: VecCollection<'s, KnownAt, EpisodeKey>,
    /// The latest revision of each episode of which more than one was announced.
    pub revised: VecCollection<'s, KnownAt, (EpisodeId, u64)>,
}

/// What is told of a revision. What is told again is the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Told {
    Announced(Announced),
    Fact(Fact),
}

/// A fact about a revision, whether it stands or not. Small: it is kept for millions, most of them digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fact {
    Digest(Key),
    Print(Box<Likeness>),
    Signature(Box<Likeness>),
}

/// What holds of an episode. Small: at a restart there are millions on their way.
#[derive(Clone)]
enum Holds {
    Enclosure(Key, Member),
    Digest(Key, Member),
    Print(Box<(Member, Heard)>),
    Signature(Box<(Member, Heard)>),
    Withdrawn(EpisodeKey),
    Revised(EpisodeId, u64),
}

impl Holds {
    /// How many kinds there are, and which is which.
    const KINDS: u64 = 6;

    fn kind(&self) -> u64 {
        match self {
            Self::Enclosure(..) => 0,
            Self::Digest(..) => 1,
            Self::Print(_) => 2,
            Self::Signature(_) => 3,
            Self::Withdrawn(_) => 4,
            Self::Revised(..) => 5,
        }
    }
}

/// Finds what stands.
pub fn stand(facts: Facts<'_>) -> Standing<'_> {
    let announced = facts.announced.map(|(episode, announced)| {
        let revision = announced.revision;
        (EpisodeKey { episode, revision }, Told::Announced(announced))
    });
    let told = announced
        .concat(facts.digests.map(|(key, digest)| (key, Told::Fact(Fact::Digest(digest)))))
        .concat(facts.prints.map(|(key, print)| (key, Told::Fact(Fact::Print(Box::new(print))))))
        .concat(facts.signatures.map(|(key, signature)| (key, Told::Fact(Fact::Signature(Box::new(signature))))));
    let mut episodes: AHashMap<EpisodeId, Known> = AHashMap::new();
    let route = |(key, _): &(EpisodeKey, Told)| key.episode.hashed();
    let holds = in_time(told, "standing", route, move |told, changes| {
        for ((EpisodeKey { episode, revision }, fact), count) in told.drain(..) {
            assert!(count > 0, "facts are told and never taken back, not even this one of {episode}: {fact:?}");
            let known = episodes.entry(episode.clone()).or_default();
            let mut change = |holds: Holds, diff: isize| changes.push((holds, diff));
            match fact {
                Told::Announced(announced) => known.announced(&episode, announced, &mut change),
                Told::Fact(fact) => known.learn(&episode, revision, fact, &mut change),
            }
        }
    });
    let sorted = |(holds, time, diff): (Holds, KnownAt, isize)| (holds.kind(), (holds, time, diff));
    let mut kinds = holds.inner.partition::<CapacityContainerBuilder<Vec<_>>, _, _>(Holds::KINDS, sorted).into_iter();
    let mut next = || kinds.next().expect("there is one for each kind").as_collection();
    Standing {
        enclosures: only(next(), |holds| match holds {
            Holds::Enclosure(enclosure, member) => Some((enclosure, member)),
            _ => None,
        }),
        digests: only(next(), |holds| match holds {
            Holds::Digest(digest, member) => Some((digest, member)),
            _ => None,
        }),
        prints: only(next(), |holds| match holds {
            Holds::Print(heard) => Some(*heard),
            _ => None,
        }),
        signatures: only(next(), |holds| match holds {
            Holds::Signature(read) => Some(*read),
            _ => None,
        }),
        withdrawn: only(next(), |holds| match holds {
            Holds::Withdrawn(key) => Some(key),
            _ => None,
        }),
        revised: only(next(), |holds| match holds {
            Holds::Revised(episode, revision) => Some((episode, revision)),
            _ => None,
        }),
    }
}

/// The one kind that is in a collection.
fn only<'s, D: Data>(
    kind: VecCollection<'s, KnownAt, Holds>,
    of: fn(Holds) -> Option<D>,
) -> VecCollection<'s, KnownAt, D> {
    kind.map(move |holds| of(holds).expect("kinds were sorted"))
}

/// What is kept of an episode.
#[derive(Default)]
struct Known {
    latest: Option<Announced>,
    /// Whether an earlier revision than the latest was announced.
    revised: bool,
    /// By revision: none earlier than the latest, and none of one that is withdrawn.
    facts: Vec<(u64, Fact)>,
}

impl Known {
    /// Takes a fact of a revision; `change` hears of each that comes to hold or ceases to.
    fn learn(&mut self, episode: &EpisodeId, revision: u64, fact: Fact, change: &mut impl FnMut(Holds, isize)) {
        let told = (revision, fact);
        if self.fallen(revision) || self.facts.contains(&told) {
            return;
        }
        self.tell(episode, &told, 1, change);
        // An episode has one fact of each kind, and there are millions of episodes.
        self.facts.reserve_exact(1);
        self.facts.push(told);
    }

    fn announced(&mut self, episode: &EpisodeId, announced: Announced, change: &mut impl FnMut(Holds, isize)) {
        let before = self.latest.as_ref().map(|latest| latest.revision);
        let revised = self.revised || before.is_some_and(|before| before != announced.revision);
        let succeeds = self.latest.as_ref().is_none_or(|latest| *latest < announced);
        if !succeeds && revised == self.revised {
            return;
        }
        self.tell_all(episode, -1, change);
        self.revised = revised;
        if succeeds {
            self.latest = Some(announced);
            let facts = std::mem::take(&mut self.facts);
            self.facts = facts.into_iter().filter(|(revision, _)| !self.fallen(*revision)).collect();
            self.facts.shrink_to_fit();
        }
        self.tell_all(episode, 1, change);
    }

    /// Whether this revision will not stand, now or ever.
    fn fallen(&self, revision: u64) -> bool {
        self.latest.as_ref().is_some_and(|latest| (revision, false) < (latest.revision, latest.withdrawn))
    }

    /// All that holds of this episode comes to hold, or ceases to.
    fn tell_all(&self, episode: &EpisodeId, diff: isize, change: &mut impl FnMut(Holds, isize)) {
        let Some(latest) = &self.latest else { return };
        if self.revised {
            change(Holds::Revised(episode.clone(), latest.revision), diff);
        }
        let key = EpisodeKey { episode: episode.clone(), revision: latest.revision };
        if latest.withdrawn {
            return change(Holds::Withdrawn(key), diff);
        }
        if let Some(enclosure) = latest.enclosure {
            change(Holds::Enclosure(enclosure, Member { published: latest.published, key }), diff);
        }
        self.facts.iter().for_each(|told| self.tell(episode, told, diff, change));
    }

    /// The same of one fact, if its revision stands.
    fn tell(
        &self,
        episode: &EpisodeId,
        (revision, fact): &(u64, Fact),
        diff: isize,
        change: &mut impl FnMut(Holds, isize),
    ) {
        let standing = self.latest.as_ref().filter(|latest| latest.revision == *revision && !latest.withdrawn);
        let Some(latest) = standing else { return };
        let key = EpisodeKey { episode: episode.clone(), revision: *revision };
        let member = Member { published: latest.published, key };
        let holds = match fact {
            Fact::Digest(digest) => Holds::Digest(*digest, member),
            Fact::Print(print) => Holds::Print(Box::new((member, (latest.show, (**print).clone())))),
            Fact::Signature(signature) => Holds::Signature(Box::new((member, (latest.show, (**signature).clone())))),
        };
        change(holds, diff);
    }
}
