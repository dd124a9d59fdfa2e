//! The decoder child: reads requests on standard input, writes audio on standard output.
//!
//! It limits itself before it touches a foreign byte. The parent cannot do that for it: the limit
//! of address space has to start from what the program itself maps.

mod allowance;
mod answer;
mod output;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use self::allowance::{Cpu, limit_memory, memory};
use self::answer::{Stop, answer};
use self::output::Output;
use crate::wire::{self, Allowance, Done, End, Kind};

/// Serves requests until standard input ends. Call it first thing in `main`, before any thread.
pub fn child_main() -> ! {
    let code = match serve() {
        Ok(()) => 0,
        // The parent is gone or does not want us any more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            eprintln!("decoder child: {error}");
            1
        }
    };
    std::process::exit(code)
}

fn serve() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut payload = Vec::new();
    let mut allowance = None;
    let at_start = memory()?.1;
    // Standard output's own buffering looks for line ends in audio.
    let mut pipe = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    while let Some(kind) = wire::read(&mut input, &mut payload)? {
        match kind {
            Kind::Limits => {
                let given: Allowance = serde_json::from_slice(&payload)?;
                limit_memory(given.memory_bytes)?;
                allowance = Some(given);
            }
            Kind::Decode | Kind::Span | Kind::Mono => {
                let allowance = allowance.ok_or(io::ErrorKind::InvalidData)?;
                let (span, path) = wire::parse_request(&payload).ok_or(io::ErrorKind::InvalidData)?;
                let cpu = Cpu::start(&path, allowance.cpu_seconds)?;
                let mut output = Output::new(&mut input, &mut pipe, cpu);
                let end = match answer(kind, span, &path, allowance, &mut output) {
                    Ok(media) => End::Media(Box::new(media)),
                    Err(Stop::Refused(why)) => End::Refused(why),
                    Err(Stop::Fault(fault)) => End::Fault(fault),
                    Err(Stop::Pipe(error)) => return Err(error),
                };
                let done = Done { end, grown_bytes: memory()?.1.saturating_sub(at_start) };
                pipe.write_all(&wire::json(Kind::Done, &done))?;
            }
            // It came too late: the request had been answered.
            Kind::Cancel => {}
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(())
}
