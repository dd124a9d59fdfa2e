//! An episode as its source announced it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Identifies an episode across revisions: the feed's guid, or the id that the caller gave.
///
/// Shared: of each that is known a dozen copies are on their way between operators, and millions are known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpisodeId(Arc<str>);

impl EpisodeId {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for EpisodeId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for EpisodeId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl std::fmt::Display for EpisodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One revision of one episode: the unit that has exactly one outcome.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpisodeKey {
    /// Which episode.
    pub episode: EpisodeId,
    /// Which version of it; later is greater.
    pub revision: u64,
}

/// How soon an episode's preview is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Overtakes everything that waits.
    Urgent,
    /// The default.
    #[default]
    Normal,
    /// A replay of the past: whatever is left over.
    Backfill,
}

/// Until when a preview is wanted at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deadline {
    /// Seconds since 1970 UTC.
    At(i64),
    /// Seconds after it was taken in.
    Within(f64),
}

/// Where an episode's transcript is to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptSource {
    /// A path or URI, and the media type if the source named one.
    At {
        /// Path relative to the input, absolute path, `file:`, `http:` or `https:`.
        uri: String,
        /// As in `<podcast:transcript type="...">`.
        media_type: Option<String>,
    },
    /// The text itself.
    Inline {
        /// The bytes as text, in any format that [`crate::transcript`] reads.
        text: String,
        /// As in `<podcast:transcript type="...">`.
        media_type: Option<String>,
    },
}

/// One episode as announced. Titles and descriptions are data from outside: never trusted, never
/// part of a path, always escaped where shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// Episode and revision.
    pub key: EpisodeKey,
    /// Name of the show.
    pub show: String,
    /// Title of the episode.
    pub title: String,
    /// Description or show notes, plain text or HTML; may be empty.
    pub description: String,
    /// When it was published: seconds since 1970 UTC; 0 when unknown.
    pub published: i64,
    /// Path or URI of the audio; `None` for an episode that has a transcript only.
    pub audio: Option<String>,
    /// The transcript, if there is one.
    pub transcript: Option<TranscriptSource>,
    /// Language as the source declared it (BCP 47), if it did.
    pub language: Option<String>,
    /// Duration in seconds as the source declared it; a hint, never trusted.
    pub declared_seconds: Option<f64>,
    /// How soon it is wanted.
    pub priority: Priority,
    /// When a light preview is better than a full one that comes later, if it is.
    #[serde(default)]
    pub deadline: Option<Deadline>,
    /// Not an episode but its end: the source takes this revision and all before it back.
    pub withdrawn: bool,
    /// Folder or URL that relative paths are resolved against (where the announcement was read).
    pub base: String,
}

impl Announcement {
    /// One of which nothing is known but whose it is; relative paths in it are relative to `base`.
    pub fn bare(key: EpisodeKey, base: String) -> Self {
        Self {
            key,
            show: String::new(),
            title: String::new(),
            description: String::new(),
            published: 0,
            audio: None,
            transcript: None,
            language: None,
            declared_seconds: None,
            priority: Priority::Normal,
            deadline: None,
            withdrawn: false,
            base,
        }
    }
}
