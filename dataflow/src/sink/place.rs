//! Where something durable lies, as messages name it.

use std::fmt;
use std::path::Path;

/// A file or folder, `postgres://user@host/database` or `s3://bucket/prefix`.
///
/// Invariant: no password is ever part of it, so that it may stand in any message or log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// A place that is no file; `shown` without its secrets.
    pub(crate) fn named(shown: impl Into<String>) -> Self {
        Self(shown.into())
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self(path.display().to_string())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
