//! What can go wrong with the output: folder or broker. Unlike a [`hark_operators::Fault`] this is no fault of
//! an episode: nothing can be acknowledged until a person has looked, so the process stops.

use std::path::{Path, PathBuf};

/// An output that cannot be written or read. Every message names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// There is no outcomes table where one was to be read.
    #[error("{}: there is no outcomes table; name the --output folder of an earlier run", file.display())]
    Absent {
        /// The table's file.
        file: PathBuf,
    },
    /// The file or its folder cannot be written: permissions, a full disk, a failing device.
    #[error("{}: cannot be written ({cause}); make the folder writable, free space, or choose another --output", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// Another process is writing the table.
    #[error("{}: another process holds the table; wait until that run has ended, or choose another --output", file.display())]
    Locked {
        /// The table's file.
        file: PathBuf,
    },
    /// The file is damaged, or a row is not what hark writes.
    #[error("{}: damaged ({detail}); move the file aside and run again, or restore it from a copy", file.display())]
    Corrupt {
        /// The table's file.
        file: PathBuf,
        /// Where, and what was found.
        detail: String,
    },
    /// The file is a database that hark did not make.
    #[error("{}: a database that hark did not make; choose another --output", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// The table was written by another version of hark.
    #[error("{}: holds outcomes of schema {found}, this hark reads schema {known}; use the hark that wrote it, or choose another --output", file.display())]
    Schema {
        /// The table's file.
        file: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The schema version of this build.
        known: i64,
    },
    /// An earlier write failed, so outcomes recorded since the last commit may be gone.
    #[error("{}: an earlier write failed and {lost} outcomes since the last commit are not durable; start again, they will be repeated", file.display())]
    Broken {
        /// The table's file.
        file: PathBuf,
        /// Outcomes recorded after the last commit.
        lost: u64,
    },
    /// A broker did not take a message, or not in time.
    #[error(
        "topic {topic}: a message was not acknowledged ({cause}); see that the brokers are up and the topic writable, then start again: it will be repeated"
    )]
    Message {
        /// The topic.
        topic: String,
        /// What the broker or the client said.
        cause: String,
    },
}

impl SinkError {
    /// Says what SQLite's error means for `file`.
    pub(super) fn sqlite(file: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let file = file.to_owned();
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Locked { file },
            Some(Code::DatabaseCorrupt | Code::NotADatabase) | None => {
                Self::Corrupt { file, detail: error.to_string() }
            }
            Some(_) => Self::Unwritable { file, cause: error.to_string() },
        }
    }

    /// A file that the system would not write.
    pub(super) fn io(file: &Path, error: &std::io::Error) -> Self {
        Self::Unwritable { file: file.to_owned(), cause: error.to_string() }
    }
}
