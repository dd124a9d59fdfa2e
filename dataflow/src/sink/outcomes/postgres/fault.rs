//! What the server's errors mean: which pass by themselves, and the remedy of those that do not.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::sink::{Place, SinkError};

/// Why something could not be done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server went away, starts, or somebody else was in the way: a new connection may do better.
    Passing(SinkError),
    /// Trying again would not help.
    Lasting(SinkError),
}

impl From<Trouble> for SinkError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Passing(error) | Trouble::Lasting(error) => error,
        }
    }
}

/// The trouble that an error of the client is.
pub(super) fn trouble(place: &Place, error: &Error) -> Trouble {
    match error.as_db_error() {
        Some(said) => by_code(place, said),
        None => without_code(place, error),
    }
}

fn by_code(place: &Place, said: &DbError) -> Trouble {
    let (place, code) = (place.clone(), said.code());
    let cause = plain(said.message());
    let passing = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::IDLE_SESSION_TIMEOUT,
        // A standby that is being promoted.
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    // Another process writes the same rows.
    let held = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
    if held.contains(code) {
        return Trouble::Passing(SinkError::Locked { place });
    }
    if passing.contains(code) || code.code().starts_with("08") {
        return Trouble::Passing(SinkError::Unreachable { place, cause });
    }
    Trouble::Lasting(match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => SinkError::Login { place, cause },
        SqlState::INVALID_CATALOG_NAME => SinkError::Database { place, cause },
        SqlState::INSUFFICIENT_PRIVILEGE => SinkError::Denied { place, cause },
        _ => SinkError::Refused { place, cause: format!("{cause}, {}", code.code()) },
    })
}

/// The client speaks of kinds in its words only.
fn without_code(place: &Place, error: &Error) -> Trouble {
    let place = place.clone();
    let cause = plain(&error.source().map_or_else(|| error.to_string(), ToString::to_string));
    let untrusted = error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some_and(|error| {
        error.kind() == io::ErrorKind::InvalidData && error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
    });
    let said = error.to_string();
    if untrusted {
        Trouble::Lasting(SinkError::Untrusted { place, cause })
    } else if said.starts_with("authentication") || said.starts_with("invalid configuration") {
        Trouble::Lasting(SinkError::Login { place, cause })
    } else {
        Trouble::Passing(SinkError::Unreachable { place, cause })
    }
}

/// What the other side said, as one short line: it goes into logs.
fn plain(text: &str) -> String {
    text.chars().take(300).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
