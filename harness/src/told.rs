//! What a command says on standard output.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};

/// Says it. Whoever reads may have seen enough (`hark outcomes | head`), which is no failure.
pub fn tell(text: &str) -> Result<()> {
    let mut output = std::io::stdout();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(()),
    }
}
