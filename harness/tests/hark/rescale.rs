//! A cluster that is given another size while it works.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Workload};
use crate::command::path;
use crate::member::{Member, stop, wait_until};

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).expect("the folder is ours");
}

#[test]
fn a_cluster_at_work_takes_on_each_size_that_its_file_comes_to_hold_and_loses_nothing() {
    let mut load = Workload::new(60);
    let size = load.folder().join("size");
    write(&size, "1x1");
    load.announce(12);
    let mut cluster = Cluster::sized(&["--size-file", path(&size)], 1, &load.args());
    cluster.wait_for_size(1, 1);
    for (text, processes, workers) in [("2x1", 2, 1), ("1x2", 1, 2)] {
        // In the middle of its work, which the next takes up; more arrives while it drains.
        std::thread::sleep(Duration::from_millis(2_500));
        load.announce(12);
        write(&size, text);
        load.announce(12);
        cluster.wait_for_size(processes, workers);
    }
    write(&size, "2x");
    load.wait(&mut cluster);
    cluster.wait_for_size(1, 2);
    assert!(cluster.drain().success());
    load.assert_as_without_faults();
}

#[test]
fn another_list_of_hosts_drains_all_who_go_on_with_it_and_one_that_is_not_listed_stands_by() {
    let mut load = Workload::new(60);
    let (hosts, token) = (load.folder().join("hosts"), load.folder().join("token"));
    write(&token, &"secret".repeat(6));
    let held = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let addresses = held.each_ref().map(|port| port.local_addr().expect("it is bound").to_string());
    drop(held);
    let list = |count: usize| write(&hosts, &(addresses[..count].join("\n") + "\n"));
    list(2);
    let member = |process: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hark"));
        command.args(["run", "--process", &process.to_string(), "--hosts", path(&hosts)]);
        command.args(["--cluster-token", path(&token), "--workers", "1", "--listen", "127.0.0.1:0"]).args(load.args());
        Member::start(command)
    };
    let mut members = vec![member(0), member(1)];
    load.announce(12);
    wait_until(&mut members, "some outcome of two", |_| load.ended() > 0);
    // Who is at work then: two, and later the one that was left.
    for (count, working) in [(1, 2), (2, 1)] {
        let before: Vec<usize> = members.iter().map(|member| member.ends.len()).collect();
        load.announce(12);
        list(count);
        load.announce(12);
        wait_until(&mut members, "all to drain", |members| {
            let mut since = members.iter().zip(&before).map(|(member, before)| &member.ends[*before..]);
            since.by_ref().take(working).all(|ends| ends.iter().any(|(_, code)| *code == Some(0)))
        });
        wait_until(&mut members, "an outcome of each", |_| load.is_done());
        let ended = members[1].ends.len();
        let still = Instant::now();
        wait_until(&mut members, "some seconds to pass", |_| still.elapsed() > Duration::from_secs(3));
        assert_eq!(members[1].ends.len(), ended, "it stands by, or works");
    }
    stop(members);
    load.assert_as_without_faults();
}
