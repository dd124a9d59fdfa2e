//! Snapshots in an object store.

use std::io;
use std::ops::Range;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::{Claim, Store};
use crate::bucket::Bucket;

/// A bucket. Calls block; never call from a thread that runs async tasks.
///
/// There is no lock: every object is put on condition that it does not exist, so of two processes
/// that write here one is refused at its next commit.
#[derive(Debug)]
pub struct Remote {
    bucket: Bucket,
}

impl Remote {
    /// The objects of a bucket.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// `NotFound` where there is no such object; anything else with its place and remedy.
    fn told(&self, error: Error) -> io::Error {
        match error {
            Error::NotFound { .. } => error.into(),
            other => io::Error::other(self.bucket.error(&other)),
        }
    }
}

impl Store for Remote {
    fn claim(&self) -> io::Result<Claim> {
        Ok(Box::new(()))
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let prefix = self.bucket.prefix();
        let listed = self.bucket.store().list(Some(prefix)).try_collect::<Vec<_>>();
        let listed = self.bucket.wait(listed).map_err(|error| self.told(error))?;
        let direct = |path: &Path| {
            let mut pieces = path.prefix_match(prefix)?;
            let name = pieces.next()?.as_ref().to_owned();
            pieces.next().is_none().then_some(name)
        };
        Ok(listed.into_iter().filter_map(|object| Some((direct(&object.location)?, object.size))).collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.bucket.path(name);
        let read = async { self.bucket.store().get(&path).await?.bytes().await };
        Ok(self.bucket.wait(read).map_err(|error| self.told(error))?.into())
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let (store, path) = (self.bucket.store(), self.bucket.path(name));
        let read = async {
            // Asking for what lies wholly behind the end is an error; for some of it, that some.
            let there = store.head(&path).await?.size.min(range.end);
            if there <= range.start {
                return Ok(Vec::new());
            }
            let options = GetOptions { range: Some(GetRange::Bounded(range.start..there)), ..GetOptions::default() };
            store.get_opts(&path, options).await?.bytes().await.map(Vec::from)
        };
        self.bucket.wait(read).map_err(|error| self.told(error))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.bucket.path(name);
        let options = PutOptions::from(PutMode::Create);
        let put = self.bucket.store().put_opts(&path, PutPayload::from(bytes.to_vec()), options);
        match self.bucket.wait(put) {
            Ok(_) => Ok(()),
            // A put whose answer was lost is repeated and then finds its own object.
            Err(Error::AlreadyExists { .. }) if self.read(name)? == bytes => Ok(()),
            Err(Error::AlreadyExists { .. }) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => Err(self.told(error)),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.bucket.path(name);
        match self.bucket.wait(self.bucket.store().delete(&path)) {
            Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(self.told(error)),
        }
    }

    fn place(&self, name: &str) -> String {
        self.bucket.uri(name)
    }
}
