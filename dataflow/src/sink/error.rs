//! What can go wrong where outcomes, objects and messages go. Unlike a [`hark_operators::Fault`] this is no
//! fault of an episode: nothing can be acknowledged until a person has looked, so the process stops.

use std::path::Path;

use super::Place;
use crate::bucket::BucketError;

/// An output that cannot be written or read. Every message names the place and the remedy, none a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// There is no outcomes table where one was to be read.
    #[error("{place}: there is no outcomes table; name the --output folder, or the --outcomes, of an earlier run")]
    Absent {
        /// Where it was sought.
        place: Place,
    },
    /// The file or its folder cannot be written: permissions, a full disk, a failing device.
    #[error("{place}: cannot be written ({cause}); make the folder writable, free space, or choose another --output")]
    Unwritable {
        /// The file.
        place: Place,
        /// What the system said.
        cause: String,
    },
    /// Another process is writing the table.
    #[error(
        "{place}: another process holds the table; wait until that run has ended, or choose another --output or --outcomes"
    )]
    Locked {
        /// Where the table is.
        place: Place,
    },
    /// The table is damaged, or a row is not what hark writes.
    #[error("{place}: damaged ({detail}); move it aside and run again, or restore it from a copy")]
    Corrupt {
        /// Where the table is.
        place: Place,
        /// Where in it, and what was found.
        detail: String,
    },
    /// What is there is no table that hark made.
    #[error("{place}: holds something that hark did not make; choose another --output or --outcomes")]
    Foreign {
        /// Where it is.
        place: Place,
    },
    /// The table was written by another version of hark.
    #[error(
        "{place}: holds outcomes of schema {found}, this hark reads schema {known}; use the hark that wrote it, or choose another --output or --outcomes"
    )]
    Schema {
        /// Where the table is.
        place: Place,
        /// The schema version found there.
        found: i64,
        /// The schema version of this build.
        known: i64,
    },
    /// An earlier write failed, so outcomes recorded since the last commit may be gone.
    #[error(
        "{place}: an earlier write failed and {lost} outcomes since the last commit are not durable; start again, they will be repeated"
    )]
    Broken {
        /// Where the table is.
        place: Place,
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
    /// Brokers did not commit what was told in one transaction.
    #[error(
        "brokers gave up a transaction: {cause}; start again, it is repeated; another job with the same --group and --process would do this"
    )]
    Transaction {
        /// What the broker or the client said.
        cause: String,
    },
    /// What `--outcomes` says is no address of a database. The text itself is not repeated: it may hold
    /// a password.
    #[error(
        "--outcomes is no address of a database ({detail}); write postgres://USER@HOST/DATABASE, other characters than letters and digits as %XX"
    )]
    Address {
        /// What is wrong with it.
        detail: String,
    },
    /// No server answers, or it went away and did not come back in time.
    #[error("{place}: no database answers ({cause}); start the server, or mend host and port in --outcomes")]
    Unreachable {
        /// The database.
        place: Place,
        /// What the network or the server said.
        cause: String,
    },
    /// The server's certificate is signed by nobody we trust, or for another host.
    #[error(
        "{place}: the server's certificate is not trusted ({cause}); name its authority with sslrootcert=FILE in --outcomes"
    )]
    Untrusted {
        /// The database.
        place: Place,
        /// What is wrong with the certificate.
        cause: String,
    },
    /// The server does not let this user in.
    #[error(
        "{place}: the database refuses the login ({cause}); mend the user in --outcomes, and give the password by --outcomes-password-file, in PGPASSWORD or in --outcomes"
    )]
    Login {
        /// The database.
        place: Place,
        /// What the server said.
        cause: String,
    },
    /// The server has no such database, or one that cannot hold every text.
    #[error(
        "{place}: {cause}; make it with `createdb --encoding UTF8 --template template0`, or name another in --outcomes"
    )]
    Database {
        /// The database.
        place: Place,
        /// What is missing.
        cause: String,
    },
    /// The user may not make, read or write the table.
    #[error(
        "{place}: the user may not do this ({cause}); let an owner GRANT CREATE on the schema to make the table, or SELECT, INSERT and UPDATE on outcomes and hark_schema"
    )]
    Denied {
        /// The database.
        place: Place,
        /// What the server said.
        cause: String,
    },
    /// The server refuses a statement: a full disk, a failing device, a limit.
    #[error(
        "{place}: the database refuses ({cause}); see its log, mend that, and start again: what is not recorded is repeated"
    )]
    Refused {
        /// The database.
        place: Place,
        /// What the server said.
        cause: String,
    },
    /// The object store that clips go to.
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

impl SinkError {
    /// Says what SQLite's error means for `file`.
    pub(super) fn sqlite(file: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let place = Place::from(file);
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Locked { place },
            Some(Code::DatabaseCorrupt | Code::NotADatabase) | None => {
                Self::Corrupt { place, detail: error.to_string() }
            }
            Some(_) => Self::Unwritable { place, cause: error.to_string() },
        }
    }

    /// A file that the system would not write.
    pub(super) fn io(file: &Path, error: &std::io::Error) -> Self {
        Self::Unwritable { place: file.into(), cause: error.to_string() }
    }
}
