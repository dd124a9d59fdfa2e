//! What was heard and read of episodes that are nobody's exact copy.
//!
//! An episode that is known as a copy by its enclosure or its bytes goes no further, so how it sounds and
//! what is said in it is known only if its original came later than itself. That is chance, and would
//! decide with whom *others* are tied: two announcements of one file may come with different transcripts.
//! So what is known of exact copies counts for nothing, for as long as they are.
//!
//! Invariant: the output at a time is what is known of members of which no copying is told up to it.

use ahash::AHashMap;
use differential_dataflow::{Hashable, VecCollection};
use serde::{Deserialize, Serialize};

use super::exact::{KnownAt, Member};
use super::in_time::in_time;
use super::standing::Heard;

/// What is told of a member.
#[derive(Clone, Serialize, Deserialize)]
enum Told {
    Heard(Heard),
    /// It is a copy: by its enclosure, by its bytes, or by both.
    Copy,
}

/// What is known of a member.
#[derive(Default)]
struct Known {
    /// With how often it is told.
    heard: Vec<(Heard, isize)>,
    copied: isize,
}

impl Known {
    fn learn(&mut self, told: Told, count: isize) {
        let Told::Heard(heard) = told else {
            self.copied += count;
            return;
        };
        match self.heard.iter_mut().find(|(known, _)| *known == heard) {
            Some((_, known)) => *known += count,
            None => self.heard.push((heard, count)),
        }
        self.heard.retain(|(_, count)| *count != 0);
    }

    /// What counts of it.
    fn counts(&self) -> Option<Heard> {
        self.heard.iter().find(|(_, count)| *count > 0 && self.copied <= 0).map(|(heard, _)| heard.clone())
    }
}

/// What is heard, without that of `copies`.
pub(super) fn alone<'s>(
    heard: VecCollection<'s, KnownAt, (Member, Heard)>,
    copies: VecCollection<'s, KnownAt, Member>,
) -> VecCollection<'s, KnownAt, (Member, Heard)> {
    let told = heard.map(|(member, heard)| (member, Told::Heard(heard)));
    let told = told.concat(copies.map(|member| (member, Told::Copy)));
    let mut members: AHashMap<Member, Known> = AHashMap::new();
    let route = |(member, _): &(Member, Told)| member.key.episode.hashed();
    in_time(told, "alone", route, move |told, changes| {
        let mut before: AHashMap<Member, Option<Heard>> = AHashMap::new();
        for ((member, told), count) in told.drain(..) {
            let known = members.entry(member.clone()).or_default();
            before.entry(member).or_insert_with(|| known.counts());
            known.learn(told, count);
        }
        for (member, before) in before {
            let known = &members[&member];
            let now = known.counts();
            if known.heard.is_empty() && known.copied == 0 {
                members.remove(&member);
            }
            if now != before {
                changes.extend(before.map(|heard| ((member.clone(), heard), -1)));
                changes.extend(now.map(|heard| ((member, heard), 1)));
            }
        }
    })
}
