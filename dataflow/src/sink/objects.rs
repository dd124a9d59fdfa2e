//! Where clips, captions and soundbites lie.
//!
//! ```text
//! (episode, revision, audio digest, pipeline version) ─ SHA-256 ─▶ key
//! previews/<first two of key>/<key>.m4a | .ogg | .vtt | .soundbite.xml
//! ```
//!
//! They lie in the output folder, in another folder, or in a bucket; names below that are the same.
//!
//! Invariant: no text from outside is part of a path. An episode's id, however hostile, enters the
//! hash only, so nothing is ever written outside the root; and the same work writes the same names,
//! so repeating it after a crash adds nothing.

mod folder;
mod remote;
#[cfg(test)]
mod tests;

use std::path::Path;

use sha2::{Digest, Sha256};

use self::folder::Folder;
use self::remote::Remote;
use super::SinkError;
use crate::bucket::Bucket;

/// What all names begin with.
const FOLDER: &str = "previews";

/// Names the objects of one preview: 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The key of what `pipeline` (the version of all that shapes a clip) makes of one episode
    /// revision whose audio has this `digest` (empty without audio). Each part is hashed with its
    /// length, so that no two different quadruples run together.
    pub fn of(episode: &str, revision: u64, digest: &str, pipeline: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [episode.as_bytes(), &revision.to_le_bytes(), digest.as_bytes(), pipeline.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hex::encode(hash.finalize()))
    }

    /// The key of the preview that an object with this [`Objects::uri`] belongs to.
    pub fn of_uri(uri: &str) -> Option<Self> {
        let name = uri.rsplit('/').next()?.split('.').next()?;
        (name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| Self(name.to_owned()))
    }

    /// The 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// AAC in MP4.
    M4a,
    /// Opus in Ogg.
    Ogg,
    /// WebVTT captions of the clip.
    Captions,
    /// The `<podcast:soundbite>` line for the feed.
    Soundbite,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::M4a, Self::Ogg, Self::Captions, Self::Soundbite];

    /// Ending of the file's name, after the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::M4a => "m4a",
            Self::Ogg => "ogg",
            Self::Captions => "vtt",
            Self::Soundbite => "soundbite.xml",
        }
    }

    /// Media type to publish it under.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::M4a => "audio/mp4",
            Self::Ogg => "audio/ogg",
            Self::Captions => "text/vtt",
            Self::Soundbite => "application/xml",
        }
    }
}

/// An object that is durable under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Path relative to the output folder, with `/`; a whole address where it lies elsewhere.
    pub uri: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
    /// False when the very same bytes lay there already.
    pub changed: bool,
}

/// An object that is to be written.
struct Object<'a> {
    name: String,
    kind: ObjectKind,
    bytes: &'a [u8],
    /// In hex.
    sha256: String,
}

/// The objects of a job. Cheap to clone; threads and processes may share a place.
#[derive(Clone, Debug)]
pub struct Objects {
    home: Home,
    /// What stands before a name in its URI.
    base: String,
}

#[derive(Clone, Debug)]
enum Home {
    Folder(Folder),
    Bucket(Remote),
}

impl Objects {
    /// The objects of the output folder `root`, which is made if need be.
    ///
    /// Errors: [`SinkError::Unwritable`].
    pub fn open(root: &Path) -> Result<Self, SinkError> {
        Ok(Self { home: Home::Folder(Folder::open(root, FOLDER)?), base: String::new() })
    }

    /// The objects of a folder that is not the output folder.
    ///
    /// Errors: [`SinkError::Unwritable`].
    pub fn elsewhere(root: &Path) -> Result<Self, SinkError> {
        let home = Folder::open(root, FOLDER)?;
        let whole = root.canonicalize().map_err(|error| SinkError::io(root, &error))?;
        let url = url::Url::from_directory_path(whole).expect("a canonical path is absolute");
        Ok(Self { home: Home::Folder(home), base: url.into() })
    }

    /// The objects of a bucket.
    pub fn in_bucket(bucket: Bucket) -> Self {
        let base = bucket.uri("");
        Self { home: Home::Bucket(Remote::new(bucket)), base }
    }

    /// Where an object lies, whether it exists or not; as [`Written::uri`].
    pub fn uri(&self, key: &ObjectKey, kind: ObjectKind) -> String {
        format!("{}{}", self.base, name(key, kind))
    }

    /// Whether an address is of this place.
    pub fn holds(&self, uri: &str) -> bool {
        uri.strip_prefix(&self.base).is_some_and(|name| name.split('/').next() == Some(FOLDER))
    }

    /// Makes all objects of a preview durable; what lies there already is not written. In their order.
    ///
    /// Errors: [`SinkError::Unwritable`] or [`SinkError::Bucket`]; some may be durable then.
    pub fn write<'a>(&self, key: &ObjectKey, objects: &[(ObjectKind, &'a [u8])]) -> Result<Vec<Written>, SinkError> {
        let object = |(kind, bytes): &(ObjectKind, &'a [u8])| Object {
            name: name(key, *kind),
            kind: *kind,
            bytes,
            sha256: hex::encode(Sha256::digest(bytes)),
        };
        let objects: Vec<Object<'a>> = objects.iter().map(object).collect();
        let changed = match &self.home {
            Home::Folder(folder) => folder.write(&objects)?,
            Home::Bucket(remote) => remote.write(&objects)?,
        };
        let written = |(object, changed): (Object<'a>, bool)| Written {
            uri: format!("{}{}", self.base, object.name),
            bytes: object.bytes.len() as u64,
            sha256: object.sha256,
            changed,
        };
        Ok(objects.into_iter().zip(changed).map(written).collect())
    }

    /// Removes every object of a preview that was corrected or taken down, if it is there.
    ///
    /// Errors: as [`Objects::write`].
    pub fn remove(&self, key: &ObjectKey) -> Result<(), SinkError> {
        ObjectKind::ALL.into_iter().try_for_each(|kind| match &self.home {
            Home::Folder(folder) => folder.remove(&name(key, kind)),
            Home::Bucket(remote) => remote.remove(&name(key, kind)),
        })
    }

    /// Removes what a crash left half written; how many files. To be called before the first write of a job
    /// that has the place to itself, by one of its processes.
    ///
    /// Errors: as [`Objects::write`].
    pub fn sweep(&self) -> Result<usize, SinkError> {
        match &self.home {
            Home::Folder(folder) => folder.sweep(),
            // A store has an object whole or not at all.
            Home::Bucket(_) => Ok(0),
        }
    }
}

fn name(key: &ObjectKey, kind: ObjectKind) -> String {
    format!("{FOLDER}/{}/{}.{}", &key.0[..2], key.0, kind.extension())
}
