//! Why there is no cache. Once it is open, nothing that befalls it is an error.

use std::path::{Path, PathBuf};

/// A folder that results of models cannot be kept in.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Its folder or file cannot be made or written.
    #[error("{}: results cannot be kept there ({cause}); choose another --cache folder, on a disk of this machine", place.display())]
    Unusable {
        /// The folder or file.
        place: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// A database of that name is there, and not hark's.
    #[error("{}: not a database that hark made; choose another --cache folder", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
}

impl CacheError {
    pub(super) fn unusable(place: &Path, cause: String) -> Self {
        Self::Unusable { place: place.to_owned(), cause }
    }
}
