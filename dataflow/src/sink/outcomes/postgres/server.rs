//! A Postgres server for tests: in a folder of its own, on a free port of the loopback, gone when dropped.
//!
//! Depends on nothing of hark's, so that end-to-end tests use the same file.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The password of the one user, `hark`.
pub const PASSWORD: &str = "correct/horse@battery:staple";
/// [`PASSWORD`] as it stands in an address.
const ESCAPED: &str = "correct%2Fhorse%40battery%3Astaple";
/// A server that needs longer is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server, or one that was killed.
pub struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    running: Option<Child>,
}

impl Server {
    /// A server, or `None` with a loud line where Postgres is not installed.
    pub fn start(test: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("SKIPPED {test}: no initdb and postgres on PATH or under /usr/lib/postgresql");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let mut server = Self { folder, programs, port, running: None };
        let password = server.folder.path().join("password");
        std::fs::write(&password, PASSWORD).expect("a new folder");
        if is_root() {
            // Postgres will not run as root.
            let owned = Command::new("chown").args(["-R", user()]).arg(server.folder.path()).status();
            assert!(owned.is_ok_and(|owned| owned.success()), "root may change owners");
        }
        let data = server.folder.path().join("data");
        let mut init = server.program("initdb");
        init.arg("-D").arg(data).args(["-U", "hark", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]);
        init.args(["--encoding=UTF8", "--locale=C"]).arg("--pwfile").arg(password);
        assert_succeeds(init);
        server.resume();
        Some(server)
    }

    /// Starts again with what is on its disk.
    pub fn resume(&mut self) {
        let (folder, port) = (self.folder.path(), self.port.to_string());
        let mut command = self.program("postgres");
        command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder).args(["-h", "127.0.0.1", "-p", &port]);
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("a new folder");
        let child = command.args(["-c", "fsync=on"]).stderr(log).spawn().expect("the program was found");
        self.running = Some(child);
        let started = Instant::now();
        while !self.answers() {
            let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "the server does not start: {}", log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Ends as in a crash: nothing is finished, and what was not durable is lost.
    pub fn kill(&mut self) {
        if self.running.is_some() {
            self.thaw(); // who is frozen hears no signal
        }
        if let Some(mut running) = self.running.take() {
            // To the postmaster: it kills all that it started. SIGKILL would leave them for a while.
            drop(Command::new("kill").args(["-QUIT", &running.id().to_string()]).status());
            drop(running.wait());
        }
    }

    /// It and all that it started stand still: what is sent is acknowledged and never answered.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Goes on where it stood.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.running.as_ref().expect("it runs").id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("a mounted /proc");
        let all = std::iter::once(id.to_string()).chain(children.split_whitespace().map(str::to_owned));
        drop(Command::new("kill").arg(signal).args(all).status());
    }

    /// The address of a database, password included.
    pub fn address(&self, database: &str) -> String {
        format!("postgres://hark:{ESCAPED}@127.0.0.1:{}/{database}", self.port)
    }

    /// The address of a database without the password.
    pub fn bare_address(&self, database: &str) -> String {
        format!("postgres://hark@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs statements in a database; what they answer, unadorned.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut command = self.program("psql");
        command.args(["-v", "ON_ERROR_STOP=1", "-qAt", "-U", "hark", "-d", database, "-c", statements]);
        command.args(["-p", &self.port.to_string()]).arg("-h").arg(self.folder.path());
        assert_succeeds(command)
    }

    fn answers(&self) -> bool {
        let mut command = self.program("psql");
        command.args(["-qAt", "-U", "hark", "-d", "postgres", "-c", "SELECT 1", "-p", &self.port.to_string()]);
        command.arg("-h").arg(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// One of Postgres' programs, by a user that Postgres runs as.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user(), "--regid", "nogroup", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path()).env("HOME", self.folder.path()).env("PGPASSWORD", PASSWORD);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The folder with Postgres' programs: Debian keeps them off PATH.
fn programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let has_all = |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file());
    debian.into_iter().rev().chain(on_path.into_iter().flatten()).find(has_all)
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("a mounted /proc")) == 0
}

/// Who runs the server for root.
fn user() -> &'static str {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    if known.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" }
}

fn assert_succeeds(mut command: Command) -> String {
    let ran = command.output().expect("the program was found");
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}
