//! The facts of one commit.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::bodies;
use super::episodes;
use super::error::{SnapshotError, Unusable};
use super::fact::{BUCKETS, Fact, Header, bucket};
use super::frame::{only, prefix, push};
use super::name::Name;
use super::store::Store;

/// What a commit's file holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) header: Header,
    /// Buckets that have facts, each with its section.
    pub(super) sections: Vec<(u8, ByteBuf)>,
    /// Index and length of the files of its bodies.
    pub(super) bodies: Vec<(u32, u64)>,
}

impl Told {
    /// Writes a commit: the bodies, then the facts that refer to them. Says how many bytes the
    /// facts take.
    pub(super) fn write(
        store: &dyn Store,
        number: u64,
        facts: &[Fact],
        header: &Header,
        body_file: usize,
    ) -> Result<u64, SnapshotError> {
        let mut by_bucket: Vec<Vec<&Fact>> = vec![Vec::new(); BUCKETS];
        facts.iter().for_each(|fact| by_bucket[bucket(fact.episode())].push(fact));
        let mut bodies = bodies::Writer::new(store, number, body_file);
        let mut sections = Vec::new();
        for (facts, bucket) in by_bucket.iter().zip(0..=u8::MAX).filter(|(facts, _)| !facts.is_empty()) {
            let episodes = episodes::grouped(facts, |likeness| bodies.put_likeness(likeness))?;
            let mut section = Vec::new();
            episodes::encode(&episodes::merged(episodes), &mut section);
            sections.push((bucket, ByteBuf::from(section)));
        }
        let told = Self { header: header.clone(), sections, bodies: bodies.finish()? };
        let name = Name::Told(number);
        let mut file = prefix(name).to_vec();
        push(&mut file, name, &rmp_serde::to_vec(&told).expect("plain values into memory"));
        bodies::create(store, name, &file)?;
        Ok(file.len() as u64)
    }

    pub(super) fn parse(store: &dyn Store, number: u64, file: &[u8]) -> Result<Self, Unusable> {
        let frame = only(store, Name::Told(number), file)?;
        rmp_serde::from_slice(frame).map_err(|error| Unusable::Damaged(format!("cannot be decoded: {error}")))
    }
}
