//! A pipe that is not waited for without end.

use std::io::{self, Read};
use std::process::ChildStdout;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

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
