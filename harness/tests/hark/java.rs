//! Programs of Java that tests speak to.
//!
//! ```text
//! sh ─ waits for the end of its standard input ─ kills java, removes the folder
//! ```
//! So they go with the tests, whatever ends them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// `java` with the jars that `make setup-tests` laid under this name; what to run is to be added.
pub fn java(name: &str) -> Command {
    let home = std::env::var_os("HARK_HOME")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.hark"), PathBuf::from);
    let jars = home.join(name).join("lib");
    assert!(jars.is_dir(), "{} is missing: run make setup-tests", jars.display());
    let mut java = Command::new("java");
    // Small and quick to start; nothing here runs long enough for a better compiler.
    java.args(["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
    java.arg(jars.join("*"));
    java
}

/// One that runs. Killed when it is dropped, and its folder removed.
pub struct Java {
    shell: Child,
    pid: String,
}

impl Java {
    /// Starts it; what it says goes into `folder/log`.
    pub fn start(command: &Command, folder: &Path) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| format!("'{}'", word.to_str().expect("UTF-8"))).collect();
        let (folder, all) = (folder.display(), words.join(" "));
        let script = format!(
            "{all} >{folder}/log 2>&1 </dev/null & pid=$!; echo $pid; \
             read -r keep; kill -9 $pid; [ \"$keep\" = keep ] || {{ wait; rm -rf {folder}; }}"
        );
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut pid = String::new();
        BufReader::new(shell.stdout.take().expect("it is piped")).read_line(&mut pid).expect("it says so");
        Self { shell, pid: pid.trim().to_owned() }
    }

    /// As a machine loses it; what is on its disk stays.
    pub fn kill(mut self) {
        self.shell.stdin.take().expect("it is piped").write_all(b"keep\n").expect("it listens");
        self.shell.wait().expect("it is our child");
    }

    /// Sends it a signal by name (`STOP`, `CONT`).
    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args([&format!("-{name}"), &self.pid]).status();
        assert!(told.is_ok_and(|told| told.success()), "it runs");
    }
}

impl Drop for Java {
    fn drop(&mut self) {
        // It may have been killed already.
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

/// Ports that were free a moment ago.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}
