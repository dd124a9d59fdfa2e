//! A socket to each other process: one calls those before it and is called by those after it.
//!
//! Invariant: strangers are dealt with on threads of their own and within a deadline, so whatever they
//! do, they neither hold up the cluster nor end it. The port is closed once all are there.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};

use super::greeting::{Card, Greeted};
use super::{ClusterError, Fingerprint, Token};

/// How long a greeting may take.
const GREETING: Duration = Duration::from_secs(2);
/// Greetings at once; more are turned away until one has ended.
const AT_ONCE: usize = 64;
/// A peer that does not answer for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// One process of a cluster, before it has joined.
#[derive(Clone, Debug)]
pub struct Membership {
    /// This process: its place in the list of hosts.
    pub process: usize,
    /// `HOST:PORT` of every process.
    pub hosts: Vec<String>,
    /// The secret that lets in.
    pub token: Token,
    /// What all must have in common.
    pub fingerprint: Fingerprint,
    /// How long to wait for the others.
    pub patience: Duration,
}

impl Membership {
    /// Checks the list of hosts.
    ///
    /// # Errors
    /// `Hosts` where this process is not in it, or two have the same address.
    pub fn check(&self) -> Result<(), ClusterError> {
        let count = self.hosts.len();
        if self.process >= count {
            return Err(ClusterError::Hosts(format!("process {} is not among {count} hosts", self.process)));
        }
        for (at, host) in self.hosts.iter().enumerate() {
            if !is_address(host) {
                return Err(ClusterError::Hosts(format!("{host:?} is no HOST:PORT")));
            }
            if self.hosts[..at].contains(host) {
                return Err(ClusterError::Hosts(format!("{host} is listed twice")));
            }
        }
        Ok(())
    }

    fn card(&self) -> Card {
        Card { token: self.token.clone(), process: self.process, fingerprint: self.fingerprint }
    }
}

/// Whether a line of a list of hosts is `HOST:PORT`.
pub fn is_address(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok())
}

/// One socket per other process, by process.
pub(super) fn connect(membership: &Membership) -> Result<Vec<Option<TcpStream>>, ClusterError> {
    membership.check()?;
    let (me, until) = (membership.process, Instant::now() + membership.patience);
    let listener = listen(membership, until)?;
    let (answering, answered) = unbounded();
    let busy = Arc::new(AtomicUsize::new(0));
    let mut sockets: Vec<Option<TcpStream>> = membership.hosts.iter().map(|_| None).collect();
    let absent = |sockets: &[Option<TcpStream>]| -> Vec<usize> {
        (0..sockets.len()).filter(|&process| process != me && sockets[process].is_none()).collect()
    };
    while !absent(&sockets).is_empty() {
        if Instant::now() > until {
            let named = |process: &usize| format!("process {process} ({})", membership.hosts[*process]);
            let missing = absent(&sockets).iter().map(named).collect::<Vec<_>>().join(", ");
            return Err(ClusterError::Late { within: membership.patience, missing });
        }
        for process in absent(&sockets).into_iter().filter(|&process| process < me) {
            match call(membership, process) {
                Ok((socket, Greeted::Welcome)) => sockets[process] = Some(socket),
                Ok((_, Greeted::Different)) => return Err(ClusterError::Different { process }),
                Err(error) => tracing::debug!(process, %error, "not there yet"),
            }
        }
        while let Ok((stranger, from)) = listener.accept() {
            let (card, answering, busy) = (membership.card(), answering.clone(), busy.clone());
            if busy.fetch_add(1, Ordering::AcqRel) >= AT_ONCE {
                busy.fetch_sub(1, Ordering::AcqRel);
                continue;
            }
            std::thread::spawn(move || {
                let greeted = answer(&card, stranger);
                busy.fetch_sub(1, Ordering::AcqRel);
                // Nobody listens once the cluster has formed.
                let _formed = answering.send((from, greeted)).is_err();
            });
        }
        take_in(&answered, me, &mut sockets);
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(sockets)
}

type Answered = (SocketAddr, io::Result<(TcpStream, usize, Greeted)>);

fn take_in(answered: &Receiver<Answered>, me: usize, sockets: &mut [Option<TcpStream>]) {
    for (from, greeted) in answered.try_iter() {
        match greeted {
            // One that calls again was started again: its earlier connection is dead.
            Ok((socket, process, Greeted::Welcome)) if process > me && process < sockets.len() => {
                sockets[process] = Some(socket);
            }
            Ok((_, process, _)) => tracing::warn!(%from, process, "a process that was started otherwise was refused"),
            Err(error) => tracing::warn!(%from, %error, "a stranger on the cluster's port was refused"),
        }
    }
}

/// Where the others look for this process; its name may take a while to be known.
fn listen(membership: &Membership, until: Instant) -> Result<TcpListener, ClusterError> {
    let host = &membership.hosts[membership.process];
    loop {
        let bound = TcpListener::bind(host.as_str()).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse || Instant::now() > until => {
                return Err(ClusterError::Bind { process: membership.process, host: host.clone(), error });
            }
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

fn call(membership: &Membership, process: usize) -> io::Result<(TcpStream, Greeted)> {
    let address = membership.hosts[process].to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut socket = TcpStream::connect_timeout(&address, GREETING)?;
    limit(&socket)?;
    let greeted = membership.card().call(process, &mut socket)?;
    Ok((socket, greeted))
}

fn answer(card: &Card, mut socket: TcpStream) -> io::Result<(TcpStream, usize, Greeted)> {
    socket.set_nonblocking(false)?;
    limit(&socket)?;
    let (process, greeted) = card.answer(&mut socket)?;
    Ok((socket, process, greeted))
}

fn limit(socket: &TcpStream) -> io::Result<()> {
    socket.set_read_timeout(Some(GREETING))?;
    socket.set_write_timeout(Some(GREETING))
}

/// Timely trusts its network: a peer that falls silent is noticed only if the kernel does.
pub(super) fn watch(socket: &TcpStream) -> io::Result<()> {
    socket.set_read_timeout(None)?;
    socket.set_write_timeout(None)?;
    socket.set_nodelay(true)?;
    let socket = socket2::SockRef::from(socket);
    socket.set_tcp_user_timeout(Some(SILENCE))?;
    let alive = socket2::TcpKeepalive::new();
    let second = Duration::from_secs(1);
    socket.set_tcp_keepalive(&alive.with_time(5 * second).with_interval(second).with_retries(5))
}
