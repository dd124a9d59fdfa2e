//! Full snapshots: what was committed so far, put together, and what nobody needs any more removed.

use std::collections::{BTreeMap, BTreeSet};

use super::bodies::{self, Live};
use super::chain::{Chain, names};
use super::episodes::{self, Episode};
use super::error::{SnapshotError, Warning};
use super::fact::{BUCKETS, Fact, Header};
use super::frame::{OVERHEAD, prefix, push};
use super::manifest::{Bodies, Manifest, Section};
use super::name::Name;
use super::store::Store;
use super::writer::Limits;

/// A full snapshot that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// The last commit that it holds.
    pub number: u64,
    /// Episodes that have facts.
    pub episodes: u64,
    /// Their facts.
    pub facts: u64,
    /// Bytes of the facts, without bodies.
    pub bytes: u64,
    /// Bytes of bodies that were copied to a new file.
    pub copied: u64,
    /// Damage that was found.
    pub warnings: Vec<Warning>,
}

/// Writes the full snapshot of a state whose last commit is `number`, then removes what neither it
/// nor the one before needs.
pub(super) fn write(
    chain: &Chain,
    number: u64,
    header: &Header,
    limits: Limits,
    keep: &mut dyn FnMut(&Fact) -> bool,
) -> Result<Full, SnapshotError> {
    let store = &*chain.store;
    let mut parts = Parts { store, number, limit: limits.part_bytes, file: Vec::new(), lengths: Vec::new() };
    let mut movers = Movers::new(chain, number, limits);
    let (mut kept_episodes, mut facts) = (0, 0);
    let mut sections = Vec::with_capacity(BUCKETS);
    let mut section = Vec::new();
    for bucket in 0..BUCKETS {
        let mut episodes = chain.bucket(bucket)?;
        episodes.iter_mut().for_each(|episode| episode.retain(keep));
        movers.relocate(&mut episodes)?;
        episodes.retain(|episode| episode.facts() > 0);
        kept_episodes += episodes.len() as u64;
        facts += episodes.iter().map(Episode::facts).sum::<usize>() as u64;
        section.clear();
        episodes::encode(&episodes, &mut section);
        sections.push(parts.push(&section)?);
    }
    let copied = movers.copied;
    let lengths = parts.finish()?;
    let bytes = lengths.iter().sum();
    let header = header.clone();
    let bodies = movers.finish()?;
    let manifest = Manifest { number, header, sections, parts: lengths, bodies, episodes: kept_episodes, facts };
    bodies::create(store, Name::Manifest(number), &manifest.encode())?;
    let warnings = chain.warnings();
    // Where a bucket of the snapshot before is damaged, it cannot stand in for this one.
    if !chain.patched() {
        prune(store, &manifest, chain.fulls.first())?;
    }
    Ok(Full { number, episodes: kept_episodes, facts, bytes, copied, warnings })
}

/// Files of buckets, each of a good size: neither thousands of small ones nor one that a writer
/// must hold in memory whole.
struct Parts<'a> {
    store: &'a dyn Store,
    number: u64,
    limit: usize,
    file: Vec<u8>,
    lengths: Vec<u64>,
}

impl Parts<'_> {
    fn push(&mut self, section: &[u8]) -> Result<Section, SnapshotError> {
        if self.file.len() >= self.limit {
            self.flush()?;
        }
        let part = self.lengths.len() as u32;
        let name = Name::Part(self.number, part);
        if self.file.is_empty() {
            self.file.extend_from_slice(&prefix(name));
        }
        let offset = self.file.len() as u64;
        push(&mut self.file, name, section);
        Ok(Section { part, offset, bytes: (section.len() + OVERHEAD) as u64 })
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        bodies::create(self.store, Name::Part(self.number, self.lengths.len() as u32), &self.file)?;
        self.lengths.push(self.file.len() as u64);
        self.file.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u64>, SnapshotError> {
        self.flush()?;
        Ok(self.lengths)
    }
}

/// Decides which bodies stay where they are, and copies the others.
struct Movers<'a> {
    chain: &'a Chain,
    number: u64,
    /// Files of which enough is in use, with their lengths.
    stay: BTreeMap<(u64, u32), u64>,
    writer: bodies::Writer<'a>,
    live: Live,
    copied: u64,
}

impl<'a> Movers<'a> {
    fn new(chain: &'a Chain, number: u64, limits: Limits) -> Self {
        let least = limits.body_file_bytes as u64 / 2;
        let before = chain.fulls.first().map_or(&[][..], |full| &full.bodies);
        let lossy = chain.lossy.lock().expect("nobody panics while adding a file");
        let stays = |file: &&Bodies| file.live >= least && !lossy.contains(&(file.number, file.index));
        let stay = before.iter().filter(stays);
        let stay = stay.map(|file| ((file.number, file.index), file.bytes)).collect();
        let writer = bodies::Writer::new(&*chain.store, number, limits.body_file_bytes);
        Self { chain, number, stay, writer, live: Live::default(), copied: 0 }
    }

    fn relocate(&mut self, episodes: &mut [Episode]) -> Result<(), SnapshotError> {
        let bodies = episodes.iter().flat_map(Episode::bodies);
        let moving = bodies.filter(|body| !self.stay.contains_key(&(body.number, body.index)));
        let found = bodies::fetch(&*self.chain.store, moving.collect())?;
        self.chain.warn_of_lost(&found);
        let mut moved = BTreeMap::new();
        for (body, bytes) in &found.bytes {
            moved.insert(*body, self.writer.put(body.key, bytes)?);
            self.copied += bytes.len() as u64;
        }
        for episode in episodes {
            episode.without(|body| found.lost.contains_key(body));
            for body in episode.bodies_mut() {
                *body = moved.get(body).copied().unwrap_or(*body);
                self.live.add(body);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Bodies>, SnapshotError> {
        let mut lengths = self.stay;
        lengths.extend(self.writer.finish()?.into_iter().map(|(index, bytes)| ((self.number, index), bytes)));
        let files = self.live.into_files().map(|(file @ (number, index), live)| {
            let bytes = *lengths.get(&file).expect("every body was left or put in a file of known length");
            Bodies { number, index, bytes, live }
        });
        Ok(files.collect())
    }
}

/// Removes what neither `newest` nor the snapshot `before` it needs. Of what depends on another
/// file the dependent goes first, and commits go oldest first: a crash leaves whole states only.
fn prune(store: &dyn Store, newest: &Manifest, before: Option<&Manifest>) -> Result<(), SnapshotError> {
    let kept = [Some(newest.number), before.map(|full| full.number)];
    let bodies = before.iter().flat_map(|full| &full.bodies).chain(&newest.bodies);
    let bodies: BTreeSet<_> = bodies.map(|file| (file.number, file.index)).collect();
    let past = |number: u64| before.is_some_and(|full| number <= full.number);
    let names = names(store)?;
    let unneeded = |name: &Name| match *name {
        Name::Manifest(number) | Name::Part(number, _) => number < newest.number && !kept.contains(&Some(number)),
        Name::Told(number) => past(number),
        Name::Bodies(number, index) => past(number) && !bodies.contains(&(number, index)),
    };
    let (manifests, others): (Vec<_>, Vec<_>) =
        names.into_iter().filter(unneeded).partition(|name| matches!(name, Name::Manifest(_)));
    for name in manifests.into_iter().chain(others) {
        let name = name.to_string();
        store.remove(&name).map_err(|error| SnapshotError::store(store, &name, error))?;
    }
    Ok(())
}
