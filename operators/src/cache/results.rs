//! One lane's way to what is known of one model.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::database::{Change, Reader, is_damage};
use super::keeper::Order;
use super::{Cache, Tally};
use crate::stage::Stage;

/// Digest of who would give a result, and of what.
pub type Key = [u8; 32];

/// The results of one stage with one model, for one lane: it reads by itself, without a lock.
pub struct Results {
    cache: Arc<Cache>,
    stage: Stage,
    /// Digest of who gives them.
    maker: Key,
    /// Opened when first needed, and again when the file was replaced; behind how many were before it.
    reader: Option<(u64, Reader)>,
}

impl Results {
    /// Those of a stage that is made as `maker` says: its code, its model's weights, its precision. Two
    /// makers that might differ in a single bit of a result must not be called the same.
    pub fn new(cache: Arc<Cache>, stage: Stage, maker: &str) -> Self {
        let maker = blake3::hash(format!("{stage} {maker}").as_bytes()).into();
        Self { cache, stage, maker, reader: None }
    }

    /// The key of what this maker says of a content. Of several parts only the last may vary in length.
    pub fn key(&self, content: &[&[u8]]) -> Key {
        let mut hasher = blake3::Hasher::new_keyed(&self.maker);
        for part in content {
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    /// A result, if it is known.
    pub fn get(&mut self, key: &Key) -> Option<Vec<u8>> {
        let (of, reader) = self.reader()?;
        let (id, value) = match reader.get(key) {
            Ok(found) => found?,
            // Writing may never meet what reading met: a row whose number is damaged is found by nobody, and
            // what is put under its key comes to lie behind it.
            Err(error) if is_damage(&error) => {
                let damaged = Order::Damaged(*of);
                self.cache.order(damaged);
                return None;
            }
            Err(_) => return None,
        };
        if id < self.cache.shared.old.load(Ordering::Relaxed) {
            self.cache.order(Order::Change(Change::Used(*key)));
        }
        Some(value)
    }

    /// Keeps a result, in a while. Only sound ones: it stands for all time.
    pub fn put(&self, key: Key, value: Vec<u8>) {
        self.cache.order(Order::Change(Change::Put(key, value)));
    }

    /// Counts results that were known and results that were not.
    pub fn count(&self, hits: usize, misses: usize) {
        self.cache.count(self.stage, Tally { hits: hits as u64, misses: misses as u64 });
    }

    /// A file that cannot be opened knows nothing.
    fn reader(&mut self) -> Option<&(u64, Reader)> {
        let shared = &self.cache.shared;
        let replaced = shared.replaced.load(Ordering::Acquire);
        if self.reader.as_ref().is_none_or(|(of, _)| *of != replaced) {
            self.reader = Reader::open(&shared.file()).ok().map(|reader| (replaced, reader));
        }
        self.reader.as_ref()
    }
}
