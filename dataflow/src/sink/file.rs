//! Files that are there whole or not at all: written elsewhere in the same file system, fsynced, renamed.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Ending of files that are being written. A crash leaves them behind.
const PART: &str = ".part";

/// Replaces `path` by what `fill` writes into a file of `unfinished`, a folder of the same file system. Until
/// the rename the old file stays; after it the new one and its name are durable.
///
/// Errors: those of `fill` and of the file system; the unfinished file is removed.
pub(super) fn replace<E: From<io::Error>>(
    path: &Path,
    unfinished: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> Result<(), E>,
) -> Result<(), E> {
    put(path, unfinished, fill)?;
    Ok(sync_folder(path)?)
}

/// The same, but the name is durable only after [`sync_folder`], which may be for many.
pub(super) fn put<E: From<io::Error>>(
    path: &Path,
    unfinished: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> Result<(), E>,
) -> Result<(), E> {
    // A name by chance: the same process number may have died here before, or write on another machine. Who
    // may read it is for the umask to say.
    let mut builder = tempfile::Builder::new();
    let name = format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy());
    let mut file =
        builder.prefix(&name).suffix(PART).permissions(Permissions::from_mode(0o666)).tempfile_in(unfinished)?;
    let mut writer = BufWriter::new(file.as_file_mut());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path).map_err(io::Error::from)?;
    Ok(())
}

/// Makes a rename or removal in the folder of `path` durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let failed: io::Result<()> = replace(&path, folder.path(), |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_replaces_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "a much longer old text").unwrap();
        replace::<io::Error>(&path, folder.path(), |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let theirs = folder.path().join("theirs");
        fs::write(&theirs, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&theirs), "who may read any other new file may read this one");
    }
}
