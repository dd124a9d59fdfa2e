//! Facts as they lie in files: episode by episode, so that an id is written once.
//!
//! ```text
//! section  count u32 | episode ...      MessagePack, structs as arrays in the order of their fields
//! ```
//! Whoever adds a field to a fact adds it at the end and with `#[serde(default)]`: files written
//! before are then read as they are. Anything else needs a new version in [`super::frame`]; the
//! golden files in the tests tell.

use std::sync::Arc;

use hark_operators::dedupe::exact::Key;
use hark_operators::dedupe::near::Likeness;
use hark_operators::dedupe::standing::Announced;
use hark_operators::record::{EpisodeId, EpisodeKey};
use serde::{Deserialize, Serialize};

use super::error::Unusable;
use super::fact::Fact;
use super::name::Name;

/// All that is kept of one episode.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Episode {
    pub(super) id: EpisodeId,
    pub(super) announced: Vec<Announced>,
    pub(super) digests: Vec<(u64, Key)>,
    pub(super) prints: Vec<Alike>,
    pub(super) signatures: Vec<Alike>,
}

/// A revision's likeness, which lies in another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Alike {
    pub(super) revision: u64,
    pub(super) body: Body,
}

/// Where a body lies. Bodies with one key are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) key: Key,
    pub(super) number: u64,
    pub(super) index: u32,
    /// Of its frame in the file.
    pub(super) offset: u64,
    /// Without its frame's overhead.
    pub(super) bytes: u32,
}

impl Body {
    pub(super) fn file(self) -> Name {
        Name::Bodies(self.number, self.index)
    }
}

impl Episode {
    pub(super) fn new(id: EpisodeId) -> Self {
        Self { id, announced: Vec::new(), digests: Vec::new(), prints: Vec::new(), signatures: Vec::new() }
    }

    fn absorb(&mut self, other: Self) {
        self.announced.extend(other.announced);
        self.digests.extend(other.digests);
        self.prints.extend(other.prints);
        self.signatures.extend(other.signatures);
    }

    /// Each fact once, in an order that depends on nothing but them.
    fn settle(&mut self) {
        fn once<T: Ord>(facts: &mut Vec<T>) {
            if facts.len() > 1 {
                facts.sort();
                facts.dedup();
            }
        }
        once(&mut self.announced);
        once(&mut self.digests);
        for alike in [&mut self.prints, &mut self.signatures] {
            // Of one body in two files the earlier stays: it needs no copying.
            once(alike);
            alike.dedup_by_key(|alike| (alike.revision, alike.body.key));
        }
    }

    pub(super) fn facts(&self) -> usize {
        self.announced.len() + self.digests.len() + self.prints.len() + self.signatures.len()
    }

    /// Lets go of what `keep` does not want; it sees empty likenesses.
    pub(super) fn retain(&mut self, keep: &mut dyn FnMut(&Fact) -> bool) {
        let Self { id, announced, digests, prints, signatures } = self;
        let key = |revision| EpisodeKey { episode: id.clone(), revision };
        let unread = || Likeness { bands: Arc::default(), moments: Arc::default(), body: Arc::default() };
        announced.retain(|fact| keep(&Fact::Announced(id.clone(), fact.clone())));
        digests.retain(|(revision, digest)| keep(&Fact::Digest(key(*revision), *digest)));
        prints.retain(|alike| keep(&Fact::Print(key(alike.revision), unread())));
        signatures.retain(|alike| keep(&Fact::Signature(key(alike.revision), unread())));
    }

    /// Where the bodies of its likenesses lie.
    pub(super) fn bodies(&self) -> impl Iterator<Item = Body> {
        self.prints.iter().chain(&self.signatures).map(|alike| alike.body)
    }

    pub(super) fn bodies_mut(&mut self) -> impl Iterator<Item = &mut Body> {
        self.prints.iter_mut().chain(&mut self.signatures).map(|alike| &mut alike.body)
    }

    /// Drops likenesses whose body is lost.
    pub(super) fn without(&mut self, lost: impl Fn(&Body) -> bool) {
        self.prints.retain(|alike| !lost(&alike.body));
        self.signatures.retain(|alike| !lost(&alike.body));
    }

    /// Appends its facts as they were told; of likenesses those that `read` has.
    pub(super) fn tell(self, read: impl Fn(&Body) -> Option<Likeness>, facts: &mut impl Extend<Fact>) {
        let Self { id, announced, digests, prints, signatures } = self;
        let key = |revision| EpisodeKey { episode: id.clone(), revision };
        facts.extend(announced.into_iter().map(|fact| Fact::Announced(id.clone(), fact)));
        facts.extend(digests.into_iter().map(|(revision, digest)| Fact::Digest(key(revision), digest)));
        let alike = |alike: Alike| Some((key(alike.revision), read(&alike.body)?));
        facts.extend(prints.into_iter().filter_map(alike).map(|(key, print)| Fact::Print(key, print)));
        facts.extend(signatures.into_iter().filter_map(alike).map(|(key, words)| Fact::Signature(key, words)));
    }
}

/// Groups told facts by episode; `put` says where a likeness was put.
pub(super) fn grouped<E>(
    facts: &[&Fact],
    mut put: impl FnMut(&Likeness) -> Result<Body, E>,
) -> Result<Vec<Episode>, E> {
    let mut alike = |revision, likeness: &Likeness| Ok(Alike { revision, body: put(likeness)? });
    let mut facts = facts.to_vec();
    facts.sort_by_key(|fact| fact.episode());
    let mut episodes: Vec<Episode> = Vec::new();
    for fact in facts {
        if episodes.last().is_none_or(|last| last.id != *fact.episode()) {
            episodes.push(Episode::new(fact.episode().clone()));
        }
        let episode = episodes.last_mut().expect("one was pushed");
        match fact {
            Fact::Announced(_, announced) => episode.announced.push(announced.clone()),
            Fact::Digest(key, digest) => episode.digests.push((key.revision, *digest)),
            Fact::Print(key, likeness) => episode.prints.push(alike(key.revision, likeness)?),
            Fact::Signature(key, likeness) => episode.signatures.push(alike(key.revision, likeness)?),
        }
    }
    Ok(episodes)
}

/// Puts sections of one bucket together: each episode once, by id.
pub(super) fn merged(mut episodes: Vec<Episode>) -> Vec<Episode> {
    if !episodes.is_sorted_by(|a, b| a.id < b.id) {
        episodes.sort_by(|a, b| a.id.cmp(&b.id));
        episodes.dedup_by(|later, first| {
            let same = later.id == first.id;
            if same {
                first.absorb(std::mem::replace(later, Episode::new(EpisodeId::from(""))));
            }
            same
        });
    }
    episodes.iter_mut().for_each(Episode::settle);
    episodes
}

/// Appends a section.
pub(super) fn encode(episodes: &[Episode], section: &mut Vec<u8>) {
    let count = u32::try_from(episodes.len()).expect("a bucket of four billion episodes was split before");
    section.extend_from_slice(&count.to_le_bytes());
    let mut encoder = rmp_serde::Serializer::new(section);
    for episode in episodes {
        episode.serialize(&mut encoder).expect("plain values into memory");
    }
}

/// Appends a section's episodes.
pub(super) fn decode(section: &[u8], episodes: &mut Vec<Episode>) -> Result<(), Unusable> {
    let (count, rest) =
        section.split_first_chunk::<4>().ok_or_else(|| Unusable::Damaged("a section without its count".to_owned()))?;
    let mut decoder = rmp_serde::Deserializer::from_read_ref(rest);
    for _ in 0..u32::from_le_bytes(*count) {
        let episode = Episode::deserialize(&mut decoder)
            .map_err(|error| Unusable::Damaged(format!("an episode that cannot be decoded: {error}")))?;
        episodes.push(episode);
    }
    Ok(())
}
