//! The link between two processes of a cluster is cut for a while.
//!
//! ```text
//! namespace a ─ 10.77.7.1 ─── veth pair ─── 10.77.7.2 ─ namespace b
//! cut: each takes the other for a station that is not there, so nothing arrives and nobody is told
//! ```
//! Both have the same folders: what is cut is the network alone.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cluster::Workload;
use crate::command::{chaos, path};
use crate::member::{Member, stop, wait_until};

/// After a cut both have ended by then.
const ENDED: Duration = Duration::from_secs(15);

/// Two hosts and the link between them, which are gone when this is dropped.
struct Link {
    hosts: [String; 2],
}

/// What each host calls its end. No word of `ip`'s own: it would take that for one.
const WIRE: &str = "wire0";
const ADDRESSES: [&str; 2] = ["10.77.7.1", "10.77.7.2"];

impl Link {
    /// None where one may not make networks.
    fn make() -> Option<Self> {
        let link = Self { hosts: ["a", "b"].map(|end| format!("hark-{}-{end}", std::process::id())) };
        let [a, b] = &link.hosts;
        let made = ip(&["netns", "add", a])
            && ip(&["netns", "add", b])
            && ip(&["link", "add", "name", WIRE, "netns", a, "type", "veth", "peer", "name", WIRE, "netns", b])
            && link.hosts.iter().zip(ADDRESSES).all(|(host, address)| {
                ip(&["-n", host, "addr", "add", &format!("{address}/30"), "dev", WIRE])
                    && ip(&["-n", host, "link", "set", "lo", "up"])
                    && ip(&["-n", host, "link", "set", "dev", WIRE, "up"])
            });
        if !made {
            eprintln!("SKIPPED: no networks can be made here (as root, with iproute2), so none is cut");
        }
        made.then_some(link)
    }

    fn cut(&self) {
        for (host, other) in self.hosts.iter().zip(ADDRESSES.iter().rev()) {
            let nobody = ["lladdr", "02:00:00:00:00:99", "dev", WIRE, "nud", "permanent"];
            assert!(ip(&[&["-n", host, "neigh", "replace", other], &nobody[..]].concat()));
        }
    }

    fn heal(&self) {
        for (host, other) in self.hosts.iter().zip(ADDRESSES.iter().rev()) {
            assert!(ip(&["-n", host, "neigh", "del", other, "dev", WIRE]));
        }
    }

    /// `hark run` at one end of it.
    fn member(&self, process: usize, hosts: &Path, token: &Path, args: &[String]) -> Member {
        // It becomes the program itself, so signals reach that.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.hosts[process], env!("CARGO_BIN_EXE_hark"), "run"]);
        command.args(["--processes", "2", "--process", &process.to_string(), "--hosts", path(hosts)]);
        command.args(["--cluster-token", path(token), "--workers", "1"]).args(args);
        Member::start(command)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for host in &self.hosts {
            // It may never have been made.
            ip(&["netns", "del", host]);
        }
    }
}

fn ip(args: &[&str]) -> bool {
    Command::new("ip").args(args).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn cut_off_from_each_other_both_end_and_once_it_has_healed_all_is_as_without() {
    // How long it lasts, and by when there is an outcome again; beside other tests models load slowly.
    let (cut, by) = if chaos() { (60, 30) } else { (18, 90) };
    let (cut, by) = (Duration::from_secs(cut), Duration::from_secs(by));
    let Some(link) = Link::make() else { return };
    let mut load = Workload::new(50);
    let (hosts, token) = (load.folder().join("hosts"), load.folder().join("token"));
    let listed = ADDRESSES.map(|address| format!("{address}:7464\n")).concat();
    std::fs::write(&hosts, listed).expect("the folder is ours");
    std::fs::write(&token, "secret".repeat(6)).expect("the folder is ours");
    load.announce(10);
    let mut members: Vec<Member> = [0, 1].map(|process| link.member(process, &hosts, &token, &load.args())).into();
    wait_until(&mut members, "some outcome", |_| load.ended() >= 5);
    load.announce(20);

    let before: Vec<usize> = members.iter().map(|member| member.ends.len()).collect();
    let began = Instant::now();
    link.cut();
    let both = |members: &[Member]| members.iter().zip(&before).all(|(member, before)| member.ends.len() > *before);
    let ended = wait_until(&mut members, "both to end", both);
    assert!(ended < ENDED, "{ended:?}");
    load.announce(10);
    wait_until(&mut members, "the end of the cut", |_| began.elapsed() >= cut);

    let found = load.ended();
    link.heal();
    load.announce(10);
    let again = wait_until(&mut members, "another outcome", |_| load.ended() > found);
    eprintln!("both ended {ended:.1?} after the cut, an outcome came {again:.1?} after it had healed");
    assert!(again < by, "{again:?}");
    wait_until(&mut members, "an outcome of each", |_| load.is_done());
    stop(members);
    load.assert_as_without_faults();
}
