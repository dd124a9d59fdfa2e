//! Files on this machine: only under the allowed folders, whatever the path says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::body::too_large;
use super::{FetchPolicy, STAGE, place};
use crate::Fault;
use crate::record::finding::LocalAudio;

/// The first of `paths` that is there, with its digest.
pub(super) fn audio(paths: &[PathBuf], policy: &FetchPolicy) -> Result<LocalAudio, Fault> {
    let (path, file) = open(paths, policy)?;
    let limit = policy.max_audio_bytes;
    let mut hasher = blake3::Hasher::new();
    // One byte over the limit shows that the file is too long, however fast it grows.
    hasher.update_reader(file.take(limit.saturating_add(1))).map_err(|error| unreadable(&path, &error))?;
    let bytes = hasher.count();
    match bytes {
        0 => Err(empty(&path)),
        _ if bytes > limit => Err(too_large(&shown(&path), limit)),
        _ => Ok(LocalAudio { path, bytes, digest: hasher.finalize().to_hex().to_string(), staged: None }),
    }
}

/// The bytes of the first of `paths` that is there, and its name if that tells its format.
pub(super) fn transcript(paths: &[PathBuf], policy: &FetchPolicy) -> Result<(Vec<u8>, Option<String>), Fault> {
    let (path, file) = open(paths, policy)?;
    let limit = policy.max_transcript_bytes;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| unreadable(&path, &error))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(&shown(&path), limit));
    }
    let name = place::telling_name(&path.to_string_lossy());
    Ok((bytes, name))
}

/// Opens the first that is there; the fault is that of the path as written.
fn open(paths: &[PathBuf], policy: &FetchPolicy) -> Result<(PathBuf, File), Fault> {
    let mut first = None;
    for path in paths {
        match open_one(path, &policy.roots) {
            Ok(opened) => return Ok(opened),
            Err(fault) => first = first.or(Some(fault)),
        }
    }
    Err(first.unwrap_or_else(|| not_found(Path::new(""))))
}

fn open_one(path: &Path, roots: &[PathBuf]) -> Result<(PathBuf, File), Fault> {
    let absolute = |path: &Path| std::path::absolute(path).map(|path| without_dots(&path));
    let written = absolute(path).map_err(|_| not_found(path))?;
    let real_roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    // First by the letters alone, so that a stranger does not learn what exists elsewhere.
    let named_roots = roots.iter().filter_map(|root| absolute(root).ok());
    if !named_roots.chain(real_roots.iter().cloned()).any(|root| written.starts_with(root)) {
        return Err(outside(path));
    }
    let real = path.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => not_found(path),
        _ => unreadable(path, &error),
    })?;
    if !real_roots.iter().any(|root| real.starts_with(root)) {
        return Err(outside(path));
    }
    // A pipe or a device would block or never end.
    if !fs::metadata(&real).map_err(|error| unreadable(path, &error))?.is_file() {
        let message = format!("{} is not a file", shown(path));
        return Err(Fault::poison(STAGE, "not_a_file", message, "name a file"));
    }
    let file = File::open(&real).map_err(|error| unreadable(path, &error))?;
    Ok((real, file))
}

/// The path with `.` and `..` undone by the letters.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn shown(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy().chars().take(200).collect::<String>())
}

fn outside(path: &Path) -> Fault {
    let message = format!("{} does not lie under an allowed folder", shown(path));
    Fault::poison(STAGE, "outside_root", message, "move the file under an allowed folder, or allow its folder")
}

fn not_found(path: &Path) -> Fault {
    let message = format!("{} does not exist", shown(path));
    Fault::poison(STAGE, "not_found", message, "check the path; relative ones start at the folder of the input")
}

fn empty(path: &Path) -> Fault {
    let message = format!("{} is empty", shown(path));
    Fault::poison(STAGE, "empty", message, "put the audio there, then replay the episode")
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let message = format!("{} cannot be read", shown(path));
    Fault::poison(STAGE, "unreadable", message, "check its permissions and the disk").caused_by(error)
}
