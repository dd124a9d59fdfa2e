//! Several processes that are one timely cluster.
//!
//! ```text
//! hosts, token ─ mesh ─▶ a socket to each of the others ─ start ─▶ Peers: one clock, one beginning
//!                 └ greeting: who does not know the token is not let in, and changes nothing
//! ```
//! Timely's own bootstrap trusts whoever connects and never notices a peer that falls silent. So the
//! sockets are made here: authenticated both ways, with deadlines, and watched by the kernel.
//!
//! Invariant: an episode has one owner, the process that its id names. What is known of it, its home and
//! its corrections are there, so none of them is ever decided in two places.

mod greeting;
mod mesh;
mod peers;
mod start;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::io;
use std::net::TcpStream;
use std::time::Duration;

use timely::CommunicationConfig;
use timely::communication::Hooks;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};

pub use greeting::{Fingerprint, Token};
pub use mesh::{Membership, is_address};
pub use peers::Peers;

use crate::snapshot::Header;

/// Why a process could not join its cluster. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The list of hosts does not fit.
    #[error("{0}; list one HOST:PORT per line, for each process, in the same order everywhere")]
    Hosts(String),
    /// The secret is missing or too short.
    #[error("{0}; give every process the same secret of at least 32 bytes")]
    Token(String),
    /// This process cannot listen where the others look for it.
    #[error(
        "cannot listen on {host}, where process {process} is to be found: {error}; free the port or change the list of hosts"
    )]
    Bind {
        /// This process.
        process: usize,
        /// As listed.
        host: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Some others did not come.
    #[error("the cluster did not form within {}: no connection with {missing}; start them, or look whether they can be reached and have the same token", humane(*within))]
    Late {
        /// How long it was waited.
        within: Duration,
        /// The absent processes with their hosts.
        missing: String,
    },
    /// Another process was started as another cluster.
    #[error(
        "process {process} has another version of hark, another layout, or other numbers of processes and workers; start all of them alike"
    )]
    Different {
        /// The other process.
        process: usize,
    },
    /// A member was lost before the beginning.
    #[error("lost process {process} while the cluster formed ({error}); start all of them again")]
    Lost {
        /// The other process.
        process: usize,
        /// What the system says.
        error: std::io::Error,
    },
}

fn humane(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

/// The sockets of a cluster that has formed; those of a process alone are none.
#[derive(Debug, Default)]
pub struct Mesh(pub(crate) Vec<Option<TcpStream>>);

impl Mesh {
    /// What timely communicates by: between the workers of this process, and over the sockets.
    pub(crate) fn allocators(self, peers: &Peers) -> io::Result<(Vec<AllocatorBuilder>, Box<dyn Any + Send>)> {
        if peers.processes == 1 {
            return CommunicationConfig::Process(peers.threads).try_build().map_err(io::Error::other);
        }
        let hooks = Hooks::default();
        let local = ProcessBuilder::new_typed_vector(peers.threads, hooks.refill.clone(), hooks.spill.clone());
        let (builders, guard) = initialize_networking_from_sockets(local, self.0, peers.process, peers.threads, hooks)?;
        Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
    }
}

/// Waits for the others and begins with them. What the first process knows reaches all: how far each source
/// has been read for good, and when that was written.
///
/// # Errors
/// [`ClusterError`], at the latest when the membership's patience is over.
pub fn join(membership: &Membership, threads: usize, known: &Header) -> Result<(Peers, Mesh, Header), ClusterError> {
    let mut sockets = mesh::connect(membership)?;
    let known = start::together(membership, &mut sockets, known)?;
    let peers = Peers::of(membership.process, membership.hosts.len(), threads);
    sockets.iter().flatten().try_for_each(mesh::watch).map_err(|error| ClusterError::Lost { process: 0, error })?;
    Ok((peers, Mesh(sockets), known))
}
