//! Where clips, captions and soundbites lie.
//!
//! ```text
//! (episode, revision, audio digest, pipeline version) ─ SHA-256 ─▶ key
//! previews/<first two of key>/<key>.m4a | .ogg | .vtt | .soundbite.xml
//! ```
//!
//! Invariant: no text from outside is part of a path. An episode's id, however hostile, enters the
//! hash only, so nothing is ever written outside the root; and the same work writes the same names,
//! so repeating it after a crash adds nothing.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{SinkError, file};

/// Folder of all objects, relative to the output folder.
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
    /// Path relative to the output folder, with `/`.
    pub uri: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
    /// False when the very same bytes lay there already.
    pub changed: bool,
}

/// The objects under one output folder. Cheap to clone; threads and processes may share a folder.
#[derive(Clone, Debug)]
pub struct Objects {
    root: PathBuf,
}

impl Objects {
    /// The objects of the output folder `root`, which is made if need be.
    ///
    /// Errors: [`SinkError::Unwritable`].
    pub fn open(root: &Path) -> Result<Self, SinkError> {
        let folder = root.join(FOLDER);
        fs::create_dir_all(&folder).map_err(|error| SinkError::io(&folder, &error))?;
        Ok(Self { root: root.to_owned() })
    }

    /// Path of an object relative to the output folder, whether it exists or not.
    pub fn uri(key: &ObjectKey, kind: ObjectKind) -> String {
        format!("{FOLDER}/{}/{}.{}", &key.0[..2], key.0, kind.extension())
    }

    /// Makes `bytes` durable under the key; where they lie there already nothing is written.
    ///
    /// Errors: [`SinkError::Unwritable`].
    pub fn write(&self, key: &ObjectKey, kind: ObjectKind, bytes: &[u8]) -> Result<Written, SinkError> {
        let uri = Self::uri(key, kind);
        let path = self.root.join(&uri);
        let changed = !holds(&path, bytes);
        if changed {
            self.replace(&path, bytes).map_err(|error| SinkError::io(&path, &error))?;
        }
        let sha256 = hex::encode(Sha256::digest(bytes));
        Ok(Written { uri, bytes: bytes.len() as u64, sha256, changed })
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
            file::sync_folder(folder)?;
        }
        file::replace(path, |out| out.write_all(bytes))
    }

    /// Removes every object of a preview that was corrected or taken down; how many there were.
    ///
    /// Errors: [`SinkError::Unwritable`].
    pub fn remove(&self, key: &ObjectKey) -> Result<usize, SinkError> {
        let mut removed = 0;
        for kind in ObjectKind::ALL {
            let path = self.root.join(Self::uri(key, kind));
            match fs::remove_file(&path).and_then(|()| file::sync_folder(&path)) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(SinkError::io(&path, &error)),
            }
        }
        Ok(removed)
    }

    /// Removes what a crash left half written; how many files. To be called before the first write
    /// of a run that has the output folder to itself.
    ///
    /// Errors: [`SinkError::Unwritable`].
    pub fn sweep(&self) -> Result<usize, SinkError> {
        let top = self.root.join(FOLDER);
        let mut removed = 0;
        for folder in entries(&top)?.iter().filter(|path| path.is_dir()) {
            for path in entries(folder)? {
                if path.as_os_str().as_encoded_bytes().ends_with(file::PART.as_bytes()) {
                    fs::remove_file(&path).map_err(|error| SinkError::io(&path, &error))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SinkError> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    read().map_err(|error| SinkError::io(folder, &error))
}

/// Whether the file holds exactly these bytes. One that cannot be read is written anew.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    let same_length = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == bytes.len() as u64);
    same_length && fs::read(path).is_ok_and(|found| found == bytes)
}

#[cfg(test)]
mod tests;
