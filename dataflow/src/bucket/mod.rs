//! A bucket of an S3-compatible store, where clips lie and what is known of episodes.
//!
//! ```text
//! sink::Objects ────┐                                             ┌▶ an answer
//! snapshot::Remote ─┴▶ Bucket ─▶ object_store: signs ─▶ Service ──┤
//!                                                ▲                └▶ 5xx, reset, short, silent ─┐
//!                                                └──────────── a pause, once more ─────────────┘
//! ```
//! Tries are made in one place, below everything else: whoever asks waits while the store is away, and
//! hears of it only when patience has run out.
//!
//! Invariant: no secret and no token is part of a message, a log line or a `Debug`.

mod address;
mod credentials;
mod error;
mod refusal;
mod service;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};
use tokio::runtime::{Builder, Runtime};

pub use address::{Address, Endpoint};
pub use error::BucketError;

use credentials::Credentials;
use service::{Connector, Service};

use crate::sink::Place;

/// How stores are reached; what is `None` is as AWS has it.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// The server.
    pub endpoint: Option<Endpoint>,
    /// The region that requests are signed for; otherwise that of `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// A file of credentials as AWS' tools write it; otherwise they are in the environment.
    pub credentials: Option<PathBuf>,
}

/// All objects below a prefix. Cheap to clone. Calls block: never call from a thread that runs async tasks.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    place: Place,
    runtime: Arc<Runtime>,
}

impl Bucket {
    /// The objects at `address`, once the store has answered and let us look.
    ///
    /// # Errors
    /// Whatever keeps a job from working there, within five seconds or so.
    pub fn open(address: &Address, reach: &Reach) -> Result<Self, BucketError> {
        let place = Place::named(address.uri(""));
        let region = reach.region.clone().or_else(|| credentials::set("AWS_REGION"));
        let region = region.or_else(|| credentials::set("AWS_DEFAULT_REGION")).unwrap_or("us-east-1".to_owned());
        let endpoint = reach.endpoint.clone().unwrap_or_else(|| Endpoint::of_aws(&region));
        let service = Service::new(place.clone(), &endpoint);
        let builder = AmazonS3Builder::new()
            .with_bucket_name(address.bucket())
            .with_region(region)
            .with_endpoint(endpoint.to_string())
            .with_credentials(Arc::new(Credentials::find(reach.credentials.as_deref())?))
            .with_http_connector(Connector(service.clone()))
            // The service tries again; a second count above it would only multiply.
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            // Not every store knows how to delete several at once.
            .with_disable_bulk_delete(true);
        let store = builder.build().map_err(|error| BucketError::of(&place, &error))?;
        let bucket = Self::with(Arc::new(store.clone()), address, place)?;
        let one = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        let below = format!("{}/", bucket.prefix);
        let looked = bucket.wait(store.list_paginated(Some(below.trim_start_matches('/')), one));
        looked.map_err(|error| bucket.error(&error))?;
        service.has_started();
        Ok(bucket)
    }

    /// The objects of any store, as if they were at `address`.
    ///
    /// # Errors
    /// The system gives no thread or descriptor.
    pub fn of(store: Arc<dyn ObjectStore>, address: &Address) -> Result<Self, BucketError> {
        Self::with(store, address, Place::named(address.uri("")))
    }

    fn with(store: Arc<dyn ObjectStore>, address: &Address, place: Place) -> Result<Self, BucketError> {
        let refused = |cause: String| BucketError::Refused { place: place.clone(), cause };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| refused(error.to_string()))?;
        let prefix = Path::parse(address.prefix()).map_err(|error| refused(error.to_string()))?;
        Ok(Self { store, prefix, place, runtime: Arc::new(runtime) })
    }

    /// The store itself.
    pub(crate) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// What all names lie below.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Where an object of this name lies; steps are parted by `/`.
    pub(crate) fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, step| path.join(step))
    }

    /// The whole address of an object of this name: `s3://bucket/prefix/name`.
    pub fn uri(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    /// Waits for what was asked of the store. Threads that wait do not hold up each other.
    pub(crate) fn wait<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    /// What an error of the store means.
    pub(crate) fn error(&self, error: &object_store::Error) -> BucketError {
        BucketError::of(&self.place, error)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.place).finish()
    }
}
