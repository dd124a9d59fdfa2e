//! One run of an ffmpeg child under [`Limits`], fed by this process.
//!
//! Standard input is written and standard error read by threads of their own, so that neither side
//! waits for the other; what the child makes lies in files. After the wall limit it is killed.
//!
//! Invariant: when [`run`] returns, the child has been waited for; none is left behind.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::STAGE;
use crate::fault::Fault;
use hark_audio::limits::Limits;

/// Of a child's complaints this many bytes are kept.
const KEPT: usize = 2_000;
/// Between looks at a child that has closed its standard error but not ended.
const PAUSE: Duration = Duration::from_millis(2);

/// Runs `command` to its end with `input` (little-endian f32) on its standard input.
///
/// Errors: retryable `cut.no_encoder` where it cannot be started and `cut.timeout` where it took
/// longer than the wall limit; `cut.encode` where it ended badly, with what it said.
pub(super) fn run(command: &mut Command, input: &[f32], limits: Limits) -> Result<(), Fault> {
    let name = command.get_program().to_string_lossy().into_owned();
    // A report file would be written wherever the child stands.
    command.env_remove("FFREPORT").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = limits.apply(command).spawn().map_err(|error| {
        Fault::retry(STAGE, "no_encoder", format!("{name} does not start"), "install ffmpeg on this machine")
            .caused_by(&error)
    })?;
    let deadline = Instant::now() + limits.wall;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let mut stderr = child.stderr.take().expect("stderr is piped");
    let (said, complaint) = mpsc::channel();
    let status = thread::scope(|scope| {
        // A child that dies early closes the pipe; its exit status tells why.
        scope.spawn(move || write_samples(&mut stdin, input).ok());
        scope.spawn(move || said.send(read_end(&mut stderr)));
        let complaint = complaint.recv_timeout(limits.wall);
        let status = wait_until(&mut child, deadline);
        (status, complaint.unwrap_or_default())
    });
    match status {
        (Ok(Some(status)), _) if status.success() => Ok(()),
        (Ok(Some(status)), complaint) => Err(Fault::poison(
            STAGE,
            "encode",
            format!("{name} ended with {status}: {}", complaint.trim()),
            "run it by hand on this span; the audio or ffmpeg's build is at fault",
        )),
        (Ok(None), _) => Err(Fault::retry(
            STAGE,
            "timeout",
            format!("{name} took longer than {:.0} s", limits.wall.as_secs_f64()),
            "try again when the machine is less busy, or raise the wall limit",
        )),
        (Err(error), _) => {
            Err(Fault::retry(STAGE, "encode", format!("{name} cannot be waited for"), "try again").caused_by(&error))
        }
    }
}

/// The child's exit status; `None` when it had to be killed at `deadline`.
fn wait_until(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

fn write_samples(to: &mut impl Write, samples: &[f32]) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(64 << 10);
    for part in samples.chunks(16 << 10) {
        bytes.clear();
        bytes.extend(part.iter().flat_map(|sample| sample.to_le_bytes()));
        to.write_all(&bytes)?;
    }
    Ok(())
}

/// Reads to the end, so that the child never waits, and keeps the end of it.
fn read_end(from: &mut impl Read) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0u8; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { memory_bytes: 1 << 30, cpu: Duration::from_secs(5), wall: Duration::from_millis(300) };

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_child_that_hangs_is_killed_at_the_wall_limit() {
        let fault = run(&mut shell("exec sleep 60"), &[0.0; 100_000], LIMITS).unwrap_err();
        assert_eq!(fault.code, "cut.timeout");
    }

    #[test]
    fn a_child_that_neither_reads_nor_stops_talking_does_not_block_its_parent() {
        let fault =
            run(&mut shell("head -c 300000 /dev/zero >&2; echo why >&2; exit 3"), &[0.0; 100_000], LIMITS).unwrap_err();
        assert_eq!(fault.code, "cut.encode");
        assert!(fault.message.ends_with("why"), "{}", fault.message);
        assert!(fault.message.len() < 3 * KEPT);
    }

    #[test]
    fn a_missing_program_says_what_to_install() {
        let fault = run(&mut Command::new("/nonexistent/ffmpeg"), &[], LIMITS).unwrap_err();
        assert_eq!(fault.code, "cut.no_encoder");
    }
}
