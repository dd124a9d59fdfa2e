//! What a fetch may do, and how it learns the time and the addresses of names.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Resolves a host name and port to addresses.
pub type Lookup = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Limits of every fetch. The defaults suit the open web and let nothing be read from this machine.
#[derive(Clone)]
pub struct FetchPolicy {
    /// Folders that file paths may lie under, links resolved.
    pub roots: Vec<PathBuf>,
    /// Longest audio in bytes.
    pub max_audio_bytes: u64,
    /// Longest transcript in bytes, after decompression.
    pub max_transcript_bytes: u64,
    /// Time to resolve the name, and again to connect and to agree on encryption.
    pub connect_timeout: Duration,
    /// Time to the answer's head, and then between two reads of its body.
    pub read_timeout: Duration,
    /// Time for everything, pauses and repeated attempts included.
    pub overall_timeout: Duration,
    /// A body must come at this rate, in bytes per second over each 30 s.
    pub min_bytes_per_second: u64,
    /// How often a request is made at most when the server or the network is at fault.
    pub attempts: u32,
    /// Pause before the second attempt; doubles with each further one, up to 30 s.
    pub backoff: Duration,
    /// Redirects that are followed.
    pub max_redirects: u32,
    /// Lets requests go to private addresses: for tests and for stores inside one's own network.
    pub allow_private: bool,
    /// Resolves names; the system's resolver if `None`.
    pub lookup: Option<Lookup>,
    /// Tells the time and waits.
    pub clock: Clock,
}

impl Default for FetchPolicy {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            max_audio_bytes: 2 << 30,
            max_transcript_bytes: 128 << 20,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            overall_timeout: Duration::from_secs(15 * 60),
            min_bytes_per_second: 4096,
            attempts: 4,
            backoff: Duration::from_millis(500),
            max_redirects: 3,
            allow_private: false,
            lookup: None,
            clock: Clock::default(),
        }
    }
}

/// A clock that tests can set.
#[derive(Clone)]
pub struct Clock {
    /// Time since some fixed moment; never goes back.
    pub now: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Waits.
    pub sleep: Arc<dyn Fn(Duration) + Send + Sync>,
}

impl Default for Clock {
    /// The machine's clock.
    fn default() -> Self {
        let start = Instant::now();
        Self { now: Arc::new(move || start.elapsed()), sleep: Arc::new(std::thread::sleep) }
    }
}

impl Clock {
    pub(super) fn now(&self) -> Duration {
        (self.now)()
    }
}
