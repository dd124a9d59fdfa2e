//! Decoding, seen from the parent: a pool of warm children.
//!
//! ```text
//! thread ─ request ─▶ idle child or a new one ─ blocks ─▶ thread ─ Done ─▶ idle again
//!                                              └ death, silence: one item's fault; replaced later
//! ```
//!
//! Invariant: a request ends in a result or one typed fault, and whatever a file does to its child,
//! no other request notices.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::foreign;
use super::limits::Limits;
use super::wire::{self, Allowance, Done, End, Head, Kind};
use crate::fault::Fault;
use crate::record::finding::Media;
use crate::units::{Seconds, Span};

/// Pipe buffer in bytes: eight blocks, so that parent and child seldom wait for each other.
const PIPE: usize = 1 << 20;
/// Files after which a child is replaced, in case it leaks.
const FILES_PER_CHILD: u32 = 500;
/// Idle children that are kept.
const MOST_IDLE: usize = 32;

/// What decoding one file may cost.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Of a child: resident memory, CPU time of the longest file, and how long it may stay silent
    /// while the parent waits for it.
    pub child: Limits,
    /// Longest audio in seconds.
    pub max_seconds: f64,
    /// Most channels.
    pub max_channels: u16,
    /// Highest rate in Hz.
    pub max_rate: u32,
}

impl Default for DecodeLimits {
    /// 256 MiB, 300 s of CPU, 30 s of silence, 12 h of audio, 16 channels, 768 kHz.
    fn default() -> Self {
        Self {
            child: Limits { memory_bytes: 256 << 20, cpu: Duration::from_secs(300), wall: Duration::from_secs(30) },
            max_seconds: 12.0 * 3600.0,
            max_channels: 16,
            max_rate: 768_000,
        }
    }
}

/// A span at the file's own rate and channels.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanPcm {
    /// Hz.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// Interleaved samples, full scale at ±1.
    pub samples: Vec<f32>,
    /// Where the first sample sounds, from the start of the file: the wanted start, rounded to a
    /// sample.
    pub start: Seconds,
}

/// Decodes foreign files in child processes. Cheap to clone; clones share the children.
#[derive(Clone)]
pub struct Decoder(Arc<Pool>);

struct Pool {
    program: PathBuf,
    args: Vec<String>,
    limits: DecodeLimits,
    idle: Mutex<Vec<Worker>>,
}

impl Decoder {
    /// Children are started, when first needed, as `program args...`; that must end in
    /// [`super::child::child_main`].
    pub fn new(program: PathBuf, args: Vec<String>, limits: DecodeLimits) -> Self {
        Self(Arc::new(Pool { program, args, limits, idle: Mutex::default() }))
    }

    /// Streams a file as 16 kHz mono to `sink`, block by block as it is decoded; memory does not
    /// grow with the file's length. Sample `k` sounds `k / 16000` s after the start of the file as
    /// players and ffmpeg show it. On `Break` the rest is dropped and `samples` counts what was
    /// decoded until then.
    ///
    /// Errors: `decode.missing`, `.unreadable`, `.not_a_file`, `.empty` (before any child is
    /// asked); `.no_audio` (nothing in it can be decoded), `.too_long`, `.channels`, `.rate` (beyond
    /// the limits), `.memory`, `.timeout`, `.crashed` (the child died of the file); and, worth
    /// trying again, `.killed`, `.start`.
    pub fn decode(&self, path: &Path, sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>) -> Result<Media, Fault> {
        check(path)?;
        let mut samples = Vec::new();
        let mut on_frame = |kind: Kind, payload: &[u8]| {
            if kind != Kind::Pcm16 {
                return ControlFlow::Continue(());
            }
            samples.clear();
            samples.extend(payload.as_chunks().0.iter().map(|&bytes| i16::from_ne_bytes(bytes)));
            sink(&samples)
        };
        match self.ask(Kind::Decode, Span::default(), path, &mut on_frame)? {
            End::Media(media) => Ok(*media),
            End::Fault(fault) => Err(of_path(*fault, path)),
            End::Refused(why) => foreign::decode(path, &self.0.limits, &why, sink),
        }
    }

    /// A span at the file's own rate and channels, on the time line of [`decode`](Self::decode).
    /// It is shorter than asked where the file ends.
    ///
    /// Errors: those of `decode`, and `decode.span` where the file ends before the span begins.
    pub fn span(&self, path: &Path, span: Span) -> Result<SpanPcm, Fault> {
        check(path)?;
        let (mut head, mut samples) = (None, Vec::new());
        let mut on_frame = |kind: Kind, payload: &[u8]| {
            match kind {
                Kind::Head => head = serde_json::from_slice::<Head>(payload).ok(),
                _ => samples.extend(payload.as_chunks().0.iter().map(|&bytes| f32::from_ne_bytes(bytes))),
            }
            ControlFlow::Continue(())
        };
        let end = self.ask(Kind::Span, span, path, &mut on_frame)?;
        match (end, head) {
            (End::Media(_), Some(Head { rate, channels, start })) => {
                Ok(SpanPcm { rate, channels, samples, start: Seconds(start) })
            }
            (End::Fault(fault), _) => Err(of_path(*fault, path)),
            (End::Refused(why), _) => foreign::span(path, span, &self.0.limits, &why),
            (End::Media(_), None) => Err(of_path(foreign::no_audio("the child sent no samples"), path)),
        }
    }

    /// A span as 16 kHz mono: the samples that [`decode`](Self::decode) gives there.
    ///
    /// Errors: as for `decode`; a span behind the end is empty.
    pub fn span_16k(&self, path: &Path, span: Span) -> Result<Vec<i16>, Fault> {
        check(path)?;
        let mut samples = Vec::new();
        let mut on_frame = |kind: Kind, payload: &[u8]| {
            if kind == Kind::Pcm16 {
                samples.extend(payload.as_chunks().0.iter().map(|&bytes| i16::from_ne_bytes(bytes)));
            }
            ControlFlow::Continue(())
        };
        match self.ask(Kind::Mono, span, path, &mut on_frame)? {
            End::Media(_) => Ok(samples),
            End::Fault(fault) => Err(of_path(*fault, path)),
            End::Refused(why) => foreign::span_16k(path, span, &self.0.limits, &why),
        }
    }

    /// Has a child answer a request.
    fn ask(
        &self,
        kind: Kind,
        span: Span,
        path: &Path,
        on_frame: &mut dyn FnMut(Kind, &[u8]) -> ControlFlow<()>,
    ) -> Result<End, Fault> {
        let request = wire::request(kind, span, path);
        let mut worker = self.0.worker(&request).map_err(|error| {
            let program = self.0.program.display();
            Fault::retry("decode", "start", format!("no decoder child: {program}: {error}"), "see that it can run")
                .caused_by(&error)
        })?;
        match worker.answer(self.0.limits.child.wall, on_frame) {
            Ok(done) => {
                worker.files += 1;
                self.0.put_back(worker, &done);
                Ok(done.end)
            }
            Err(error) => Err(of_path(worker.autopsy(&error, &self.0.limits), path)),
        }
    }
}

impl Pool {
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
            let silence = limits.child.wall.as_secs_f64();
            return timeout(format!("no sign of life from the decoder for {silence:.0} s"));
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

/// The fault of a file whose decoder ended with `status`.
pub(super) fn death(status: Option<ExitStatus>, last_words: &str, limits: &DecodeLimits) -> Fault {
    let signal = status.and_then(|status| status.signal());
    let last_line = last_words.lines().next().unwrap_or("");
    if signal == Some(Signal::XCPU.as_raw()) {
        return timeout("the decoder used up its CPU time".into());
    }
    if last_words.contains("memory allocation of") || last_words.contains("Cannot allocate memory") {
        let megabytes = limits.child.memory_bytes >> 20;
        let message = format!("the decoder wanted more than {megabytes} MiB: {last_line}");
        return Fault::poison("decode", "memory", message, "encode the file again; its header asks for too much");
    }
    if signal == Some(Signal::KILL.as_raw()) {
        return Fault::retry(
            "decode",
            "killed",
            "the decoder was killed from outside",
            "see whether the machine is out of memory",
        );
    }
    let how = status.map_or("it speaks nonsense".into(), |status| status.to_string());
    let message = format!("the decoder crashed ({how}): {}", of_panic(last_words));
    Fault::poison("decode", "crashed", message, "encode the file again; please report it as a bug of the decoder")
}

/// Why and where a child panicked, without what differs from run to run and machine to machine.
fn of_panic(last_words: &str) -> String {
    let mut lines = last_words.lines().skip_while(|line| !line.contains("panicked at "));
    let Some((_, place)) = lines.next().and_then(|line| line.split_once("panicked at ")) else {
        return last_words.lines().next().unwrap_or("no last words").into();
    };
    let parts: Vec<&str> = place.trim_end_matches(':').split('/').collect();
    let place = parts[parts.len().saturating_sub(3)..].join("/");
    format!("{} at {place}", lines.next().unwrap_or("panic").trim())
}

fn timeout(message: String) -> Fault {
    Fault::poison("decode", "timeout", message, "encode the file again; it keeps the decoder busy without end")
}

/// Faults that need no child to be found.
fn check(path: &Path) -> Result<(), Fault> {
    let fault =
        |code, message: &str, remedy| Fault::poison("decode", code, format!("{message}: {}", path.display()), remedy);
    let metadata = path.metadata().map_err(|error| {
        let found = match error.kind() {
            io::ErrorKind::NotFound => fault("missing", "no such file", "fetch the audio again"),
            _ => fault("unreadable", "cannot be opened", "see its permissions"),
        };
        found.caused_by(&error)
    })?;
    if !metadata.is_file() {
        return Err(fault("not_a_file", "a directory or device", "give the path of an audio file"));
    }
    if metadata.len() == 0 {
        return Err(fault("empty", "an empty file", "fetch the audio again, or publish it again"));
    }
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(fault("unreadable", "cannot be opened", "see its permissions").caused_by(&error)),
    }
}

/// Names the file in a fault.
pub(super) fn of_path(mut fault: Fault, path: &Path) -> Fault {
    fault.message = format!("{}: {}", path.display(), fault.message);
    fault
}

/// A pipe whose reader gives up when it has waited too long. Only waiting counts.
pub(super) struct Patient<'a> {
    /// The pipe.
    pub stream: &'a mut ChildStdout,
    /// How much longer to wait in all.
    pub left: Duration,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let started = Instant::now();
            let left = Timespec { tv_sec: self.left.as_secs() as i64, tv_nsec: self.left.subsec_nanos().into() };
            let mut asked = [PollFd::new(&*self.stream, PollFlags::IN)];
            let ready = poll(&mut asked, Some(&left));
            self.left = self.left.saturating_sub(started.elapsed());
            match ready {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return self.stream.read(buffer),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_reads_the_same_on_every_machine() {
        let said = "\nthread 'main' (10968) panicked at /home/a/registry/decoder-1.2/src/book.rs:147:24:\n\
                    index out of bounds\nstack backtrace:\n   0: begin_panic";
        assert_eq!(of_panic(said), "index out of bounds at decoder-1.2/src/book.rs:147:24");
        assert_eq!(of_panic("free(): invalid pointer\nmore"), "free(): invalid pointer");
        assert_eq!(of_panic(""), "no last words");
    }
}
