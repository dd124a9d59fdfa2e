//! Who asks: a key, its secret, and perhaps a token.
//!
//! Invariant: secrets are handed to the signer alone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use super::BucketError;

/// Where a key comes from.
pub(super) enum Credentials {
    /// The environment, as it was when the job began.
    Fixed(Arc<AwsCredential>),
    /// A file that is read for each request, so that temporary keys may be renewed under a running job.
    File {
        path: PathBuf,
        /// Which of its sections.
        profile: String,
    },
}

impl Credentials {
    /// Those of the file, else those of the environment, as AWS' tools name them.
    pub fn find(file: Option<&Path>) -> Result<Self, BucketError> {
        let Some(path) = file else {
            let (key_id, secret_key) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"));
            let found = pair(key_id, secret_key, set("AWS_SESSION_TOKEN"));
            return found.map(|found| Self::Fixed(Arc::new(found))).map_err(|missing| missing.of("the environment"));
        };
        let profile = set("AWS_PROFILE").unwrap_or("default".to_owned());
        read(path, &profile)?;
        Ok(Self::File { path: path.to_owned(), profile })
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        match self {
            Self::Fixed(found) => Ok(found.clone()),
            Self::File { path, profile } => {
                let found = read(path, profile);
                found.map(Arc::new).map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(_) => f.write_str("Fixed(***)"),
            Self::File { path, profile } => {
                f.debug_struct("File").field("path", path).field("profile", profile).finish()
            }
        }
    }
}

/// A variable of the environment that says something.
pub(super) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Which half is not there.
struct Missing(&'static str);

impl Missing {
    fn of(self, place: &str) -> BucketError {
        BucketError::Credentials { detail: format!("{place} holds no {}", self.0) }
    }
}

fn pair(key_id: Option<String>, secret_key: Option<String>, token: Option<String>) -> Result<AwsCredential, Missing> {
    let key_id = key_id.ok_or(Missing("AWS_ACCESS_KEY_ID"))?;
    let secret_key = secret_key.ok_or(Missing("AWS_SECRET_ACCESS_KEY"))?;
    Ok(AwsCredential { key_id, secret_key, token })
}

fn read(path: &Path, profile: &str) -> Result<AwsCredential, BucketError> {
    let unreadable =
        |error: std::io::Error| BucketError::Credentials { detail: format!("{}: {error}", path.display()) };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&text, profile).map_err(|missing| missing.of(&format!("[{profile}] of {}", path.display())))
}

/// Lines of `name = value` in sections; those before the first section are of every profile. Names are
/// those of AWS' files, or of its variables.
fn parse(text: &str, profile: &str) -> Result<AwsCredential, Missing> {
    let (mut key_id, mut secret_key, mut token, mut ours) = (None, None, None, true);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            ours = section.trim() == profile;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| ours && !line.starts_with(['#', ';'])) else {
            continue;
        };
        let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        match name.trim().to_ascii_lowercase().as_str() {
            "aws_access_key_id" => key_id = value,
            "aws_secret_access_key" => secret_key = value,
            "aws_session_token" => token = value,
            _ => {}
        }
    }
    pair(key_id, secret_key, token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# of the team\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=hunter2\n\n\
        [other]\naws_access_key_id=AKIA2\naws_secret_access_key = hunter=3\naws_session_token = t/4\n[half]\n\
        aws_access_key_id=AKIA5\n";

    #[test]
    fn a_file_has_sections_and_each_its_own_key() {
        let of = |profile: &str| parse(FILE, profile).map(|found| (found.key_id, found.secret_key, found.token)).ok();
        assert_eq!(of("default"), Some(("AKIA1".into(), "hunter2".into(), None)));
        assert_eq!(of("other"), Some(("AKIA2".into(), "hunter=3".into(), Some("t/4".into()))));
        assert_eq!((of("half"), of("nobody")), (None, None));
        let bare = "AWS_ACCESS_KEY_ID=AKIA1\nAWS_SECRET_ACCESS_KEY=hunter2\n";
        assert!(parse(bare, "default").is_ok(), "a file of variables will do");
    }

    #[test]
    fn a_file_is_read_anew_and_its_secrets_are_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        std::fs::write(&path, FILE).unwrap();
        let credentials = Credentials::File { path: path.clone(), profile: "default".into() };
        let now =
            || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(credentials.get_credential());
        assert_eq!(now().unwrap().secret_key, "hunter2");
        std::fs::write(&path, FILE.replace("hunter2", "hunter6")).unwrap();
        assert_eq!(now().unwrap().secret_key, "hunter6");
        let shown = format!("{credentials:?} {:?}", Credentials::Fixed(now().unwrap()));
        assert!(!shown.contains("hunter"), "{shown}");
        std::fs::write(&path, "[default]\naws_secret_access_key=hunter7\n").unwrap();
        let error = now().unwrap_err().to_string();
        assert!(error.contains("AWS_ACCESS_KEY_ID") && !error.contains("hunter"), "{error}");
    }
}
