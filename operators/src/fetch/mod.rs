//! Brings audio and transcripts to this machine's disk, from files and web servers that nobody
//! vouches for.
//!
//! ```text
//!               ┌ a path ─▶ local: under an allowed folder? ─▶ used where it lies
//! uri ─ place ──┤
//!               └ http ───▶ download: retries ─▶ exchange: redirects ─▶ one request ─▶ staging
//!                                                     guard: every address is public
//! ```
//!
//! A feed can name any address, so a fetch is a request that a stranger makes from inside our
//! network. Hence: names are resolved once, every address is checked, and the connection goes to a
//! checked address, anew for every redirect; no proxy, no cookies. What comes back is counted after
//! decompression, timed, and written under a name that says nothing of what the stranger chose.
//!
//! Invariant: no request leaves for an address that is not public, and no file is read outside the
//! allowed folders, or written outside the staging folder.

mod address;
mod body;
mod download;
mod exchange;
mod guard;
mod local;
mod place;
mod policy;
mod staging;
#[cfg(test)]
mod tests;

use std::path::Path;

use ureq::Agent;

use crate::Fault;
use crate::record::TranscriptSource;
use crate::record::finding::LocalAudio;

pub use exchange::is_unproven;
pub use policy::{Clock, FetchPolicy, Lookup};

use place::Place;

/// The stage name of every fault of a fetch.
const STAGE: &str = "fetch";

/// Fetches under one policy. Cheap to clone; every clone may be used on a thread of its own.
#[derive(Clone)]
pub struct Fetcher {
    policy: FetchPolicy,
    agent: Agent,
}

impl Fetcher {
    /// A fetcher that keeps to `policy`.
    pub fn new(policy: FetchPolicy) -> Self {
        let agent = guard::agent(&policy, ureq::unversioned::transport::DefaultConnector::default());
        Self { policy, agent }
    }

    /// The audio at `uri`, which is relative to `base` (a folder or URL) unless it is absolute.
    ///
    /// A file under an allowed folder is used where it lies; a download is written to the folder
    /// `into` under a name of its own, and is the caller's to remove. The digest is taken while
    /// reading.
    ///
    /// Errors: faults of stage `fetch`; of kind retry when the server, the network or the disk is
    /// at fault and the attempts of the policy did not help.
    pub fn audio(&self, uri: &str, base: &str, into: &Path) -> Result<LocalAudio, Fault> {
        match place::locate(uri, base)? {
            Place::Files(paths) => local::audio(&paths, &self.policy),
            Place::Web(url) => {
                self.download(&url, "identity", |body| staging::audio(body, into, self.policy.max_audio_bytes))
            }
        }
    }

    /// The bytes of a transcript and what is known of its format: the media type if the source
    /// named one, else the file's name if that tells, else the server's word.
    ///
    /// Errors: as [`Fetcher::audio`].
    pub fn transcript(&self, source: &TranscriptSource, base: &str) -> Result<(Vec<u8>, Option<String>), Fault> {
        let limit = self.policy.max_transcript_bytes;
        let (uri, media_type) = match source {
            TranscriptSource::Inline { text, .. } if text.len() as u64 > limit => {
                return Err(body::too_large("the inline transcript", limit));
            }
            TranscriptSource::Inline { text, media_type } => {
                return Ok((text.clone().into_bytes(), media_type.clone()));
            }
            TranscriptSource::At { uri, media_type } => (uri, media_type.clone()),
        };
        let (bytes, found) = match place::locate(uri, base)? {
            Place::Files(paths) => local::transcript(&paths, &self.policy)?,
            Place::Web(url) => self.download(&url, "gzip", |body| {
                let bytes = body.whole(limit)?;
                Ok((bytes, place::telling_name(body.url.path()).or_else(|| body.media_type.clone())))
            })?,
        };
        Ok((bytes, media_type.or(found)))
    }
}
