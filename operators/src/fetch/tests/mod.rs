//! Claims about fetching, over a small web server on this machine.

mod files;
mod hostile;
mod web;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::Error;
use ureq::unversioned::transport::{ConnectionDetails, Connector, TcpConnector, Transport};

use super::{Clock, FetchPolicy, Fetcher, guard};

/// A web server that answers each connection with `answer(path, how many came before)`; what it
/// returns is sent as it is, then the connection ends.
fn server(answer: impl Fn(&str, usize) -> Vec<u8> + Send + 'static) -> SocketAddr {
    server_of_streams(move |path, before, stream| {
        let bytes = answer(path, before);
        // A client that has seen enough hangs up; that is its right.
        stream.write_all(&bytes).ok();
    })
}

fn server_of_streams(answer: impl Fn(&str, usize, &mut TcpStream) + Send + 'static) -> SocketAddr {
    let mut before = 0;
    server_of_connections(move |stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let request = lines.next().unwrap_or_default();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        answer(&path, before, stream);
        before += 1;
    })
}

fn server_of_connections(mut answer: impl FnMut(&mut TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer(&mut stream.unwrap())));
    address
}

fn ok(body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn status(code: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {code} Because\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes()
}

/// A policy for a server on this machine, whose pauses are only noted.
fn at_home() -> (FetchPolicy, Arc<Mutex<Vec<Duration>>>) {
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let noted = pauses.clone();
    let clock = Clock { sleep: Arc::new(move |pause| noted.lock().unwrap().push(pause)), ..Clock::default() };
    (
        FetchPolicy { allow_private: true, clock, read_timeout: Duration::from_secs(20), ..FetchPolicy::default() },
        pauses,
    )
}

/// A clock that goes on by `step` each time it is looked at.
fn ticking(step: Duration) -> Clock {
    let ticks = Arc::new(AtomicU64::new(0));
    let now = move || step * u32::try_from(ticks.fetch_add(1, Ordering::Relaxed)).unwrap();
    Clock { now: Arc::new(now), sleep: Arc::new(|_| ()) }
}

/// A world in which every address is played by one local server, or by none; notes who was called.
#[derive(Debug)]
struct World {
    server: Option<SocketAddr>,
    called: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Connector<()> for World {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        self.called.lock().unwrap().extend(details.addrs.iter().copied());
        let server = self.server.ok_or(Error::ConnectionFailed)?;
        let mut addrs = details.resolver.empty();
        addrs.push(server);
        let details = ConnectionDetails {
            addrs,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
            ..*details
        };
        let transport = TcpConnector::default().connect(&details, chained)?;
        Ok(transport.map(|transport| Box::new(transport) as Box<dyn Transport>))
    }
}

/// A fetcher in a [`World`], and the list of addresses it called.
fn abroad(policy: FetchPolicy, server: Option<SocketAddr>) -> (Fetcher, Arc<Mutex<Vec<SocketAddr>>>) {
    let called = Arc::new(Mutex::new(Vec::new()));
    let agent = guard::agent(&policy, World { server, called: called.clone() });
    (Fetcher { policy, agent }, called)
}
