//! The facts of each episode's latest revision; those of earlier ones are handed back.
//!
//! ```text
//! announced, digests, prints, signatures ─▶ by episode ─┬─▶ the same, without those of fallen revisions
//!                                                       └─▶ latest revision, where an earlier one fell
//! ```
//! A revision that has fallen never stands again: the source takes back by announcing a withdrawal,
//! which is greater than what it withdraws. So all that later joins need of an episode is its latest
//! announcement and the facts of that revision; the rest is retracted as soon as it has fallen, and
//! what is told of it afterwards is not even kept. That it *is* fallen follows from one number for
//! each episode, for as many earlier revisions as there ever were.
//!
//! Invariant: the output at a time depends on the set of facts told up to it, and no more is kept of
//! an episode than holds in the output.

use std::collections::HashMap;

use differential_dataflow::{Hashable, VecCollection};
use serde::{Deserialize, Serialize};

use super::catalogue::Facts;
use super::exact::{Key, KnownAt};
use super::in_time::in_time;
use super::near::Likeness;
use super::standing::Announced;
use crate::record::{EpisodeId, EpisodeKey};

/// One of an episode revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Fact {
    Announced(Announced),
    Digest(Key),
    Print(Likeness),
    Signature(Likeness),
    /// Earlier revisions than this one were announced. Is only found, never told.
    Revises,
}

/// Leaves out what is of fallen revisions, and names the latest revision of each episode of which
/// more than one was announced. A fact that is told again is the same fact.
pub(super) fn latest(facts: Facts<'_>) -> (Facts<'_>, VecCollection<'_, KnownAt, (EpisodeId, u64)>) {
    let announced = facts.announced.map(|(episode, announced)| {
        let revision = announced.revision;
        (EpisodeKey { episode, revision }, Fact::Announced(announced))
    });
    let told = announced
        .concat(facts.digests.map(|(key, digest)| (key, Fact::Digest(digest))))
        .concat(facts.prints.map(|(key, print)| (key, Fact::Print(print))))
        .concat(facts.signatures.map(|(key, signature)| (key, Fact::Signature(signature))));
    let mut episodes: HashMap<EpisodeId, Known> = HashMap::new();
    let route = |(key, _): &(EpisodeKey, Fact)| key.episode.hashed();
    let kept = in_time(told, "latest", route, move |told, changes| {
        for ((EpisodeKey { episode, revision }, fact), count) in told.drain(..) {
            assert!(count > 0, "facts are told and never taken back, not even this one of {episode}: {fact:?}");
            let known = episodes.entry(episode.clone()).or_default();
            known.learn(revision, fact, |revision, fact, diff| {
                changes.push(((EpisodeKey { episode: episode.clone(), revision }, fact), diff));
            });
        }
    });
    let revised = kept.clone().flat_map(|(key, fact)| match fact {
        Fact::Revises => Some((key.episode, key.revision)),
        _ => None,
    });
    let announced = kept.clone().flat_map(|(key, fact)| match fact {
        Fact::Announced(announced) => Some((key.episode, announced)),
        _ => None,
    });
    let digests = kept.clone().flat_map(|(key, fact)| match fact {
        Fact::Digest(digest) => Some((key, digest)),
        _ => None,
    });
    let prints = kept.clone().flat_map(|(key, fact)| match fact {
        Fact::Print(print) => Some((key, print)),
        _ => None,
    });
    let signatures = kept.flat_map(|(key, fact)| match fact {
        Fact::Signature(signature) => Some((key, signature)),
        _ => None,
    });
    (Facts { announced, digests, prints, signatures }, revised)
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
    fn learn(&mut self, revision: u64, fact: Fact, mut change: impl FnMut(u64, Fact, isize)) {
        match fact {
            Fact::Announced(announced) => self.announced(announced, change),
            fact => {
                if !self.fallen(revision) && !self.facts.iter().any(|known| *known == (revision, fact.clone())) {
                    self.facts.push((revision, fact.clone()));
                    change(revision, fact, 1);
                }
            }
        }
    }

    fn announced(&mut self, announced: Announced, mut change: impl FnMut(u64, Fact, isize)) {
        let before = self.latest.as_ref().map(|latest| latest.revision);
        let named = self.revised.then_some(before).flatten();
        self.revised |= before.is_some_and(|before| before != announced.revision);
        if self.latest.as_ref().is_none_or(|latest| *latest < announced) {
            let revision = announced.revision;
            change(revision, Fact::Announced(announced.clone()), 1);
            if let Some(fallen) = self.latest.replace(announced) {
                change(fallen.revision, Fact::Announced(fallen), -1);
            }
            let mut facts = std::mem::take(&mut self.facts);
            for (revision, fact) in facts.extract_if(.., |(revision, _)| self.fallen(*revision)) {
                change(revision, fact, -1);
            }
            facts.shrink_to_fit();
            self.facts = facts;
        }
        let names = self.latest.as_ref().filter(|_| self.revised).map(|latest| latest.revision);
        if named != names {
            named.into_iter().for_each(|revision| change(revision, Fact::Revises, -1));
            names.into_iter().for_each(|revision| change(revision, Fact::Revises, 1));
        }
    }

    /// Whether this revision will not stand, now or ever.
    fn fallen(&self, revision: u64) -> bool {
        self.latest.as_ref().is_some_and(|latest| (revision, false) < (latest.revision, latest.withdrawn))
    }
}
