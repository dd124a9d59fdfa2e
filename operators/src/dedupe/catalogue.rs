//! All levels together: from facts about episodes to a verdict on each.
//!
//! ```text
//! facts ─▶ stand ─┬─ enclosures ─▶ same key ─┬────────┐
//!                 ├─ digests ────▶ same key ─┤ copies │
//!                 ├─ prints ─────▶ alone ◀───┤─▶ near ┼─▶ components ─▶ canonical ─┐
//!                 └─ signatures ─▶ alone ◀───┘─▶ near ┘        ties ─────▶ the closest ─┴─▶ verdicts
//!                 prints, alone ─▶ repeated ◀── who stands alone ────────────────────────────┘
//! ```
//! Facts may arrive in any order and at any time; those of a revision that does not stand count for
//! nothing. An episode without a verdict is fresh: that is known once a probe behind the verdicts has
//! passed the time at which its facts became known.

use differential_dataflow::VecCollection;

use super::alone::alone;
use super::component;
use super::exact::{self, Key, KnownAt, Member};
use super::near::{Likeness, Rule, near};
use super::repeated::{Sharing, repeated};
use super::standing::{Announced, Standing, stand};
use super::verdict::{Level, Tie, Verdict};
use crate::record::part::Parts;
use crate::record::{EpisodeId, EpisodeKey};

/// What is known of episodes, as collections.
pub struct Facts<'s> {
    /// What sources announced.
    pub announced: VecCollection<'s, KnownAt, (EpisodeId, Announced)>,
    /// Of the bytes of audio files.
    pub digests: VecCollection<'s, KnownAt, (EpisodeKey, Key)>,
    /// How episodes sound.
    pub prints: VecCollection<'s, KnownAt, (EpisodeKey, Likeness)>,
    /// What is said in them.
    pub signatures: VecCollection<'s, KnownAt, (EpisodeKey, Likeness)>,
}

/// The rules of the two near levels, and of what different episodes share.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// For prints.
    pub acoustic: Rule,
    /// For signatures.
    pub transcript: Rule,
    /// For the parts that prints share.
    pub sharing: Sharing,
}

/// What follows from the facts.
pub struct Verdicts<'s> {
    /// One for each episode's latest revision that is not to have a preview of its own.
    pub verdicts: VecCollection<'s, KnownAt, (EpisodeKey, Verdict)>,
    /// The latest revision of each episode that was revised: the verdict on all earlier ones.
    pub revised: VecCollection<'s, KnownAt, (EpisodeId, u64)>,
    /// Bands left out because too many episodes have them, with their level.
    pub popular: VecCollection<'s, KnownAt, (Level, u64)>,
    /// The parts of episode revisions that others hold too; those without any are not named.
    pub parts: VecCollection<'s, KnownAt, (EpisodeKey, Parts)>,
}

/// Joins the facts.
pub fn verdicts<'s>(facts: Facts<'s>, rules: Rules) -> Verdicts<'s> {
    let Standing { enclosures, digests, prints, signatures, withdrawn, revised } = stand(facts);
    let exact = [(Level::Enclosure, enclosures), (Level::Digest, digests)].map(|(level, keyed)| {
        let (edges, _held) = exact::edges(keyed);
        let ties = edges.clone().flat_map(move |(member, canonical)| {
            let tie = |to: &Member| Tie { level, apart: 0, to: to.key.clone() };
            [(member.key.clone(), tie(&canonical)), (canonical.key.clone(), tie(&member))]
        });
        (edges, ties)
    });

    let copies = exact.iter().map(|(edges, _)| edges.clone().map(|(member, _canonical)| member));
    let copies = copies.reduce(|all, more| all.concat(more)).expect("there are two exact levels");
    let (prints, signatures) = (alone(prints, copies.clone()), alone(signatures, copies));
    let near = [(prints.clone(), rules.acoustic), (signatures, rules.transcript)].map(|(likenesses, rule)| {
        (near(likenesses.map(|(member, (_show, likeness))| (member, likeness)), rule), rule.level)
    });
    let popular = near.iter().map(|(found, level)| {
        let level = *level;
        found.popular.clone().map(move |band| (level, band))
    });
    let popular = popular.reduce(|all, more| all.concat(more)).expect("there are two near levels");

    let (mut edges, mut ties) = (Vec::new(), Vec::new());
    for (found, of) in exact {
        edges.push(found);
        ties.push(of);
    }
    for (found, _level) in near {
        edges.push(found.edges);
        ties.push(found.ties);
    }
    let all = |parts: Vec<VecCollection<'s, KnownAt, _>>| parts.into_iter().reduce(|all, more| all.concat(more));
    let edges = all(edges).expect("there are four levels").distinct();
    let ties = ties.into_iter().reduce(|all, more| all.concat(more)).expect("there are four levels");
    let duplicates = component::canonical(edges)
        .flat_map(|(member, canonical)| (member != canonical).then_some((member.key, canonical.key)))
        .join(ties)
        // A tie to the canonical itself tells more than one to a link of the chain.
        .map(|(key, (of, tie))| (key, (tie.to != of, tie, of)))
        .reduce(|_key, ties, least| least.push((ties[0].0.clone(), 1)))
        .map(|(key, (_indirect, tie, of))| (key, Verdict::Duplicate { of, tie }));
    let parts = repeated(prints, duplicates.clone().map(|(key, _)| key), rules.sharing);
    Verdicts {
        verdicts: withdrawn.map(|key| (key, Verdict::Withdrawn)).concat(duplicates).consolidate(),
        revised: revised.consolidate(),
        popular,
        parts: parts.consolidate(),
    }
}
