//! Objects in a folder of this machine, or of a volume.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Object;
use crate::sink::{SinkError, file};

/// A folder. Names are relative to it, with `/`.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// What is being written. A folder of its own, so that nobody has to look through all objects to find
    /// what a crash left.
    unfinished: PathBuf,
}

impl Folder {
    /// The folder `root`, which is made if need be, and `top` in it.
    pub fn open(root: &Path, top: &str) -> Result<Self, SinkError> {
        let unfinished = root.join(top).join(".unfinished");
        fs::create_dir_all(&unfinished).map_err(|error| SinkError::io(&unfinished, &error))?;
        Ok(Self { root: root.to_owned(), unfinished })
    }

    /// Writes what lies in one folder; of each object whether it had to be written. All are durable then.
    pub fn write(&self, objects: &[Object<'_>]) -> Result<Vec<bool>, SinkError> {
        let mut changed = Vec::with_capacity(objects.len());
        for Object { name, bytes, .. } in objects {
            let path = self.root.join(name);
            changed.push(!holds(&path, bytes));
            if changed.ends_with(&[true]) {
                self.put(&path, bytes).map_err(|error| SinkError::io(&path, &error))?;
            }
        }
        // One wait for all names: it is the folder that has them. Also for those that were there: who wrote
        // them may have been killed before.
        if let Some(Object { name, .. }) = objects.first() {
            let path = self.root.join(name);
            file::sync_folder(&path).map_err(|error| SinkError::io(&path, &error))?;
        }
        Ok(changed)
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
            file::sync_folder(folder)?;
        }
        file::put(path, &self.unfinished, |out| out.write_all(bytes))
    }

    pub fn remove(&self, name: &str) -> Result<(), SinkError> {
        let path = self.root.join(name);
        match fs::remove_file(&path).and_then(|()| file::sync_folder(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(SinkError::io(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Removes what is half written; how many files.
    pub fn sweep(&self) -> Result<usize, SinkError> {
        let sweep = || {
            let found = fs::read_dir(&self.unfinished)?.collect::<io::Result<Vec<_>>>()?;
            found.iter().try_for_each(|entry| fs::remove_file(entry.path()))?;
            Ok(found.len())
        };
        sweep().map_err(|error| SinkError::io(&self.unfinished, &error))
    }
}

/// Whether the file holds exactly these bytes. One that cannot be read is written anew.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    let same_length = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == bytes.len() as u64);
    same_length && fs::read(path).is_ok_and(|found| found == bytes)
}
