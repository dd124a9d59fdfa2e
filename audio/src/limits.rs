//! Limits of a child process that touches foreign bytes.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// What a child may use before the kernel or its parent ends it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Address space in bytes (RLIMIT_AS): an absurd allocation fails inside the child.
    pub memory_bytes: u64,
    /// CPU time (RLIMIT_CPU), rounded up to whole seconds.
    pub cpu: Duration,
    /// Wall-clock time; the parent kills the child after it. A child that waits for its parent
    /// does not count.
    pub wall: Duration,
}

impl Limits {
    /// Makes `command` apply the memory and CPU limits to itself before it executes. The wall
    /// limit is the parent's to watch.
    pub fn apply(self, command: &mut Command) -> &mut Command {
        let cpu = self.cpu.as_secs() + u64::from(self.cpu.subsec_nanos() > 0);
        // SAFETY: setrlimit is async-signal-safe and touches nothing of the parent.
        unsafe {
            command.pre_exec(move || {
                rlimit::setrlimit(rlimit::Resource::AS, self.memory_bytes, self.memory_bytes)?;
                rlimit::setrlimit(rlimit::Resource::CPU, cpu, cpu + 1)?;
                rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)
            })
        }
    }
}
