//! The list of a cluster's processes: a file that may change while the cluster runs.
//!
//! ```text
//! read ─▶ not in it: stand by until it is ─▶ join, run ─▶ another list: drain, exit 0 ─▶ started again
//! ```
//! Who starts processes again (a StatefulSet, `hark cluster`) thereby gives a cluster another size with
//! nobody telling each process of it.
//!
//! Invariant: a list counts once it is the same at two looks and every line of it is an address, so one
//! that is half written or mistyped drains nobody.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use hark_dataflow::cluster::is_address;

/// How often to look. A ConfigMap takes up to a minute to arrive, so this need not be soon.
const LOOK: Duration = Duration::from_secs(1);

/// A file with `HOST:PORT` of each process, one per line, in order.
#[derive(Clone, Debug)]
pub struct HostList {
    file: PathBuf,
    /// What stands in it, as it was when it was read.
    pub hosts: Vec<String>,
}

impl HostList {
    /// Reads the list.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read --hosts {}", file.display()))?;
        Ok(Self { file: file.to_owned(), hosts: listed(&text) })
    }

    /// Waits until the list has a line for this process. One that has none may be needed later, or is about
    /// to be taken away.
    pub fn until_listed(mut self, process: usize) -> Result<Self> {
        let mut told = false;
        while self.hosts.len() <= process {
            if !told {
                tracing::info!(process, listed = self.hosts.len(), "not in --hosts; standing by until it is");
                told = true;
            }
            self.hosts = self.changed();
        }
        Ok(self)
    }

    /// Calls `changed` once the file has another list.
    pub fn watch(self, changed: impl FnOnce() + Send + 'static) {
        std::thread::spawn(move || {
            let hosts = self.changed();
            tracing::info!(before = self.hosts.len(), now = hosts.len(), "--hosts has another list of processes");
            changed();
        });
    }

    /// Waits for another list.
    fn changed(&self) -> Vec<String> {
        let (mut seen, mut warned) = (self.hosts.clone(), None);
        loop {
            std::thread::sleep(LOOK);
            // Where it is being replaced it may be gone for a moment.
            let Ok(text) = std::fs::read_to_string(&self.file) else { continue };
            let hosts = listed(&text);
            let settled = hosts == seen;
            seen.clone_from(&hosts);
            if !settled || hosts == self.hosts {
                continue;
            }
            if !hosts.is_empty() && hosts.iter().all(|host| is_address(host)) {
                return hosts;
            }
            if warned.as_ref() != Some(&hosts) {
                tracing::warn!(file = %self.file.display(), "no list of HOST:PORT, one per line; going on with the one before");
                warned = Some(hosts);
            }
        }
    }
}

fn listed(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_list_counts_once_it_is_whole_and_comments_and_mistakes_do_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("hosts");
        let write = |text: &str| std::fs::write(&file, text).expect("a new folder");
        write("# two\na:1\nb:1\n");
        let list = HostList::read(&file).expect("it is there");
        assert_eq!(list.hosts, ["a:1", "b:1"]);
        let (tell, told) = std::sync::mpsc::channel();
        list.watch(move || tell.send(()).expect("somebody listens"));
        for same in ["a:1\n\nb:1\n# still two\n", "a:1\nb\n", ""] {
            write(same);
            assert!(told.recv_timeout(LOOK * 5 / 2).is_err(), "{same:?}");
        }
        write("a:1\nb:1\nc:1\n");
        told.recv_timeout(LOOK * 20).expect("it is another list");
    }

    #[test]
    fn who_is_not_listed_stands_by_until_it_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("hosts");
        std::fs::write(&file, "a:1\n").expect("a new folder");
        let list = HostList::read(&file).expect("it is there");
        let standing = std::thread::spawn(move || list.until_listed(1).expect("it comes to be listed").hosts);
        std::thread::sleep(LOOK / 2);
        assert!(!standing.is_finished());
        std::fs::write(&file, "a:1\nb:1\n").expect("the folder is ours");
        assert_eq!(standing.join().expect("it does not panic"), ["a:1", "b:1"]);
    }
}
