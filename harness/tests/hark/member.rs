//! Processes of a cluster that are started again one by one, as a StatefulSet does.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A wait longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(300);

/// One of them.
pub struct Member {
    command: Command,
    child: Child,
    /// When it ended, and with which status; `None` of one that a signal ended.
    pub ends: Vec<(Instant, Option<i32>)>,
}

impl Member {
    /// Starts it; `command` is all but `hark run`'s own arguments' end.
    pub fn start(mut command: Command) -> Self {
        command.env("RUST_LOG", "warn").stderr(Stdio::null());
        let child = command.spawn().expect("the binary was built");
        Self { command, child, ends: Vec::new() }
    }

    /// Starts it again if it has ended.
    fn look(&mut self) {
        if let Some(status) = self.child.try_wait().expect("it is our child") {
            self.ends.push((Instant::now(), status.code()));
            self.child = self.command.spawn().expect("it was started before");
        }
    }

    /// As an orchestrator stops it.
    fn tell_to_stop(&self) {
        // It may have ended just now.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).stderr(Stdio::null()).status());
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts again whoever ends, until something holds; how long that took.
pub fn wait_until(members: &mut [Member], what: &str, holds: impl Fn(&[Member]) -> bool) -> Duration {
    let started = Instant::now();
    while !holds(members) {
        members.iter_mut().for_each(Member::look);
        assert!(started.elapsed() < PATIENCE, "{what} does not come to hold");
        std::thread::sleep(Duration::from_millis(50));
    }
    started.elapsed()
}

/// Stops all for good.
pub fn stop(mut members: Vec<Member>) {
    members.iter().for_each(Member::tell_to_stop);
    for member in &mut members {
        // Its status says little: the last to end may miss the others.
        member.child.wait().expect("it is our child");
    }
}
