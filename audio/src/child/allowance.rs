//! What a child may use, as it imposes it on itself.
//!
//! Invariant: resident memory never exceeds the allowance, because address space beyond what was
//! mapped but not resident at the start is refused. CPU time is earned: a file gets a few seconds,
//! and more as audio comes out, so that a small bad file cannot spend what a long one needs.

use std::io;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// CPU seconds that every file gets.
const FREE_CPU: u64 = 4;
/// Seconds of audio that earn one more CPU second: some ten times what the slowest codec needs.
const EARNING: f64 = 50.0;
/// File bytes that earn one more CPU second, for reading what is not audio.
const EARNING_BYTES: u64 = 64 << 20;

/// The CPU seconds that the running request may use, as the kernel enforces them.
pub(super) struct Cpu {
    start: u64,
    most: u64,
    limit: u64,
}

impl Cpu {
    /// What a file gets at first; `most` is for the longest.
    pub(super) fn start(path: &Path, most: u64) -> io::Result<Self> {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let start = used.tv_sec as u64 + u64::from(used.tv_nsec > 0);
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        let mut this = Self { start: start + bytes / EARNING_BYTES, most: start + most, limit: 0 };
        this.earn(0.0)?;
        Ok(this)
    }

    /// Allows what `seconds` of audio have earned.
    pub(super) fn earn(&mut self, seconds: f64) -> io::Result<()> {
        let limit = (self.start + FREE_CPU + (seconds / EARNING) as u64).min(self.most);
        if limit > self.limit {
            self.limit = limit;
            // The soft limit is enough: nobody here catches SIGXCPU.
            let maximum = getrlimit(Resource::Cpu).maximum;
            setrlimit(Resource::Cpu, Rlimit { current: Some(limit), maximum })?;
        }
        Ok(())
    }
}

/// Limits address space so that at most `resident` bytes can ever be resident.
pub(super) fn limit_memory(resident: u64) -> io::Result<()> {
    let (mapped, now) = memory()?;
    let limit = Some(mapped.saturating_sub(now).saturating_add(resident));
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit })?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// Mapped and resident bytes of this process.
pub(super) fn memory() -> io::Result<(u64, u64)> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let mut pages = statm.split(' ').map_while(|field| field.parse::<u64>().ok());
    let page = rustix::param::page_size() as u64;
    let mut next = || pages.next().map(|count| count * page).ok_or(io::ErrorKind::InvalidData);
    Ok((next()?, next()?))
}
