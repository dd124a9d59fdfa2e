//! How two processes of a cluster make sure of each other before they exchange a byte of work.
//!
//! ```text
//! called                     caller
//!        ── challenge ──▶
//!        ◀── hello ─────    who calls whom, fingerprint, challenge back, seal over all of it
//!        ── answer ─────▶   welcome with a seal over both challenges, or why not
//! ```
//! A seal is a keyed hash: who listens in learns nothing of the token, and what was heard once opens no
//! other connection. A stranger is told nothing.

use std::fs::File;
use std::io::{self, Read, Write};

use super::ClusterError;

/// The secret that all processes of a cluster share. Never shown.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// Of a secret of any length from 32 bytes.
    ///
    /// # Errors
    /// `Token` where it is shorter.
    pub fn of(secret: &[u8]) -> Result<Self, ClusterError> {
        if secret.len() < 32 {
            return Err(ClusterError::Token(format!("the cluster's token has {} bytes", secret.len())));
        }
        Ok(Self(blake3::derive_key("hark cluster token 1", secret)))
    }

    fn seal(&self, parts: &[&[u8]]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        hasher.finalize()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What all processes of a cluster must have in common: the graph that they build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a text that says all of it.
    pub fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }
}

const MAGIC: &[u8; 8] = b"hark cl1";
const PLAIN: usize = 8 + 4 + 4 + 32 + 32;
const WELCOME: u8 = 1;
const DIFFERENT: u8 = 2;

/// How a greeting that was understood ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Greeted {
    Welcome,
    /// The other is of the same cluster, but was started otherwise.
    Different,
}

/// What a process has to say of itself.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub(super) token: Token,
    pub(super) process: usize,
    pub(super) fingerprint: Fingerprint,
}

impl Card {
    /// Calls `process` over a fresh connection.
    pub(super) fn call(&self, process: usize, socket: &mut (impl Read + Write)) -> io::Result<Greeted> {
        let mut challenge = [0; 32];
        socket.read_exact(&mut challenge)?;
        let own = nonce()?;
        let mut hello = [0; PLAIN];
        hello[..8].copy_from_slice(MAGIC);
        hello[8..12].copy_from_slice(&(self.process as u32).to_le_bytes());
        hello[12..16].copy_from_slice(&(process as u32).to_le_bytes());
        hello[16..48].copy_from_slice(&self.fingerprint.0);
        hello[48..].copy_from_slice(&own);
        socket.write_all(&hello)?;
        socket.write_all(self.token.seal(&[b"hello", &challenge, &hello]).as_bytes())?;
        let (mut verdict, mut seal) = ([0; 1], [0; 32]);
        socket.read_exact(&mut verdict)?;
        socket.read_exact(&mut seal)?;
        if self.token.seal(&[b"answer", &verdict, &challenge, &own]) != blake3::Hash::from_bytes(seal) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(if verdict == [WELCOME] { Greeted::Welcome } else { Greeted::Different })
    }

    /// Answers whoever called; the process that it is.
    pub(super) fn answer(&self, socket: &mut (impl Read + Write)) -> io::Result<(usize, Greeted)> {
        let challenge = nonce()?;
        socket.write_all(&challenge)?;
        let (mut hello, mut seal) = ([0; PLAIN], [0; 32]);
        socket.read_exact(&mut hello)?;
        socket.read_exact(&mut seal)?;
        let word = |at: usize| u32::from_le_bytes(*hello[at..].first_chunk().expect("a hello is longer")) as usize;
        let sealed = self.token.seal(&[b"hello", &challenge, &hello]) == blake3::Hash::from_bytes(seal);
        if !sealed || hello[..8] != *MAGIC || word(12) != self.process {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let same = hello[16..48] == self.fingerprint.0;
        let verdict = [if same { WELCOME } else { DIFFERENT }];
        socket.write_all(&verdict)?;
        socket.write_all(self.token.seal(&[b"answer", &verdict, &challenge, &hello[48..]]).as_bytes())?;
        Ok((word(8), if same { Greeted::Welcome } else { Greeted::Different }))
    }
}

fn nonce() -> io::Result<[u8; 32]> {
    let mut nonce = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut nonce)?;
    Ok(nonce)
}
