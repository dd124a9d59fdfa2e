//! Members as bytes: one run of memory for all, instead of a heap block for each id.
//!
//! ```text
//! row:  published, 8 bytes │ id │ revision, as few bytes as it needs │ how many those are
//! ```
//! Invariant: a member has one encoding, so rows are equal exactly when members are.

use std::cmp::Ordering;

use differential_dataflow::trace::implementations::BatchContainer;

use super::Member;
use super::offsets::Offsets;
use crate::record::{EpisodeId, EpisodeKey};

/// A list of members.
pub(super) struct Members {
    bytes: Vec<u8>,
    /// Where rows begin, and where the last one ends.
    bounds: Offsets,
}

/// A member in a list. Ordered as [`Member`] is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct MemberRef<'a> {
    row: &'a [u8],
}

impl Members {
    /// Appends a member.
    pub(super) fn push(&mut self, member: &Member) {
        self.bytes.extend_from_slice(&member.published.to_le_bytes());
        self.bytes.extend_from_slice(member.key.episode.as_str().as_bytes());
        let revision = member.key.revision;
        let width = (u64::BITS - revision.leading_zeros()).div_ceil(8) as u8;
        self.bytes.extend_from_slice(&revision.to_le_bytes()[..usize::from(width)]);
        self.bytes.push(width);
        self.bounds.push(self.bytes.len());
    }
}

impl Default for Members {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl<'a> MemberRef<'a> {
    fn published(self) -> i64 {
        let bytes = self.row.first_chunk().expect("a row begins with its date");
        i64::from_le_bytes(*bytes)
    }

    /// The bytes of the id and the revision.
    fn episode(self) -> (&'a [u8], u64) {
        let (width, row) = self.row.split_last().expect("a row ends with the width of its revision");
        let (rest, revision) = row.split_at(row.len() - usize::from(*width));
        let revision = revision.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
        (&rest[size_of::<i64>()..], revision)
    }

    /// The member itself.
    pub(super) fn to_member(self) -> Member {
        let (id, revision) = self.episode();
        let episode = EpisodeId::from(str::from_utf8(id).expect("rows are written from strings"));
        Member { published: self.published(), key: EpisodeKey { episode, revision } }
    }
}

impl Ord for MemberRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.published().cmp(&other.published()).then_with(|| self.episode().cmp(&other.episode()))
    }
}

impl PartialOrd for MemberRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl BatchContainer for Members {
    type Owned = Member;
    type ReadItem<'a> = MemberRef<'a>;

    fn into_owned(item: MemberRef<'_>) -> Member {
        item.to_member()
    }

    fn reborrow<'b, 'a: 'b>(item: MemberRef<'a>) -> MemberRef<'b> {
        item
    }

    fn push_ref(&mut self, item: MemberRef<'_>) {
        self.bytes.extend_from_slice(item.row);
        self.bounds.push(self.bytes.len());
    }

    fn push_own(&mut self, item: &Member) {
        self.push(item);
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn with_capacity(rows: usize) -> Self {
        let mut bounds = Offsets::with_capacity(rows + 1);
        bounds.push(0);
        Self { bytes: Vec::new(), bounds }
    }

    fn merge_capacity(one: &Self, other: &Self) -> Self {
        let mut merged = Self::with_capacity(one.len() + other.len());
        merged.bytes.reserve_exact(one.bytes.len() + other.bytes.len());
        merged
    }

    fn index(&self, index: usize) -> MemberRef<'_> {
        MemberRef { row: &self.bytes[self.bounds.index(index)..self.bounds.index(index + 1)] }
    }

    fn len(&self) -> usize {
        self.bounds.len() - 1
    }
}
