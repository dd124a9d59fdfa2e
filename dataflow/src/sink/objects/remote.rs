//! Objects in a bucket.
//!
//! ```text
//! write ─▶ HEAD: length and SHA-256 the same? ─ yes ─▶ nothing
//!                                └ no ─▶ PUT, with both
//! ```
//! A store keeps what is put whole or not at all, and says so only when it is durable.

use object_store::{Attribute, Attributes, Error, GetOptions, ObjectStoreExt, PutOptions, PutPayload};

use super::Object;
use crate::bucket::{Bucket, BucketError};
use crate::sink::SinkError;

/// The name of the metadata that holds the digest of the bytes.
const DIGEST: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("sha256"));

/// A bucket. Names are relative to its prefix.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    bucket: Bucket,
}

impl Remote {
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// Writes objects side by side: each is two round trips, and whoever publishes next waits for all of them.
    /// Of each whether it had to be written.
    pub fn write(&self, objects: &[Object<'_>]) -> Result<Vec<bool>, SinkError> {
        std::thread::scope(|scope| {
            let sent: Vec<_> = objects.iter().map(|object| scope.spawn(|| self.write_one(object))).collect();
            let ended =
                sent.into_iter().map(|sent| sent.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            ended.collect()
        })
    }

    fn write_one(&self, Object { name, kind, bytes, sha256 }: &Object<'_>) -> Result<bool, SinkError> {
        if self.holds(name, bytes.len() as u64, sha256)? {
            return Ok(false);
        }
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, kind.media_type().into());
        attributes.insert(DIGEST, sha256.clone().into());
        let path = self.bucket.path(name);
        let put = self.bucket.store().put_opts(&path, PutPayload::from(bytes.to_vec()), PutOptions::from(attributes));
        self.bucket.wait(put).map_err(|error| self.error(&error))?;
        Ok(true)
    }

    fn holds(&self, name: &str, bytes: u64, sha256: &str) -> Result<bool, SinkError> {
        let path = self.bucket.path(name);
        let head = self.bucket.store().get_opts(&path, GetOptions { head: true, ..GetOptions::default() });
        match self.bucket.wait(head) {
            Ok(found) => {
                let digest = found.attributes.get(&DIGEST).is_some_and(|found| found.as_ref() == sha256);
                Ok(digest && found.meta.size == bytes)
            }
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.error(&error).into()),
        }
    }

    pub fn remove(&self, name: &str) -> Result<(), SinkError> {
        let path = self.bucket.path(name);
        match self.bucket.wait(self.bucket.store().delete(&path)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error(&error).into()),
        }
    }

    fn error(&self, error: &Error) -> BucketError {
        self.bucket.error(error)
    }
}
