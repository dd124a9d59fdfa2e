//! Which weights there are, where they lie and whether they are the right ones.
//!
//! ```text
//! manifest.toml (compiled in)  +  <home>/models/<name>/<version>/<file>  ──▶  ModelFiles
//! ```
//!
//! Invariant: nobody gets [`ModelFiles`] unless every file of the model has the pinned SHA-256.
//! All of it is hashed at each start: 91 MB take some 100 ms, less than reading a verdict would be
//! worth. Whoever has computed with a model thus knows its hash; nothing is hashed to tell it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{ModelError, SETUP};

/// The manifest bound to the folder that holds the weights.
#[derive(Clone, Debug)]
pub struct Manifest {
    home: PathBuf,
    models: Vec<Entry>,
}

/// A model whose files were found to be the pinned ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// Folder that holds the files, under the names of the manifest.
    pub dir: PathBuf,
}

/// What the manifest says of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned<'m> {
    /// Its name.
    pub name: &'m str,
    /// The version of its weights.
    pub version: &'m str,
    /// SHA-256 of the weights, which is the first file the manifest lists.
    pub sha256: &'m str,
}

#[derive(Clone, Debug, Deserialize)]
struct Document {
    model: Vec<Entry>,
}

/// One model of the manifest. Set-up reads more of it than the program does.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    name: String,
    version: String,
    file: Vec<PinnedFile>,
}

#[derive(Clone, Debug, Deserialize)]
struct PinnedFile {
    name: String,
    sha256: String,
}

impl Manifest {
    /// The manifest of this build over the weights below `home` (`HARK_HOME`). Touches no file.
    pub fn open(home: &Path) -> Self {
        let document: Document = toml::from_str(include_str!("../manifest.toml"))
            .expect("the manifest is part of the source and a test parses it");
        Self { home: home.to_owned(), models: document.model }
    }

    /// What is pinned of model `name`. Touches no file; `None` of an unknown name.
    pub fn pinned(&self, name: &str) -> Option<Pinned<'_>> {
        let Entry { name, version, file } = self.entry(name)?;
        let sha256 = file.first().map_or("", |file| file.sha256.as_str());
        Some(Pinned { name, version, sha256 })
    }

    /// Name, version and the pinned hash of each file: what whoever gets [`ModelFiles`] of `name` has in
    /// hand. Touches no file; `None` of an unknown name.
    pub fn identity(&self, name: &str) -> Option<String> {
        let entry = self.entry(name)?;
        let hashes: Vec<&str> = entry.file.iter().map(|file| file.sha256.as_str()).collect();
        Some(format!("{} {} {}", entry.name, entry.version, hashes.join(" ")))
    }

    /// The files of model `name`, hashed just now.
    ///
    /// Errors: `Unknown` name, `Missing` file, `WrongHash`.
    pub fn verified(&self, name: &str) -> Result<ModelFiles, ModelError> {
        let Some(entry) = self.entry(name) else {
            let known: Vec<&str> = self.models.iter().map(|entry| entry.name.as_str()).collect();
            return Err(ModelError::Unknown { name: name.to_owned(), known: known.join(", ") });
        };
        let dir = self.home.join("models").join(&entry.name).join(&entry.version);
        for file in &entry.file {
            let path = dir.join(&file.name);
            let found = match sha256_of(&path) {
                Ok(found) => found,
                Err(cause) => {
                    return Err(ModelError::Missing { name: name.to_owned(), path, cause, remedy: SETUP });
                }
            };
            if found != file.sha256 {
                return Err(ModelError::WrongHash {
                    name: name.to_owned(),
                    path,
                    expected: file.sha256.clone(),
                    found,
                    remedy: SETUP,
                });
            }
        }
        Ok(ModelFiles { dir })
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.models.iter().find(|entry| entry.name == name)
    }
}

fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_file_names_itself_and_the_remedy() {
        let home = tempfile::tempdir().unwrap();
        let error = Manifest::open(home.path()).verified("silero-vad").unwrap_err();
        assert!(matches!(error, ModelError::Missing { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("silero_vad.jit") && text.contains("make setup"), "{text}");
    }

    #[test]
    fn other_bytes_under_the_right_name_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("models/silero-vad/6.2.3");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("silero_vad.jit"), b"something else").unwrap();
        let error = Manifest::open(home.path()).verified("silero-vad").unwrap_err();
        assert!(matches!(error, ModelError::WrongHash { .. }), "{error:?}");
    }

    #[test]
    fn an_identity_names_every_file_of_a_model() {
        let manifest = Manifest::open(Path::new("/"));
        let identity = manifest.identity("minilm").unwrap();
        let entry = manifest.models.iter().find(|entry| entry.name == "minilm").unwrap();
        assert!(entry.file.len() == 2 && entry.file.iter().all(|file| identity.contains(&file.sha256)), "{identity}");
        assert_eq!(manifest.identity("sillero"), None);
    }

    #[test]
    fn what_is_pinned_of_a_model_is_told_without_its_files() {
        let manifest = Manifest::open(Path::new("/nowhere"));
        let pinned = manifest.pinned("minilm").unwrap();
        assert_eq!((pinned.name, pinned.sha256.len()), ("minilm", 64));
        assert!(manifest.identity("minilm").unwrap().contains(pinned.sha256), "{pinned:?}");
        assert_eq!(manifest.pinned("sillero"), None);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = Manifest::open(Path::new("/")).verified("sillero").unwrap_err();
        assert!(error.to_string().contains("silero-vad"), "{error}");
    }
}
