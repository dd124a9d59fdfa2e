//! Writes a download to the staging folder: beside first, whole when it bears its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use url::Url;

use super::body::Body;
use super::download::Stopped;
use super::{STAGE, place};
use crate::Fault;
use crate::record::finding::{LocalAudio, Staged};

/// Makes names unique within the process.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Writes the body into the folder `into`, which is made if it is not there, and takes its digest.
/// Nothing stays behind of a body that is not whole.
pub(super) fn audio(body: &mut Body, into: &Path, limit: u64) -> Result<LocalAudio, Stopped> {
    let name = name(&body.url);
    let path = into.join(format!("{name}.audio"));
    let (part, mut file) = Part::create(into, &name).map_err(|error| disk(into, &error))?;
    let mut hasher = blake3::Hasher::new();
    while let Some(chunk) = body.chunk(limit)? {
        hasher.update(chunk);
        file.write_all(chunk).map_err(|error| disk(into, &error))?;
    }
    let bytes = hasher.count();
    if bytes == 0 {
        let message = format!("{} is empty", place::shown(&body.url));
        return Err(Stopped::ForGood(Fault::poison(STAGE, "empty", message, "ask the host of the episode")));
    }
    drop(file);
    part.rename(&path).map_err(|error| disk(into, &error))?;
    let staged = Some(Staged::new(path.clone()).map_err(|error| disk(into, &error))?);
    Ok(LocalAudio { path, bytes, digest: hasher.finalize().to_hex().to_string(), staged })
}

/// A name that no other download has and that holds nothing of the stranger's choice. Not the
/// digest: two episodes with the same audio must not share a file that the first to end removes.
fn name(url: &Url) -> String {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let unique = format!("{url}\0{}\0{serial}", std::process::id());
    blake3::hash(unique.as_bytes()).to_hex()[..32].to_owned()
}

/// A file that goes away unless it is renamed.
struct Part(Option<PathBuf>);

impl Part {
    fn create(folder: &Path, name: &str) -> io::Result<(Self, File)> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!(".{name}.part"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok((Self(Some(path)), file))
    }

    fn rename(mut self, to: &Path) -> io::Result<()> {
        match &self.0 {
            Some(path) => fs::rename(path, to)?,
            None => unreachable!("a part is renamed once, by value"),
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "a part of a download stays behind");
        }
    }
}

/// Not tried again at once: a full disk does not empty itself within a pause.
fn disk(folder: &Path, error: &io::Error) -> Stopped {
    let message = format!("the staging folder {} cannot be written", folder.display());
    let remedy = "free space on its disk, or name another folder, then run again";
    Stopped::ForGood(Fault::retry(STAGE, "disk", message, remedy).caused_by(error))
}
