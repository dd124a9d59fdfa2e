//! How the edges of one key change.
//!
//! Work is in proportion to what changes: a copy more or less of a file with 100,000 copies is one
//! edge, found by binary search. Only when the canonical changes are all members read, and then all
//! edges change.
//!
//! Invariant: after each time the emitted changes sum up to (member, least member) for every member
//! that is present then, but the least.

use std::collections::BTreeMap;

use super::members::MemberRef;
use super::seek::Rows;
use super::{Edge, KnownAt};

/// The members of one key: those of earlier batches, and counts of those that this batch touched.
struct Group<'a> {
    past: Vec<Rows<'a>>,
    touched: BTreeMap<MemberRef<'a>, isize>,
}

/// A member that appears or vanishes at one time.
struct Turn<'a> {
    member: MemberRef<'a>,
    present: bool,
}

/// Applies a batch's updates of one key time by time, appending changed edges. `past` is what
/// earlier batches hold of the key.
pub(super) fn change<'a>(past: Vec<Rows<'a>>, rows: Rows<'a>, changes: &mut Vec<(Edge, KnownAt, isize)>) {
    if past.is_empty() && rows.len() == 1 {
        return; // a key alone: no edge now or at any time before
    }
    let mut group = Group { past, touched: BTreeMap::new() };
    let mut updates: Vec<_> = rows.updates().collect();
    updates.sort_unstable();
    let mut canonical = group.least();
    for at_once in updates.chunk_by(|one, other| one.0 == other.0) {
        let turns = group.apply(at_once);
        let next = group.least_after(canonical, &turns);
        let mut emit = |member: MemberRef<'_>, of: MemberRef<'_>, diff| {
            changes.push(((member.to_member(), of.to_member()), at_once[0].0, diff));
        };
        if next == canonical {
            let Some(of) = canonical else { continue };
            for turn in turns {
                emit(turn.member, of, if turn.present { 1 } else { -1 });
            }
            continue;
        }
        let present = group.present();
        if let Some(of) = canonical {
            let turned = |member| turns.binary_search_by_key(&member, |turn: &Turn| turn.member).is_ok();
            let stayed = present.iter().copied().filter(|&member| !turned(member));
            let gone = turns.iter().filter(|turn| !turn.present).map(|turn| turn.member);
            stayed.chain(gone).filter(|&member| member != of).for_each(|member| emit(member, of, -1));
        }
        if let Some(of) = next {
            present.into_iter().filter(|&member| member != of).for_each(|member| emit(member, of, 1));
        }
        canonical = next;
    }
}

impl<'a> Group<'a> {
    /// Applies updates of one time, ordered by member; returns who appears or vanishes by them.
    fn apply(&mut self, updates: &[(KnownAt, MemberRef<'a>, isize)]) -> Vec<Turn<'a>> {
        let mut turns = Vec::new();
        for &(_time, member, diff) in updates {
            let past = &self.past;
            let count = self.touched.entry(member).or_insert_with(|| past.iter().map(|rows| rows.count(member)).sum());
            let before = *count > 0;
            *count += diff;
            if before != (*count > 0) {
                turns.push(Turn { member, present: !before });
            }
        }
        turns
    }

    /// The least member present, given what it was before `turns`.
    fn least_after(&self, canonical: Option<MemberRef<'a>>, turns: &[Turn<'a>]) -> Option<MemberRef<'a>> {
        if turns.iter().any(|turn| !turn.present && Some(turn.member) == canonical) {
            return self.least();
        }
        let came = turns.iter().find(|turn| turn.present).map(|turn| turn.member);
        canonical.into_iter().chain(came).min()
    }

    /// The least member present.
    fn least(&self) -> Option<MemberRef<'a>> {
        let touched = self.touched.iter().find(|(_, count)| **count > 0).map(|(member, _)| *member);
        self.untouched().next().into_iter().chain(touched).min()
    }

    /// Every member present, in no order.
    fn present(&self) -> Vec<MemberRef<'a>> {
        let touched = self.touched.iter().filter(|(_, count)| **count > 0).map(|(member, _)| *member);
        self.untouched().chain(touched).collect()
    }

    /// Members present in earlier batches and not touched by this one, ascending.
    fn untouched(&self) -> impl Iterator<Item = MemberRef<'a>> {
        let mut past = self.past.clone();
        std::iter::from_fn(move || {
            loop {
                let least = past.iter().filter_map(Rows::first).min()?;
                let mut count = 0;
                for rows in past.iter_mut().filter(|rows| rows.first() == Some(least)) {
                    count += rows.step();
                }
                if count > 0 && !self.touched.contains_key(&least) {
                    return Some(least);
                }
            }
        })
    }
}
