//! How a process of a cluster finds the others.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use hark_dataflow::cluster::{self, Fingerprint, Membership, Mesh, Peers, Token};
use hark_dataflow::layout::Layout;
use hark_dataflow::snapshot::Header;

use crate::cli::JobArgs;
use crate::drain::Drain;
use crate::hosts::HostList;

/// One process of several; all are given the same but for `--process`.
#[derive(Args, Default)]
pub struct MembershipArgs {
    /// Processes of the cluster; by itself as many as --hosts lists.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), value_name = "N")]
    pub processes: Option<u16>,
    /// Which of them this one is, counted from 0.
    #[arg(long, default_value_t = 0, value_name = "I")]
    pub process: u16,
    /// A file with HOST:PORT of each process, one per line, in order. When it comes to list others, each
    /// process of `hark run` drains and exits with 0, to be started again; one that is not listed stands by.
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
    /// The list of processes, once this one is in it; from then on another list drains it. `None` where
    /// there is no list.
    pub fn listed(&self, drain: &Drain) -> Result<Option<HostList>> {
        let Some(file) = &self.hosts else { return Ok(None) };
        let mut list = HostList::read(file)?;
        if self.processes.is_none() {
            list = list.until_listed(usize::from(self.process))?;
        }
        let drain = drain.clone();
        list.clone().watch(move || drain.begin());
        Ok(Some(list))
    }

    /// The list of a job that ends, and is the same until then.
    pub fn fixed(&self) -> Result<Option<HostList>> {
        self.hosts.as_deref().map(HostList::read).transpose()
    }

    /// Joins the cluster, if there is one; what the first process `found` known reaches all. The work of all is
    /// one computation: from then on a process that loses another ends, and all are started again.
    pub fn join(
        &self,
        list: Option<HostList>,
        job: &JobArgs,
        layout: &Layout,
        found: Header,
    ) -> Result<(Peers, Mesh, Header)> {
        let threads = usize::from(job.workers);
        let Some(membership) = self.membership(list, job, layout)? else {
            return Ok((Peers::alone(threads), Mesh::default(), found));
        };
        tracing::info!(self.process, processes = membership.hosts.len(), "waiting for the other processes");
        let joined = cluster::join(&membership, threads, &found)?;
        fail_with_the_others();
        Ok(joined)
    }

    /// The cluster to join; `None` for a process alone. What all must have in common is all that shapes the
    /// graph.
    fn membership(&self, list: Option<HostList>, job: &JobArgs, layout: &Layout) -> Result<Option<Membership>> {
        let listed = list.as_ref().map(|list| list.hosts.len());
        let processes = self.processes.map(usize::from).or(listed).unwrap_or(1);
        if let Some(listed) = listed.filter(|listed| *listed != processes) {
            bail!("--hosts lists {listed} processes, --processes says {processes}; make them agree");
        }
        if processes == 1 {
            ensure!(self.process == 0, "--process {} is not among 1 process", self.process);
            return Ok(None);
        }
        let (Some(HostList { hosts, .. }), Some(token)) = (list, &self.cluster_token) else {
            bail!("{processes} processes need --hosts and --cluster-token");
        };
        let secret =
            std::fs::read(token).with_context(|| format!("cannot read --cluster-token {}", token.display()))?;
        let (version, levels, says) = (env!("CARGO_PKG_VERSION"), job.dedupe as u8, &layout.says);
        let graph = format!("{version} {} {} {levels} {says}", hosts.len(), job.workers);
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

/// Timely's threads panic when a peer is lost: then this process ends too.
fn fail_with_the_others() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name().is_some_and(|name| name.starts_with("timely:")) {
            tracing::error!("lost another process of the cluster: {}; start all of them again", panic);
            signal_hook::low_level::exit(1);
        }
        report(panic);
    }));
}
