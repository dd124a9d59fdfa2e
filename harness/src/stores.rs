//! Where clips go, and what is known of episodes: folders, or buckets of an object store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use hark_dataflow::bucket::{Address, Bucket, Reach};
use hark_dataflow::sink::Objects;
use hark_dataflow::snapshot::{Folder, Remote, Store};

/// No parser of clap's, which repeats what it refuses: an address may hold a key by mistake.
#[derive(Args, Clone)]
pub struct Stores {
    /// Where clips, captions and soundbites go instead of the output folder: s3://BUCKET/PREFIX, or another
    /// folder.
    #[arg(long, value_name = "URL|FOLDER")]
    objects: Option<String>,
    /// The server of all buckets, where it is not AWS: https://HOST, or http://HOST:PORT.
    #[arg(long, value_name = "URL")]
    objects_endpoint: Option<String>,
    /// The region of all buckets; otherwise AWS_REGION says it.
    #[arg(long, value_name = "NAME")]
    objects_region: Option<String>,
    /// A file of credentials as AWS' tools write it, read anew for each request; otherwise they are in
    /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
    #[arg(long, value_name = "FILE")]
    objects_credentials: Option<PathBuf>,
}

impl Stores {
    /// The objects of a job that writes to `output`.
    pub fn objects(&self, output: &Path) -> Result<Objects> {
        let Some(place) = &self.objects else { return Ok(Objects::open(output)?) };
        if Address::is_meant(place) {
            return Ok(Objects::in_bucket(self.bucket(place, "--objects")?));
        }
        let folder = Path::new(place);
        let same = |folder: &Path| folder.canonicalize().ok();
        Ok(match (same(folder), same(output)) {
            (Some(folder), Some(here)) if folder == here => Objects::open(output)?,
            _ => Objects::elsewhere(folder)?,
        })
    }

    /// The snapshots at `place`; by themselves they are in the output folder.
    pub fn snapshots(&self, place: Option<&str>, output: &Path) -> Result<Arc<dyn Store>> {
        let folder = match place {
            Some(place) if Address::is_meant(place) => {
                return Ok(Arc::new(Remote::new(self.bucket(place, "--snapshots")?)));
            }
            Some(place) => PathBuf::from(place),
            None => output.join("known"),
        };
        let option = if place.is_some() { "--snapshots" } else { "--output" };
        let opened = Folder::open(&folder);
        Ok(Arc::new(opened.with_context(|| format!("cannot write to {}; choose another {option}", folder.display()))?))
    }

    /// The same of a job within the job: a folder of the place where objects go.
    pub fn within(self, folder: &Path) -> Self {
        let below = |place: String| format!("{}/{}", place.trim_end_matches('/'), folder.display());
        Self { objects: self.objects.map(below), ..self }
    }

    fn bucket(&self, place: &str, option: &'static str) -> Result<Bucket> {
        let address: Address = place.parse().context(option)?;
        let endpoint = self.objects_endpoint.as_deref().map(str::parse).transpose()?;
        let (region, credentials) = (self.objects_region.clone(), self.objects_credentials.clone());
        Ok(Bucket::open(&address, &Reach { endpoint, region, credentials })?)
    }
}
