//! Where snapshots lie: names and whole files, nothing more.

mod folder;
mod remote;

use std::any::Any;
use std::io;
use std::ops::Range;

pub use folder::Folder;
pub use remote::Remote;

/// Held by the one process that writes; let go when dropped.
pub type Claim = Box<dyn Any + Send + Sync>;

/// A flat place for files that are written once and never changed.
///
/// Errors are those of the system; `NotFound` means that there is no such file, anything else that
/// it is not known.
pub trait Store: Send + Sync {
    /// Claims the place for writing. `WouldBlock` where another process holds it; a store that
    /// cannot tell relies on [`Store::create`] refusing names that exist.
    fn claim(&self) -> io::Result<Claim>;

    /// Names and lengths of all files, in any order.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;

    /// The bytes of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// The bytes of a file within a range, fewer where it ends before.
    fn read_range(&self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>>;

    /// Makes a new file: whole or not at all, and durable together with its name when this returns.
    /// `AlreadyExists` where there is one.
    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a file, if it is there.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// What a person would find the file by: a path or an address.
    fn place(&self, name: &str) -> String;
}
