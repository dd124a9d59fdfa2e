//! A server in front of another that spoils many a request. The same seed draws the same faults, in the order
//! in which requests come.
//!
//! ```text
//! client ─▶ one request per connection ─┬▶ passed on, its answer whole, or cut short, or drop by drop
//!                                       └▶ 503, or a reset before it or after it was done
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it has seen and done.
#[derive(Default)]
struct Seen {
    /// Requests by their method.
    methods: Mutex<BTreeMap<String, u64>>,
    spoiled: AtomicU64,
}

/// The server, until it is dropped.
pub struct Flaky {
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
}

/// What is done to a request.
enum Spoil {
    Nothing,
    Refuse,
    ResetBefore,
    ResetAfter,
    CutShort,
    DropByDrop,
}

impl Flaky {
    /// In front of `server`; spoils nothing where there is no seed.
    pub fn before(server: SocketAddr, seed: Option<u64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (seen, stop) = (Arc::<Seen>::default(), Arc::<AtomicBool>::default());
        let (counted, stopped) = (seen.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut dice = seed.map(fastrand::Rng::with_seed);
            for client in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (spoil, counted) = (drawn(dice.as_mut()), counted.clone());
                // A client that goes away is its own affair.
                std::thread::spawn(move || drop(pass(client, server, &spoil, &counted)));
            }
        });
        Self { address, seen, stop }
    }

    /// Its `--objects-endpoint`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests of a method came.
    pub fn requests(&self, method: &str) -> u64 {
        self.seen.methods.lock().expect("no test panics there").get(method).copied().unwrap_or_default()
    }

    /// How many requests were spoiled.
    pub fn spoiled(&self) -> u64 {
        self.seen.spoiled.load(Ordering::Relaxed)
    }
}

impl Drop for Flaky {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // So that it looks.
        drop(TcpStream::connect(self.address));
    }
}

/// Three in ten are refused, one in seven or so is spoiled otherwise.
fn drawn(dice: Option<&mut fastrand::Rng>) -> Spoil {
    match dice.map_or(100, |dice| dice.u32(0..100)) {
        0..30 => Spoil::Refuse,
        30..33 => Spoil::ResetBefore,
        33..37 => Spoil::ResetAfter,
        37..41 => Spoil::CutShort,
        41..44 => Spoil::DropByDrop,
        _ => Spoil::Nothing,
    }
}

fn pass(mut client: TcpStream, server: SocketAddr, spoil: &Spoil, seen: &Seen) -> std::io::Result<()> {
    let request = request(&mut client)?;
    let method = String::from_utf8_lossy(&request).split(' ').next().unwrap_or_default().to_owned();
    *seen.methods.lock().expect("no test panics there").entry(method).or_default() += 1;
    if !matches!(spoil, Spoil::Nothing) {
        seen.spoiled.fetch_add(1, Ordering::Relaxed);
    }
    match spoil {
        Spoil::Refuse => {
            let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
            let length = body.len();
            let head = format!("HTTP/1.1 503 Slow Down\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            return client.write_all((head + body).as_bytes());
        }
        Spoil::ResetBefore => return reset(&client),
        _ => {}
    }
    let answer = answer(server, &request)?;
    match spoil {
        Spoil::ResetAfter => reset(&client),
        Spoil::CutShort => client.write_all(&answer[..answer.len() * 2 / 3]),
        Spoil::DropByDrop => answer.chunks(answer.len().div_ceil(20)).try_for_each(|drop| {
            std::thread::sleep(Duration::from_millis(50));
            client.write_all(drop)
        }),
        _ => client.write_all(&answer),
    }
}

/// One request, head and body.
fn request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if bytes.len() >= end + 4 + length.unwrap_or(0) {
                return Ok(bytes);
            }
        }
        match client.read(&mut chunk)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

/// What the server says to a request that is the only one of its connection. One more header is no part of
/// what is signed.
fn answer(server: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    let line = request.iter().position(|byte| *byte == b'\n').expect("a request has a line") + 1;
    stream.write_all(&[&request[..line], b"Connection: close\r\n", &request[line..]].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Ends a connection as a host that has lost it.
fn reset(client: &TcpStream) -> std::io::Result<()> {
    // With bytes unread, or at once, the system sends a reset or an end; a client must bear both.
    client.shutdown(Shutdown::Both)
}
