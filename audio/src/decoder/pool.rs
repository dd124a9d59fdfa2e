//! A pool of warm children.
//!
//! ```text
//! thread ─ request ─▶ idle child or a new one ─ blocks ─▶ thread ─ Done ─▶ idle again
//!                                              └ death, silence: one item's fault; replaced later
//! ```
//!
//! Invariant: a child in the pool is idle and has answered all that it was asked.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::DecodeLimits;
use super::fault::{death, of_path, silence};
use super::patient::Patient;
use crate::fault::Fault;
use crate::units::Span;
use crate::wire::{self, Allowance, Done, End, Kind};

/// Pipe buffer in bytes: eight blocks, so that parent and child seldom wait for each other.
const PIPE: usize = 1 << 20;
/// Files after which a child is replaced, in case it leaks.
const FILES_PER_CHILD: u32 = 500;
/// Idle children that are kept.
const MOST_IDLE: usize = 32;

/// Children that decode.
pub(super) struct Pool {
    program: PathBuf,
    args: Vec<String>,
    /// What each of them may use.
    pub limits: DecodeLimits,
    idle: Mutex<Vec<Worker>>,
}

impl Pool {
    /// No children yet.
    pub(super) fn new(program: PathBuf, args: Vec<String>, limits: DecodeLimits) -> Self {
        Self { program, args, limits, idle: Mutex::default() }
    }

    /// Has a child answer a request.
    pub(super) fn ask(
        &self,
        kind: Kind,
        span: Span,
        path: &Path,
        on_frame: &mut dyn FnMut(Kind, &[u8]) -> ControlFlow<()>,
    ) -> Result<End, Fault> {
        let request = wire::request(kind, span, path);
        let mut worker = self.worker(&request).map_err(|error| {
            let program = self.program.display();
            Fault::retry("decode", "start", format!("no decoder child: {program}: {error}"), "see that it can run")
                .caused_by(&error)
        })?;
        match worker.answer(self.limits.child.wall, on_frame) {
            Ok(done) => {
                worker.files += 1;
                self.put_back(worker, &done);
                Ok(done.end)
            }
            Err(error) => Err(of_path(worker.autopsy(&error, &self.limits), path)),
        }
    }

    /// A child that has taken the request. One that died while idle is passed over.
    fn worker(&self, request: &[u8]) -> io::Result<Worker> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut worker) = idle else { break };
            if worker.stdin.write_all(request).is_ok() {
                return Ok(worker);
            }
        }
        let mut worker = Worker::start(self)?;
        worker.stdin.write_all(request)?;
        Ok(worker)
    }

    fn put_back(&self, worker: Worker, done: &Done) {
        let grown = done.grown_bytes > self.limits.child.memory_bytes / 4;
        if matches!(done.end, End::Fault(_)) || grown || worker.files >= FILES_PER_CHILD {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(worker);
        }
    }
}

/// A child and its pipes.
struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    files: u32,
}

impl Worker {
    fn start(pool: &Pool) -> io::Result<Self> {
        let mut command = Command::new(&pool.program);
        command.args(&pool.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A backtrace reads the whole program's debug information, for which the child's memory does
        // not suffice: a panic would hang where it should die.
        command.env("RUST_BACKTRACE", "0");
        // In a group of its own, so that a Ctrl-C at the terminal is the parent's to handle.
        let mut child = command.process_group(0).spawn()?;
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).expect("both are piped");
        // Only a matter of speed: where the system allows less, less it is.
        let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE);
        let mut worker = Self { child, stdin, stdout, files: 0 };
        let limits = &pool.limits;
        let allowance = Allowance {
            memory_bytes: limits.child.memory_bytes,
            cpu_seconds: limits.child.cpu.as_secs(),
            max_seconds: limits.max_seconds,
            max_channels: limits.max_channels,
            max_rate: limits.max_rate,
        };
        worker.stdin.write_all(&wire::json(Kind::Limits, &allowance))?;
        Ok(worker)
    }

    /// Reads frames until the request is done.
    fn answer(
        &mut self,
        patience: Duration,
        on_frame: &mut dyn FnMut(Kind, &[u8]) -> ControlFlow<()>,
    ) -> io::Result<Done> {
        let mut payload = Vec::new();
        let mut wanted = true;
        loop {
            let mut stream = Patient { stream: &mut self.stdout, left: patience };
            let kind = wire::read(&mut stream, &mut payload)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if kind == Kind::Done {
                return Ok(serde_json::from_slice(&payload)?);
            }
            if wanted && on_frame(kind, &payload).is_break() {
                wanted = false;
                let mut cancel = Vec::new();
                wire::open(&mut cancel, Kind::Cancel);
                self.stdin.write_all(&cancel)?;
            }
        }
    }

    /// What the child died of, or is killed for now.
    fn autopsy(mut self, error: &io::Error, limits: &DecodeLimits) -> Fault {
        if error.kind() == io::ErrorKind::TimedOut {
            return silence("the decoder", limits);
        }
        // Its pipe is closed or speaks nonsense: it is dead or dying.
        let status = grace(&mut self.child);
        let mut last_words = String::new();
        if let (Some(stderr), Some(_)) = (self.child.stderr.take(), status) {
            // What does not arrive, or is not text, is not needed.
            let _ = stderr.take(8 << 10).read_to_string(&mut last_words);
        }
        death(status, last_words.trim(), limits)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be dead already; either way it is reaped here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits a moment for a child that has closed its pipe.
fn grace(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Ok(status) => return status,
            Err(_) => return None,
        }
    }
    None
}
