//! What keeps a job from an object store. Every message names the place and the remedy, none a secret.

use std::error::Error;

use crate::sink::Place;

/// A store that cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// What was given is no address. The text itself is not repeated: it may hold a key.
    #[error("no address of a bucket ({detail}); write s3://BUCKET/PREFIX, or a folder")]
    Address {
        /// What is wrong with it.
        detail: String,
    },
    /// What was given is no server.
    #[error("--objects-endpoint is no address of a server ({detail}); write https://HOST or http://HOST:PORT")]
    Endpoint {
        /// What is wrong with it.
        detail: String,
    },
    /// There is no key to ask with.
    #[error(
        "no credentials for the object store ({detail}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file that holds them with --objects-credentials"
    )]
    Credentials {
        /// What is missing, and where.
        detail: String,
    },
    /// Nobody answers, or only that it cannot now; and it stayed so.
    #[error("{place}: the object store at {endpoint} does not serve ({cause}); start it, or mend --objects-endpoint")]
    Unreachable {
        /// The bucket.
        place: Place,
        /// The server.
        endpoint: String,
        /// What the network or the server said last.
        cause: String,
    },
    /// The server's certificate is signed by nobody we trust, or for another host.
    #[error(
        "{place}: the certificate of {endpoint} is not trusted ({cause}); name a file with its authority in SSL_CERT_FILE, or mend --objects-endpoint"
    )]
    Untrusted {
        /// The bucket.
        place: Place,
        /// The server.
        endpoint: String,
        /// What is wrong with the certificate.
        cause: String,
    },
    /// The server does not know this key, or not this secret.
    #[error(
        "{place}: the object store refuses the credentials ({cause}); mend AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the file of --objects-credentials"
    )]
    Login {
        /// The bucket.
        place: Place,
        /// What the server said.
        cause: String,
    },
    /// The server has no such bucket.
    #[error("{place}: there is no such bucket ({cause}); make it, or name another")]
    Missing {
        /// The bucket.
        place: Place,
        /// What the server said.
        cause: String,
    },
    /// The key may not do this.
    #[error(
        "{place}: the credentials do not allow this ({cause}); grant them ListBucket on the bucket, and GetObject, PutObject and DeleteObject below the prefix"
    )]
    Denied {
        /// The bucket.
        place: Place,
        /// What the server said.
        cause: String,
    },
    /// The bucket is elsewhere.
    #[error("{place}: the bucket is in another region ({cause}); name it with --objects-region")]
    Region {
        /// The bucket.
        place: Place,
        /// What the server said.
        cause: String,
    },
    /// Anything else that trying again would not mend.
    #[error(
        "{place}: the object store refuses ({cause}); see its log, mend that, and start again: what is not recorded is repeated"
    )]
    Refused {
        /// The bucket.
        place: Place,
        /// What the server said.
        cause: String,
    },
}

impl BucketError {
    /// What the client's error means: ours, if one is at its bottom. Its own words would repeat what a
    /// server said in full, which may be the request with its token.
    pub(super) fn of(place: &Place, error: &object_store::Error) -> Self {
        let mut cause: &dyn Error = error;
        loop {
            if let Some(ours) = cause.downcast_ref::<Self>() {
                return ours.clone();
            }
            match cause.source() {
                Some(deeper) => cause = deeper,
                None => return Self::Refused { place: place.clone(), cause: short(&cause.to_string()) },
            }
        }
    }
}

/// What the other side said, as one short line: it goes into logs.
pub(super) fn short(text: &str) -> String {
    text.chars().take(300).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
