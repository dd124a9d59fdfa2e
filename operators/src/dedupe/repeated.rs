//! What different episodes share: adverts, jingles, intros, outros, rebroadcasts.
//!
//! ```text
//! (member, show, print) ─┬─ by show ──── the nearest in time ─────────┐
//!                        └─ by key of a moment ── one of each bucket ─┴▶ (learner, other)
//!                                   both prints joined ─▶ shared stretches ─ of others that stand alone ─▶ parts
//! ```
//! Within a show every episode is compared with its nearest; across the catalogue, with one episode
//! for each moment that it has in common with any. So candidates grow with the length of an episode
//! and never with the size of a bucket: the more often an advert is heard, the surer it is found.
//! A copy tells nothing of its original: only episodes without a verdict count as others.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::operators::ThresholdTotal;
use serde::{Deserialize, Serialize};

use super::exact::{Key, KnownAt, Member};
use super::near::Likeness;
use crate::record::EpisodeKey;
use crate::record::part::{Part, Parts};

/// An episode is compared with so many before it and so many after it in its show.
pub const NEIGHBOURS: usize = 8;
/// Buckets are divided into so many, so that a change of a large one does not read all of it.
const SLICES: u64 = 256;

/// A stretch that two episodes share, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stretch {
    /// Where it begins in the first.
    pub a_start: u32,
    /// Where it begins in the second.
    pub b_start: u32,
    /// How long it lasts.
    pub length: u32,
}

/// A stretch, and with which episode it is shared.
pub type SharedWith<'a> = (&'a EpisodeKey, Stretch);

/// How what is shared is told.
#[derive(Clone, Copy, Debug)]
pub struct Sharing {
    /// The stretches that two bodies share, in the order of the first.
    pub shared: fn(&[u8], &[u8]) -> Vec<Stretch>,
    /// The parts of an episode by its body and what it shares with others.
    pub parts: fn(&[u8], &[SharedWith<'_>]) -> Vec<Part>,
}

/// Episode revisions with their repeated parts; those without any are not named. What is `judged` is
/// nobody's other.
pub(super) fn repeated<'s>(
    heard: VecCollection<'s, KnownAt, (Member, (Option<Key>, Likeness))>,
    judged: VecCollection<'s, KnownAt, EpisodeKey>,
    sharing: Sharing,
) -> VecCollection<'s, KnownAt, (EpisodeKey, Parts)> {
    let of_show =
        heard.clone().flat_map(|(member, (show, _))| show.map(|show| (show, (member.published, name(&member.key)))));
    let in_show = of_show
        .reduce(|_show, members, pairs| {
            for (at, (one, _)) in members.iter().enumerate() {
                let next = members[at + 1..].iter().take(NEIGHBOURS);
                pairs.extend(next.map(|(other, _)| ((one.1, other.1), 1)));
            }
        })
        .flat_map(|(_show, (one, other))| [(one, other), (other, one)]);

    let moments = heard.clone().flat_map(|(member, (_, likeness))| {
        let name = name(&member.key);
        (0..likeness.moments.len()).map(move |at| (likeness.moments[at], name))
    });
    // Names are hashes: the least of a bucket is anyone, and seldom displaced by one that comes later.
    let first_two = moments
        .clone()
        .map(|(moment, name)| ((moment, name.spread() % SLICES), name))
        .reduce(|_slice, names, least| least.extend(names.iter().take(2).map(|(name, _)| (**name, 1))))
        .map(|((moment, _slice), name)| (moment, name))
        .reduce(|_moment, names, least| {
            if let [(first, _), (second, _), ..] = names {
                least.push(((**first, **second), 1));
            }
        });
    let elsewhere = moments.join_map(first_two, |_moment, &learner, &(first, second)| {
        (learner, if learner == first { second } else { first })
    });

    let prints = heard.map(|(member, (_, likeness))| (name(&member.key), (member.key, likeness.body)));
    let prints = prints.arrange_by_key_named("prints");
    in_show
        .concat(elsewhere)
        .threshold_total(|_pair, _count| 1)
        .join_core(prints.clone(), |_learner, other, print| Some((*other, print.clone())))
        .join_core(prints, move |_other, (learner, body), (other, of_other)| {
            let shared: Arc<[Stretch]> = (sharing.shared)(body, of_other).into();
            (!shared.is_empty()).then(|| (other.clone(), (learner.clone(), body.clone(), shared)))
        })
        .antijoin(judged)
        .map(|(other, (learner, body, shared))| ((learner, body), (other, shared)))
        .reduce(move |(_learner, body), shared, parts| {
            let stretches = shared.iter().flat_map(|((other, shared), _)| shared.iter().map(move |one| (other, *one)));
            let stretches: Vec<SharedWith<'_>> = stretches.collect();
            parts.push((Parts::from((sharing.parts)(body, &stretches)), 1));
        })
        .map(|((learner, _body), parts)| (learner, parts))
}

/// What an episode revision is called here: short, and spread over the range.
pub fn name(key: &EpisodeKey) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.episode.as_str().as_bytes());
    hasher.update(&key.revision.to_le_bytes());
    Key::of(hasher.finalize().as_bytes())
}
