//! Snapshots in an object store.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::{Builder, Runtime};

use super::{Claim, Store};

/// A prefix of any object store. Calls block; never call from a thread that runs async tasks.
///
/// There is no lock: every object is put on condition that it does not exist, so of two processes
/// that write here one is refused at its next commit.
#[derive(Debug)]
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: Runtime,
}

impl Remote {
    /// The objects below `prefix`.
    ///
    /// Errors: the system gives no thread or descriptor.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { store, prefix: Path::from(prefix), runtime })
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }
}

impl Store for Remote {
    fn claim(&self) -> io::Result<Claim> {
        Ok(Box::new(()))
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let listed = self.store.list(Some(&self.prefix)).try_collect::<Vec<_>>();
        let listed = self.runtime.block_on(listed)?;
        let direct = |path: &Path| {
            let mut pieces = path.prefix_match(&self.prefix)?;
            let name = pieces.next()?.as_ref().to_owned();
            pieces.next().is_none().then_some(name)
        };
        Ok(listed.into_iter().filter_map(|object| Some((direct(&object.location)?, object.size))).collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let read = async { self.store.get(&self.path(name)).await?.bytes().await };
        Ok(self.runtime.block_on(read)?.into())
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let path = self.path(name);
        let read = async {
            // Asking for what lies wholly behind the end is an error; for some of it, that some.
            let there = self.store.head(&path).await?.size.min(range.end);
            if there <= range.start {
                return Ok(Vec::new());
            }
            let options = GetOptions { range: Some(GetRange::Bounded(range.start..there)), ..GetOptions::default() };
            self.store.get_opts(&path, options).await?.bytes().await.map(Vec::from)
        };
        Ok(self.runtime.block_on(read)?)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let options = PutOptions::from(PutMode::Create);
        let put = self.store.put_opts(&path, PutPayload::from(bytes.to_vec()), options);
        match self.runtime.block_on(put) {
            Ok(_) => Ok(()),
            // A put whose answer was lost is repeated by the client and then finds its own object.
            Err(Error::AlreadyExists { .. }) if self.read(name)? == bytes => Ok(()),
            Err(Error::AlreadyExists { .. }) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.runtime.block_on(self.store.delete(&self.path(name))) {
            Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{}", self.store, self.path(name))
    }
}
