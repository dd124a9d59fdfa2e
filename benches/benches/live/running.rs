//! A `hark run` between topics of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use hark_benches::material;

use crate::broker::Broker;

/// A process, and the folder that it writes to.
pub struct Running {
    child: Child,
    name: String,
    /// Where its pages are.
    address: String,
    _folder: tempfile::TempDir,
}

impl Running {
    /// Reads `NAME` and `NAME-urgent`, tells `NAME-outcomes` and `NAME-previews`; ready when this returns.
    pub fn start(broker: &Broker, name: &str, more: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let running = |kind: &str| format!("{name}-{kind}");
        broker.topic(name, 4, &[]);
        broker.topic(&running("urgent"), 1, &[]);
        let mut command = Command::new(program()?);
        command.args(["run", "--listen", "127.0.0.1:0", "--log", "json", "--accept-gates", "--brokers"]);
        command.args([&broker.address(), "--announcements", name, "--urgent-announcements", &running("urgent")]);
        command.args(["--previews", &running("previews"), "--outcomes-topic", &running("outcomes"), "--group", name]);
        command.arg("--output").arg(folder.path()).args(more).stderr(Stdio::piped());
        // A bench that is killed would leave a job behind, beside which the next one measures.
        command.env("HARK_SUPERVISOR", std::process::id().to_string());
        let mut child = command.spawn().context("cannot start hark")?;
        let mut lines = BufReader::new(child.stderr.take().context("it is piped")?).lines();
        let ready = lines.find_map(|line| {
            let told: serde_json::Value = serde_json::from_str(&line.ok()?).ok()?;
            told["address"].as_str().map(str::to_owned)
        });
        let address = ready.context("hark ended before it ran")?;
        // Nobody may block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, name: name.to_owned(), address, _folder: folder })
    }

    pub fn outcomes(&self) -> String {
        format!("{}-outcomes", self.name)
    }

    pub fn urgent(&self) -> String {
        format!("{}-urgent", self.name)
    }

    /// What of its memory is resident, in megabytes.
    pub fn resident_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells it")?;
        Ok(resident.trim().trim_end_matches(" kB").parse::<f64>()? * 1.024e-3)
    }

    /// Mean seconds of a batch of each operator that has lanes.
    pub fn batch_seconds(&self) -> Result<Vec<f64>> {
        let mut page = String::new();
        let mut http = TcpStream::connect(&self.address)?;
        http.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        http.read_to_string(&mut page)?;
        let of = |name: &str| -> BTreeMap<&str, f64> {
            let lines = page.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
            lines.filter_map(|(operator, value)| Some((operator, value.parse().ok()?))).collect()
        };
        let (busy, batches) = (of("hark_operator_busy_seconds_total"), of("hark_operator_batches_total"));
        let mean = |(operator, seconds): (&str, f64)| {
            let batches = batches.get(operator).copied().filter(|batches| *batches > 0.0)?;
            Some(seconds / batches)
        };
        Ok(busy.into_iter().filter_map(mean).collect())
    }

    /// Lets it finish what is on its way.
    pub fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let status = self.child.wait()?;
        ensure!(status.success(), "hark ended with {status}");
        Ok(())
    }

    /// Leaves what is on its way.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The command that was built last.
fn program() -> Result<PathBuf> {
    let built = material::root().join("target/release/hark");
    ensure!(built.exists(), "{} is missing: run cargo build --release", built.display());
    Ok(built)
}
