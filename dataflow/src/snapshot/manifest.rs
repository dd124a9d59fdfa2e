//! What a full snapshot is made of. Written last: without it the rest is nothing.

use serde::{Deserialize, Serialize};

use super::error::Unusable;
use super::fact::{BUCKETS, Header};
use super::frame::{only, prefix, push};
use super::name::Name;
use super::store::Store;

/// The table of contents of a full snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The last commit that it holds.
    pub(super) number: u64,
    pub(super) header: Header,
    /// One for each bucket.
    pub(super) sections: Vec<Section>,
    /// Lengths of the parts.
    pub(super) parts: Vec<u64>,
    /// Files that hold bodies of its likenesses.
    pub(super) bodies: Vec<Bodies>,
    pub(super) episodes: u64,
    pub(super) facts: u64,
}

/// Where a bucket lies: its frame.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Section {
    pub(super) part: u32,
    pub(super) offset: u64,
    /// With its frame's overhead.
    pub(super) bytes: u64,
}

/// A file of bodies, and how much of it is in use.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Bodies {
    pub(super) number: u64,
    pub(super) index: u32,
    /// Its length.
    pub(super) bytes: u64,
    /// Bytes that are referred to, with their frames' overhead.
    pub(super) live: u64,
}

impl Manifest {
    pub(super) fn encode(&self) -> Vec<u8> {
        let name = Name::Manifest(self.number);
        let mut file = prefix(name).to_vec();
        push(&mut file, name, &rmp_serde::to_vec(self).expect("plain values into memory"));
        file
    }

    pub(super) fn parse(store: &dyn Store, number: u64, file: &[u8]) -> Result<Self, Unusable> {
        let frame = only(store, Name::Manifest(number), file)?;
        let manifest: Self =
            rmp_serde::from_slice(frame).map_err(|error| Unusable::Damaged(format!("cannot be decoded: {error}")))?;
        if manifest.sections.len() != BUCKETS {
            return Err(Unusable::Damaged(format!("it has {} buckets, not {BUCKETS}", manifest.sections.len())));
        }
        Ok(manifest)
    }
}
