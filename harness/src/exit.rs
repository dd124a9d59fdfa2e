//! How the process ends: what its exit status says, and that libtorch is not taken apart for it.

use std::io::Write;

/// What whoever started hark is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every episode has an outcome, and none failed.
    Done = 0,
    /// hark itself failed.
    Failed = 1,
    /// Wrong use; clap says the same.
    Misused = 2,
    /// Some episodes failed, or some of what was compared differs.
    Partly = 3,
}

impl Exit {
    /// Ends the process, as the last thing that it does.
    ///
    /// Without the destructors of C++: libtorch's take a tenth of a second to take down its thousands of operators,
    /// whose memory is the kernel's in a moment anyhow, and would pull them away under a lane that hangs.
    pub fn now(self) -> ! {
        // Nobody is left who could be told that a pipe is closed.
        let _closed = std::io::stdout().flush();
        // SAFETY: all that is Rust's has been dropped by who calls this; the kernel takes back the rest.
        unsafe { libc::_exit(self as i32) }
    }
}
