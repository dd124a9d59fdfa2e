//! How a process of a cluster finds the others.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use hark_dataflow::cluster::{Fingerprint, Membership, Token};

use crate::cli::JobArgs;

/// One process of several; all are given the same but for `--process`.
#[derive(Args)]
pub struct MembershipArgs {
    /// Processes of the cluster.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "N")]
    pub processes: u16,
    /// Which of them this one is, counted from 0.
    #[arg(long, default_value_t = 0, value_name = "I")]
    pub process: u16,
    /// A file with HOST:PORT of each process, one per line, in order.
    #[arg(long, value_name = "FILE")]
    pub hosts: Option<PathBuf>,
    /// A file with the secret that all processes share, at least 32 bytes.
    #[arg(long, value_name = "FILE")]
    pub cluster_token: Option<PathBuf>,
    /// Seconds to wait for the other processes.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub join_seconds: u64,
}

impl MembershipArgs {
    /// The cluster to join; `None` for a process alone. What all must have in common is all that shapes the
    /// graph.
    pub fn membership(&self, job: &JobArgs, layout: &str) -> Result<Option<Membership>> {
        if self.processes == 1 {
            return Ok(None);
        }
        let (Some(hosts), Some(token)) = (&self.hosts, &self.cluster_token) else {
            bail!("{} processes need --hosts and --cluster-token", self.processes);
        };
        let listed = std::fs::read_to_string(hosts).with_context(|| format!("cannot read --hosts {}", hosts.display()))?;
        let lines = listed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let hosts: Vec<String> = lines.map(str::to_owned).collect();
        if hosts.len() != usize::from(self.processes) {
            bail!("--hosts lists {} processes, --processes says {}; make them agree", hosts.len(), self.processes);
        }
        let secret = std::fs::read(token).with_context(|| format!("cannot read --cluster-token {}", token.display()))?;
        let graph = format!("{} {} {} {} {layout}", env!("CARGO_PKG_VERSION"), hosts.len(), job.workers, job.dedupe as u8);
        let membership = Membership {
            process: usize::from(self.process),
            hosts,
            token: Token::of(&secret)?,
            fingerprint: Fingerprint::of(&graph),
            patience: Duration::from_secs(self.join_seconds),
        };
        membership.check()?;
        Ok(Some(membership))
    }
}
