//! Files of frames: a prefix that says what the file is, then runs of bytes that can be checked.
//!
//! ```text
//! prefix  "harksnap" | version u32 | nothing u32 | seed of the name u64 | checksum of these u64
//! frame   length u64 | checksum u64 | the bytes
//! ```
//! Little-endian. Checksums are XXH3-64 that start from the name's seed, so that a frame of another
//! file does not pass. The prefix stays as it is in all versions.
//!
//! Invariant: a changed or missing byte is an error of the frame that it belongs to, and a version
//! is believed only if its checksum holds: damage never looks like a newer format.

use twox_hash::XxHash3_64;

use super::error::{SnapshotError, Unusable};
use super::name::Name;
use super::store::Store;

/// The format that is written.
pub(super) const VERSION: u32 = 2;
/// The oldest format that is read.
pub(super) const OLDEST: u32 = 1;

const MAGIC: &[u8; 8] = b"harksnap";
/// Bytes of a prefix.
pub(super) const PREFIX: usize = 32;
/// Bytes of a frame beside those that it is about.
pub(super) const OVERHEAD: usize = 16;

/// The first bytes of a file.
pub(super) fn prefix(name: Name) -> [u8; PREFIX] {
    prefix_of(name, VERSION)
}

pub(super) fn prefix_of(name: Name, version: u32) -> [u8; PREFIX] {
    let mut bytes = [0; PREFIX];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    bytes[16..24].copy_from_slice(&name.seed().to_le_bytes());
    let check = XxHash3_64::oneshot(&bytes[..24]);
    bytes[24..].copy_from_slice(&check.to_le_bytes());
    bytes
}

/// Checks a file's first bytes.
pub(super) fn open(store: &dyn Store, name: Name, bytes: &[u8]) -> Result<(), Unusable> {
    let damaged = |what: &str| Err(Unusable::Damaged(what.to_owned()));
    let Some(found) = bytes.first_chunk::<PREFIX>() else { return damaged("shorter than its prefix") };
    if XxHash3_64::oneshot(&found[..24]) != number(&found[24..]) || !found.starts_with(MAGIC) {
        return damaged("its prefix does not match its checksum");
    }
    let version = u32::from_le_bytes(found[8..12].try_into().expect("four bytes"));
    if !(OLDEST..=VERSION).contains(&version) {
        let file = store.place(&name.to_string());
        return Err(SnapshotError::Format { file, found: version, oldest: OLDEST, newest: VERSION }.into());
    }
    if number(&found[16..24]) != name.seed() {
        return damaged("it is another file under this name");
    }
    Ok(())
}

/// Appends a frame.
pub(super) fn push(file: &mut Vec<u8>, name: Name, bytes: &[u8]) {
    file.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    file.extend_from_slice(&XxHash3_64::oneshot_with_seed(name.seed(), bytes).to_le_bytes());
    file.extend_from_slice(bytes);
}

/// The frame at the start of `bytes`, and what follows it.
pub(super) fn pop(name: Name, bytes: &[u8]) -> Result<(&[u8], &[u8]), Unusable> {
    let damaged = |what: &str| Unusable::Damaged(what.to_owned());
    let (head, rest) = bytes.split_at_checked(OVERHEAD).ok_or_else(|| damaged("cut off in a frame's head"))?;
    let length = usize::try_from(number(&head[..8])).ok();
    let (frame, rest) =
        length.and_then(|length| rest.split_at_checked(length)).ok_or_else(|| damaged("cut off in a frame"))?;
    if XxHash3_64::oneshot_with_seed(name.seed(), frame) != number(&head[8..]) {
        return Err(damaged("a frame does not match its checksum"));
    }
    Ok((frame, rest))
}

/// The one frame of a file that has only one.
pub(super) fn only<'a>(store: &dyn Store, name: Name, file: &'a [u8]) -> Result<&'a [u8], Unusable> {
    open(store, name, file)?;
    match pop(name, &file[PREFIX..])? {
        (frame, []) => Ok(frame),
        _ => Err(Unusable::Damaged("longer than what was written".to_owned())),
    }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}
