//! What can go wrong with a snapshot. Unlike a [`hark_operators::Fault`] this is no fault of an
//! episode: nothing can be committed until a person has looked, so the process stops.

use std::io;

use super::store::Store;

/// A snapshot that cannot be written or read. Every message names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store would not read or write: permissions, a full disk, an unreachable server.
    #[error(
        "{file}: the snapshot cannot be read or written ({cause}); make the place writable and reachable, free space, and start again"
    )]
    Store {
        /// The file or object.
        file: String,
        /// What the system said.
        cause: io::Error,
    },
    /// Another process writes snapshots here.
    #[error("{place}: another process holds these snapshots; stop it first, or give this one another place")]
    Held {
        /// The lock's file.
        place: String,
    },
    /// A file has a format that this build does not read.
    #[error(
        "{file}: has snapshot format {found}, this hark reads {oldest} to {newest}; use the hark that wrote it, or another place for snapshots"
    )]
    Format {
        /// The file.
        file: String,
        /// The format in the file.
        found: u32,
        /// The oldest format that this build reads.
        oldest: u32,
        /// The format that this build writes.
        newest: u32,
    },
    /// A damaged file without which there is no state.
    #[error(
        "{file}: damaged ({detail}), and no earlier snapshot stands in for it; restore the place from a copy, or move it aside and read the sources from their beginning"
    )]
    Damaged {
        /// The file.
        file: String,
        /// What was found.
        detail: String,
    },
    /// A later start of the cluster has written here.
    #[error(
        "{place}: generation {found} has written here, this is {given}; this process belongs to an earlier start of the cluster: end it, or start with a greater generation"
    )]
    Generation {
        /// The place.
        place: String,
        /// What has written.
        found: u64,
        /// What this process was given.
        given: u64,
    },
    /// Another process has written what this one was about to write.
    #[error(
        "{file}: another process has written it; only one may write snapshots here: end one of the two and start the other again"
    )]
    Superseded {
        /// The file.
        file: String,
    },
    /// An earlier append failed, so it is not known what is durable.
    #[error("{place}: an earlier commit failed; start again, what was not committed will be read again")]
    Broken {
        /// The place.
        place: String,
    },
}

impl SnapshotError {
    pub(super) fn store(store: &dyn Store, name: &str, cause: io::Error) -> Self {
        Self::Store { file: store.place(name), cause }
    }
}

/// A file that was damaged or lost; what it held was made up for, or is told again by the sources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The file.
    pub file: String,
    /// What was found and what is done about it.
    pub detail: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file, self.detail)
    }
}

/// Why a file could not be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Its bytes are not what was written, or it is not there.
    Damaged(String),
    /// It must not be passed over in favour of an older one.
    Fatal(SnapshotError),
}

impl From<SnapshotError> for Unusable {
    fn from(error: SnapshotError) -> Self {
        Self::Fatal(error)
    }
}
