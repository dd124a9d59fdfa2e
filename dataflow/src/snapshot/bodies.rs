//! Bodies of likenesses: by far the most bytes, so they are written once and referred to.
//!
//! A commit writes those that it brings beside its facts; the next full snapshot copies them into
//! files of a good size, and from then on leaves them where they are until most of a file is dead.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use hark_operators::dedupe::exact::Key;
use hark_operators::dedupe::near::Likeness;

use super::episodes::Body;
use super::error::{SnapshotError, Unusable};
use super::frame::{OVERHEAD, PREFIX, open, pop, prefix, push};
use super::name::Name;
use super::store::Store;

/// Bodies closer than this are read at once: seeking costs more than skipping.
const GAP: u64 = 64 << 10;
/// Most bytes that are read at once.
const RUN: u64 = 16 << 20;

/// Writes bodies with one commit, in files of about `limit` bytes.
pub(super) struct Writer<'a> {
    store: &'a dyn Store,
    number: u64,
    limit: usize,
    index: u32,
    file: Vec<u8>,
    /// What this writer has put already: one body is often told twice.
    put: BTreeMap<Key, Body>,
    written: Vec<(u32, u64)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(store: &'a dyn Store, number: u64, limit: usize) -> Self {
        Self { store, number, limit, index: 0, file: Vec::new(), put: BTreeMap::new(), written: Vec::new() }
    }

    /// Puts a likeness and says where.
    pub(super) fn put_likeness(&mut self, likeness: &Likeness) -> Result<Body, SnapshotError> {
        let bytes = encode(likeness);
        self.put(Key::of(blake3::hash(&bytes).as_bytes()), &bytes)
    }

    /// Puts bytes that have this key and says where.
    pub(super) fn put(&mut self, key: Key, bytes: &[u8]) -> Result<Body, SnapshotError> {
        if let Some(body) = self.put.get(&key) {
            return Ok(*body);
        }
        if self.file.is_empty() {
            self.file.extend_from_slice(&prefix(Name::Bodies(self.number, self.index)));
        }
        let offset = self.file.len() as u64;
        let length = u32::try_from(bytes.len()).map_err(|_| {
            let cause = io::Error::other(format!("a likeness of {} bytes", bytes.len()));
            SnapshotError::store(self.store, &Name::Bodies(self.number, self.index).to_string(), cause)
        })?;
        let body = Body { key, number: self.number, index: self.index, offset, bytes: length };
        push(&mut self.file, body.file(), bytes);
        self.put.insert(key, body);
        if self.file.len() >= self.limit {
            self.flush()?;
        }
        Ok(body)
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        let name = Name::Bodies(self.number, self.index);
        create(self.store, name, &self.file)?;
        self.written.push((self.index, self.file.len() as u64));
        self.index += 1;
        self.file.clear();
        Ok(())
    }

    /// Makes the rest durable; says the index and length of each file.
    pub(super) fn finish(mut self) -> Result<Vec<(u32, u64)>, SnapshotError> {
        if !self.file.is_empty() {
            self.flush()?;
        }
        Ok(self.written)
    }
}

/// Makes a new file durable. One that is there already is another process's.
pub(super) fn create(store: &dyn Store, name: Name, bytes: &[u8]) -> Result<(), SnapshotError> {
    let name = name.to_string();
    store.create(&name, bytes).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => SnapshotError::Superseded { file: store.place(&name) },
        _ => SnapshotError::store(store, &name, cause),
    })
}

/// `length of keys u32 | keys in MessagePack | what is compared`: the last as it is, it is by far the
/// longest.
fn encode(likeness: &Likeness) -> Vec<u8> {
    let keys = Likeness { body: Arc::default(), ..likeness.clone() };
    let keys = rmp_serde::to_vec(&keys).expect("plain values into memory");
    let length = u32::try_from(keys.len()).expect("keys of an episode take far less than 4 GB");
    [&length.to_le_bytes()[..], &keys, &likeness.body].concat()
}

fn decode(bytes: &[u8]) -> Option<Likeness> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (keys, body) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let keys: Likeness = rmp_serde::from_slice(keys).ok()?;
    Some(Likeness { body: body.into(), ..keys })
}

/// What was found of some bodies: by body, and the damage of those that are lost.
pub(super) struct Found {
    pub(super) bytes: BTreeMap<Body, Vec<u8>>,
    pub(super) lost: BTreeMap<Body, String>,
}

impl Found {
    /// The likeness that was put there. What cannot be decoded goes to those that are lost.
    pub(super) fn likenesses(&mut self) -> BTreeMap<Body, Likeness> {
        let mut likenesses = BTreeMap::new();
        for (body, bytes) in std::mem::take(&mut self.bytes) {
            match decode(&bytes) {
                Some(likeness) => drop(likenesses.insert(body, likeness)),
                None => drop(self.lost.insert(body, "it is no likeness".to_owned())),
            }
        }
        likenesses
    }
}

/// Reads bodies, those that lie near each other at once.
pub(super) fn fetch(store: &dyn Store, mut wanted: Vec<Body>) -> Result<Found, SnapshotError> {
    wanted.sort_by_key(|body| (body.number, body.index, body.offset));
    wanted.dedup();
    let mut found = Found { bytes: BTreeMap::new(), lost: BTreeMap::new() };
    let end = |body: &Body| body.offset + OVERHEAD as u64 + u64::from(body.bytes);
    let mut rest = &wanted[..];
    while let Some(first) = rest.first() {
        let mut until = end(first);
        let near = rest[1..].iter().take_while(|body| {
            let near = body.file() == first.file() && body.offset <= until + GAP && end(body) - first.offset <= RUN;
            until = if near { end(body) } else { until };
            near
        });
        let (run, others) = rest.split_at(1 + near.count());
        rest = others;
        match read(store, first.file(), first.offset..until)? {
            Ok(bytes) => run.iter().for_each(|body| match cut(*body, first.offset, &bytes) {
                Ok(bytes) => drop(found.bytes.insert(*body, bytes)),
                Err(detail) => drop(found.lost.insert(*body, detail)),
            }),
            Err(detail) => run.iter().for_each(|body| drop(found.lost.insert(*body, detail.clone()))),
        }
    }
    Ok(found)
}

/// A range of a file; the inner error says that there is none.
pub(super) fn read(store: &dyn Store, file: Name, range: Range<u64>) -> Result<Result<Vec<u8>, String>, SnapshotError> {
    match store.read_range(&file.to_string(), range) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Err("not there".to_owned())),
        Err(error) => Err(SnapshotError::store(store, &file.to_string(), error)),
    }
}

fn cut(body: Body, start: u64, run: &[u8]) -> Result<Vec<u8>, String> {
    let from = usize::try_from(body.offset - start).map_err(|error| error.to_string())?;
    let frame = run.get(from..).unwrap_or_default();
    match pop(body.file(), frame) {
        Ok((bytes, _)) if bytes.len() == body.bytes as usize => Ok(bytes.into()),
        Ok(_) => Err("another body lies at its place".to_owned()),
        Err(Unusable::Damaged(detail)) => Err(detail),
        Err(Unusable::Fatal(error)) => Err(error.to_string()),
    }
}

/// Checks all frames of a file.
pub(super) fn sound(store: &dyn Store, name: Name, file: &[u8]) -> Result<(), Unusable> {
    open(store, name, file)?;
    let mut rest = &file[PREFIX..];
    while !rest.is_empty() {
        (_, rest) = pop(name, rest)?;
    }
    Ok(())
}

/// Bytes in use by file.
#[derive(Default)]
pub(super) struct Live(BTreeMap<(u64, u32), u64>);

impl Live {
    pub(super) fn add(&mut self, body: &Body) {
        let bytes = u64::from(body.bytes) + OVERHEAD as u64;
        match self.0.entry((body.number, body.index)) {
            Entry::Occupied(mut live) => *live.get_mut() += bytes,
            Entry::Vacant(none) => drop(none.insert(bytes)),
        }
    }

    pub(super) fn into_files(self) -> impl Iterator<Item = ((u64, u32), u64)> {
        self.0.into_iter()
    }
}
