//! ffmpeg and ffprobe as children with limits.
//!
//! ffmpeg reads hundreds of formats, some of which open other files and network addresses; it is
//! held to single-file audio formats and to the `file` protocol, and to the limits of a child. Its
//! address space holds some 300 MiB of libraries, so what is limited is memory it can write to.

use std::io::Read;
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::decoder::DecodeLimits;
use crate::decoder::fault::{death, of_path, silence};
use crate::decoder::patient::Patient;
use crate::fault::Fault;
use crate::limits::Limits;

/// Demuxers that read one file and nothing else.
const FORMATS: &str = "aac,ac3,aiff,amr,ape,asf,asf_o,au,avi,caf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,\
                       mpc8,mpeg,mpegts,ogg,rm,tak,tta,w64,wav,wv,xwma";
/// Address space that ffmpeg's libraries take beside its own memory.
const LIBRARIES: u64 = 1 << 30;
/// Bytes per read of ffmpeg's output.
const BLOCK: usize = 128 << 10;

/// The input file under the limits of a child.
pub(super) fn input(command: &mut Command, path: &Path, limits: &DecodeLimits) {
    command.args(["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i"]);
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let memory = limits.child.memory_bytes;
    Limits { memory_bytes: memory + LIBRARIES, ..limits.child }.apply(command);
    // SAFETY: setrlimit is async-signal-safe and touches nothing of the parent.
    unsafe {
        command.pre_exec(move || rlimit::setrlimit(rlimit::Resource::DATA, memory, memory));
    }
}

/// Runs ffmpeg and hands on its output in even pieces; returns what it complained about.
pub(super) fn run(
    mut command: Command,
    path: &Path,
    limits: &DecodeLimits,
    sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<String, Fault> {
    let mut child = Reaped(command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        let message = format!("{program}, which knows more formats, does not start: {error}");
        of_path(Fault::poison("decode", "no_ffmpeg", message, "install ffmpeg"), path).caused_by(&error)
    })?);
    let mut stdout = child.0.stdout.take().expect("piped");
    let stderr = child.0.stderr.take().expect("piped");
    // Complaints are drained beside the audio, lest ffmpeg wait for a reader of them.
    let complaints = std::thread::spawn(move || {
        let (mut first, mut stderr) = (Vec::new(), stderr);
        let kept = stderr.by_ref().take(8 << 10).read_to_end(&mut first);
        let rest = std::io::copy(&mut stderr, &mut std::io::sink());
        (kept.is_ok() && rest.is_ok()).then(|| String::from_utf8_lossy(&first).trim().to_string())
    });
    let mut buffer = vec![0; BLOCK];
    let mut have = 0;
    let finished = loop {
        let mut patient = Patient { stream: &mut stdout, left: limits.child.wall };
        match patient.read(&mut buffer[have..]) {
            Ok(0) => break true,
            Ok(more) => have += more,
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                return Err(of_path(silence("ffmpeg", limits), path));
            }
            Err(_) => break false,
        }
        let even = have / 4 * 4;
        let stop = sink(&buffer[..even]).is_break();
        buffer.copy_within(even..have, 0);
        have -= even;
        if stop {
            break false;
        }
    };
    if finished && have > 0 {
        // s16 may end on half a word.
        let _ = sink(&buffer[..have]);
    }
    if !finished {
        return Ok(String::new());
    }
    let status = child.0.wait().ok();
    let said = complaints.join().ok().flatten().unwrap_or_default();
    if status.is_some_and(|status| status.code().is_none()) {
        return Err(of_path(death(status, &said, limits), path));
    }
    Ok(said)
}

/// A child that does not outlive its owner.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // It may be dead already; either way it is reaped here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
