//! `hark cluster`: several processes on this machine that are one cluster.
//!
//! ```text
//! start all ─▶ one is lost ─▶ kill all ─ wait a little ─▶ start all …
//!     ├ told to stop ─▶ tell all ─▶ all have drained
//!     └ another size ─▶ tell all ─▶ all have drained ─▶ start as many as it says …
//! ```
//! The work of a timely cluster is one computation, so all start again together, from what was durable.
//! On Kubernetes a StatefulSet does the same; this is for a machine of one's own and for tests.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Exit;
use crate::size::{Size, SizeFile};

/// Longest wait before a start.
const LONGEST: Duration = Duration::from_secs(5);
/// Who has run for so long has not failed at its start.
const STARTED: Duration = Duration::from_secs(10);
/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

/// Several processes on this machine.
#[derive(Args)]
pub struct ClusterArgs {
    /// Processes.
    #[arg(long, short = 'n', default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64), value_name = "N")]
    processes: u16,
    /// A file that holds the size, PROCESSESxWORKERS (3x2). When it comes to hold another, all drain and
    /// are started again with that.
    #[arg(long, value_name = "FILE", conflicts_with = "processes")]
    size_file: Option<PathBuf>,
    /// Where the first process serves its pages; the others at the ports after it.
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Failed starts in a row after which to give up.
    #[arg(long, default_value_t = 5, value_name = "N")]
    failed_starts: u32,
    /// What `hark run` is told besides.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "ARGUMENTS OF HARK RUN")]
    run: Vec<OsString>,
}

/// Runs until it is told to stop and all have drained.
pub fn cluster(args: &ClusterArgs) -> Result<Exit> {
    let told = Arc::new(AtomicUsize::new(0));
    let (mut signals, counted) = (Signals::new([SIGTERM, SIGINT]).context("cannot watch for signals")?, told.clone());
    std::thread::spawn(move || {
        for _signal in signals.forever() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let place = Place::make()?;
    let (mut size_file, mut size) = match &args.size_file {
        Some(file) => SizeFile::open(file).map(|(file, size)| (Some(file), size))?,
        None => (None, Size { processes: args.processes, workers: None }),
    };
    place.list(size.processes)?;
    let mut failed_starts = 0;
    loop {
        let began = Instant::now();
        let mut members = Members::start(args, size, &place)?;
        match members.watch(&told, || size_file.as_mut().and_then(|file| file.other_than(size)))? {
            Ended::Drained => return Ok(Exit::Done),
            Ended::Resized(other) => {
                eprintln!("hark: the cluster has drained and goes on as {other}");
                (size, failed_starts) = (other, 0);
                place.list(size.processes)?;
                continue;
            }
            Ended::Stopped => return Ok(Exit::Failed),
            Ended::WrongUse => return Ok(Exit::Misused),
            Ended::Lost(who, status) => {
                eprintln!("hark: process {who} of the cluster is gone ({status}); all start again")
            }
        }
        failed_starts = if began.elapsed() < STARTED { failed_starts + 1 } else { 0 };
        if failed_starts >= args.failed_starts {
            bail!("{failed_starts} starts in a row failed; the lines above say why");
        }
        std::thread::sleep((Duration::from_millis(100) * 2u32.saturating_pow(failed_starts)).min(LONGEST));
    }
}

/// What the processes find each other by.
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// With a token that nobody else knows, in a folder that is gone when this is dropped.
    pub fn make() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("hark-cluster-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let place = Self { folder };
        let secret = std::fs::read("/proc/sys/kernel/random/uuid").context("cannot make a token")?;
        let more = std::fs::read("/proc/sys/kernel/random/uuid").context("cannot make a token")?;
        write_private(&place.token(), &[secret, more].concat())?;
        Ok(place)
    }

    /// Lists so many processes, while none is running.
    pub fn list(&self, processes: u16) -> Result<()> {
        // Free at this moment; taken again only by these processes, or the start fails and says so.
        let held: Vec<TcpListener> = (0..processes)
            .map(|_| TcpListener::bind("127.0.0.1:0"))
            .collect::<Result<_, _>>()
            .context("cannot find free ports")?;
        let hosts =
            held.iter().map(|port| Ok(format!("{}\n", port.local_addr()?))).collect::<std::io::Result<String>>()?;
        std::fs::write(self.hosts(), hosts).context("cannot write the list of hosts")
    }

    /// The arguments of a process.
    pub fn member(&self, process: u16) -> [OsString; 6] {
        let file = |path: PathBuf| path.into_os_string();
        [
            "--process".into(),
            process.to_string().into(),
            "--hosts".into(),
            file(self.hosts()),
            "--cluster-token".into(),
            file(self.token()),
        ]
    }

    fn token(&self) -> PathBuf {
        self.folder.join("token")
    }

    fn hosts(&self) -> PathBuf {
        self.folder.join("hosts")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A few bytes in the temporary folder matter to nobody.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).with_context(|| format!("cannot write {}", path.display()))
}

/// How one start of a cluster ended.
enum Ended {
    /// All have finished, having been told to.
    Drained,
    /// All have finished, to go on with this size.
    Resized(Size),
    /// All are gone, having been told twice.
    Stopped,
    /// They do not understand their arguments.
    WrongUse,
    /// One failed of itself.
    Lost(usize, ExitStatus),
}

/// Processes that end with this value.
struct Members(Vec<Child>);

impl Members {
    fn start(args: &ClusterArgs, size: Size, place: &Place) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find hark's own program file")?;
        let mut members = Self(Vec::new());
        for process in 0..size.processes {
            let mut listen = args.listen;
            if listen.port() > 0 {
                listen.set_port(listen.port() + process);
            }
            let mut command = Command::new(&program);
            command.arg("run").args(place.member(process));
            command.args(size.workers.iter().flat_map(|workers| ["--workers".to_owned(), workers.to_string()]));
            command
                .args(["--listen", &listen.to_string()])
                .args(&args.run)
                .env(SUPERVISOR, std::process::id().to_string());
            members.0.push(command.spawn().context("cannot start a process")?);
        }
        Ok(members)
    }

    /// Until all have ended, or one has failed; `resized` says when they are to be others.
    fn watch(&mut self, told: &AtomicUsize, mut resized: impl FnMut() -> Option<Size>) -> Result<Ended> {
        let (mut passed_on, mut size) = (0, None);
        loop {
            let mut running = 0;
            for (who, child) in self.0.iter_mut().enumerate() {
                match child.try_wait().context("cannot watch a process")? {
                    None => running += 1,
                    Some(status) if status.success() => {}
                    Some(status) if status.code() == Some(2) => return Ok(Ended::WrongUse),
                    // While they drain the last to end may miss the others.
                    Some(_) if passed_on > 0 => {}
                    Some(status) => return Ok(Ended::Lost(who, status)),
                }
            }
            if running == 0 {
                return Ok(match (passed_on, size) {
                    (2.., _) => Ended::Stopped,
                    (_, Some(size)) if told.load(Ordering::Relaxed) == 0 => Ended::Resized(size),
                    _ => Ended::Drained,
                });
            }
            if passed_on == 0 && told.load(Ordering::Relaxed) == 0 {
                size = resized();
                if size.is_some() {
                    passed_on = 1;
                    self.signal(Signal::TERM);
                }
            }
            while passed_on < told.load(Ordering::Relaxed).min(2) {
                passed_on += 1;
                self.signal(Signal::TERM);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn signal(&mut self, signal: Signal) {
        for child in &mut self.0 {
            if matches!(child.try_wait(), Ok(None)) {
                // It may have ended just now.
                let _ended = kill_process(Pid::from_child(child), signal).is_err();
            }
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        for child in &mut self.0 {
            drop(child.wait());
        }
    }
}

/// Names the process whose end is the end of this one.
const SUPERVISOR: &str = "HARK_SUPERVISOR";

/// A supervised process does not outlive its supervisor, which may be killed too.
pub fn end_with_supervisor() {
    let Some(supervisor) = std::env::var(SUPERVISOR).ok().and_then(|id| id.parse().ok()) else { return };
    let ends = set_parent_process_death_signal(Some(Signal::KILL));
    // It may be gone already.
    if ends.is_err() || getppid().map(Pid::as_raw_nonzero).map(NonZero::get) != Some(supervisor) {
        signal_hook::low_level::exit(1);
    }
}
