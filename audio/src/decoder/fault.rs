//! Faults of decoding: what they are called and what is to be done.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use rustix::process::Signal;

use super::DecodeLimits;
use crate::fault::Fault;

/// Faults that need no child to be found.
pub(super) fn check(path: &Path) -> Result<(), Fault> {
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

/// The fault of a file over which `who` has been silent for too long.
pub(super) fn silence(who: &str, limits: &DecodeLimits) -> Fault {
    timeout(format!("no sign of life from {who} for {:.0} s", limits.child.wall.as_secs_f64()))
}

fn timeout(message: String) -> Fault {
    Fault::poison("decode", "timeout", message, "encode the file again; it keeps the decoder busy without end")
}

/// Names the file in a fault.
pub(super) fn of_path(mut fault: Fault, path: &Path) -> Fault {
    fault.message = format!("{}: {}", path.display(), fault.message);
    fault
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
