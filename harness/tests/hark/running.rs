//! A `hark run` in a process of its own, watched through its pages.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::path;

/// A wait longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(600);

/// A `hark run` that says where it listens.
pub struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// On the folder `in`, without a server.
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        let (input, output) = (folder.join("in"), folder.join("out"));
        Self::launch(&[&["--embedded", "--input", path(&input), "--output", path(&output)], more].concat())
    }

    /// With these arguments.
    pub fn launch(more: &[&str]) -> Self {
        let args = ["run", "--listen", "127.0.0.1:0", "--log", "json", "--workers", "2"];
        let args = [&args, more].concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hark"));
        let mut child = command.args(args).stderr(Stdio::piped()).spawn().expect("the binary was built");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let address = lines.find_map(|line| {
            let line: Value = serde_json::from_str(&line.expect("its log is text")).ok()?;
            line["address"].as_str()?.parse().ok()
        });
        // Nobody may block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("it says where it listens before it ends") }
    }

    /// Its number among processes.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Status and body of a page.
    pub fn get(&self, page: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        write!(stream, "GET {page} HTTP/1.0\r\n\r\n").expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer.split_once("\r\n\r\n").expect("a body").1.to_owned())
    }

    /// The sum of a metric over its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values = text.lines().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.fold(0.0, |sum, value| sum + value)
    }

    /// Waits until something holds.
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !holds(self) {
            assert!(started.elapsed() < PATIENCE, "{what} does not come to hold: {}", self.get("/metrics").1);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until this process has recorded so many.
    pub fn wait_for_outcomes(&self, count: f64) {
        self.wait_until("enough outcomes", |run| run.metric("hark_outcomes_total") >= count);
    }

    /// As an orchestrator stops it; its exit status.
    pub fn stop(mut self) -> Option<i32> {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.is_ok_and(|told| told.success()), "it still runs");
        self.child.wait().expect("it is our child").code()
    }

    /// Waits for it to end by itself; its exit status, `None` where a signal ended it.
    pub fn end(mut self) -> Option<i32> {
        self.child.wait().expect("it is our child").code()
    }

    /// As a machine loses it.
    pub fn kill(mut self) {
        self.child.kill().expect("it still runs");
        self.child.wait().expect("it is our child");
    }
}

/// Seconds of a core that a process has taken so far.
pub fn cpu_seconds(process: u32) -> f64 {
    let about = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it still runs");
    // The name before it may hold anything; then the 12th and 13th field are ticks of 10 ms.
    let fields = about.rsplit_once(')').expect("proc(5)").1.split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
}

impl Drop for Running {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
