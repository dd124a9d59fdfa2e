//! The beginning that all processes share: their clocks count from it.
//!
//! ```text
//! others ─ all my sockets are there ─▶ first ─ begin, and what is known ─▶ others
//! ```

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::{ClusterError, Membership};
use crate::snapshot::Header;

/// More than any number of partitions needs.
const MOST: usize = 64 << 20;

/// Waits until all are there; what the first process knows reaches all.
pub(super) fn together(
    membership: &Membership,
    sockets: &mut [Option<TcpStream>],
    known: &Header,
) -> Result<Header, ClusterError> {
    let until = Instant::now() + membership.patience;
    for (process, socket) in sockets.iter_mut().enumerate() {
        let Some(socket) = socket else { continue };
        let left = until.saturating_duration_since(Instant::now()).max(std::time::Duration::from_secs(1));
        let ready = socket.set_read_timeout(Some(left)).and_then(|()| match (membership.process, process) {
            (0, _) => socket.read_exact(&mut [0; 1]),
            (_, 0) => socket.write_all(&[1]),
            _ => Ok(()),
        });
        ready.map_err(|error| ClusterError::Lost { process, error })?;
    }
    let begun = if membership.process == 0 { tell(sockets, known) } else { hear(sockets) };
    begun.map_err(|(process, error)| ClusterError::Lost { process, error })
}

fn tell(sockets: &mut [Option<TcpStream>], known: &Header) -> Result<Header, (usize, io::Error)> {
    let text = serde_json::to_vec(known).expect("a header is texts and numbers");
    for (process, socket) in sockets.iter_mut().enumerate() {
        let Some(socket) = socket else { continue };
        let told = socket.write_all(&(text.len() as u64).to_le_bytes()).and_then(|()| socket.write_all(&text));
        told.map_err(|error| (process, error))?;
    }
    Ok(known.clone())
}

fn hear(sockets: &mut [Option<TcpStream>]) -> Result<Header, (usize, io::Error)> {
    let first = sockets[0].as_mut().expect("only the first process has no socket to it");
    let mut heard = || {
        let mut length = [0; 8];
        first.read_exact(&mut length)?;
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > MOST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; length];
        first.read_exact(&mut text)?;
        serde_json::from_slice(&text).map_err(|_| io::ErrorKind::InvalidData.into())
    };
    heard().map_err(|error| (0, error))
}
