//! Objects in a bucket.
//!
//! ```text
//! write ─▶ HEAD: length and SHA-256 the same? ─ yes ─▶ nothing
//!                                └ no ─▶ PUT, with both
//! ```
//! A store keeps what is put whole or not at all, and says so only when it is durable.

use object_store::{Attribute, Attributes, Error, GetOptions, ObjectStoreExt, PutOptions, PutPayload};

use super::ObjectKind;
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

    /// Whether the bytes had to be written.
    pub fn write(&self, name: &str, kind: ObjectKind, bytes: &[u8], sha256: &str) -> Result<bool, SinkError> {
        if self.holds(name, bytes.len() as u64, sha256)? {
            return Ok(false);
        }
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, kind.media_type().into());
        attributes.insert(DIGEST, sha256.to_owned().into());
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
