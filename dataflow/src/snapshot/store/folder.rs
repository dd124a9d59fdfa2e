//! Snapshots in a local folder.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{Claim, Store};

/// Ending of files that are being written; a crash may leave one.
const PART: &str = ".part";
/// Locked by the process that writes. The lock goes with the process, the file stays.
const LOCK: &str = "lock";

/// A folder of this machine. Readers may share it, one process at a time claims it for writing.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which is made if need be.
    ///
    /// Errors: those of the file system.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            fs::create_dir_all(path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self { path: path.to_owned() })
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Store for Folder {
    fn claim(&self) -> io::Result<Claim> {
        let lock = File::options().create(true).truncate(false).write(true).open(self.path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Nobody else writes, so what is half written is a dead process's.
        for (name, _bytes) in self.list()?.iter().filter(|(name, _)| name.ends_with(PART)) {
            fs::remove_file(self.path.join(name))?;
        }
        Ok(Box::new(lock))
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let listed = match entry.metadata() {
                Ok(found) if found.is_file() => entry.file_name().into_string().ok().map(|name| (name, found.len())),
                Ok(_) => None,
                // Removed between the listing and the question.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            files.extend(listed);
        }
        Ok(files)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path.join(name))?;
        let there = file.metadata()?.len().min(range.end).saturating_sub(range.start);
        let mut bytes = Vec::with_capacity(usize::try_from(there).map_err(io::Error::other)?);
        file.seek(SeekFrom::Start(range.start))?;
        file.take(there).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, beside) = (self.path.join(name), self.path.join(format!("{name}{PART}")));
        // The claim keeps others away, so a name that is free now stays free.
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        if let Err(error) = write() {
            // Best effort: the error that matters is the one returned.
            drop(fs::remove_file(&beside));
            return Err(error);
        }
        self.sync()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn place(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}
