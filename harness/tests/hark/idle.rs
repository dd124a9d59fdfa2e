//! A job that has nothing to do costs next to nothing.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::command::path;
use crate::running::{Running, cpu_seconds};

/// How long to watch it.
const WATCHED: Duration = Duration::from_secs(10);

/// Seconds of a core that processes may take meanwhile: 3 %, and as much again for a machine that is
/// shared with other tests.
const MOST: f64 = 0.6;

/// Seconds of a core that these processes take while they are watched.
fn taken(processes: &[u32]) -> f64 {
    let all = || processes.iter().map(|id| cpu_seconds(*id)).sum::<f64>();
    let before = all();
    std::thread::sleep(WATCHED);
    all() - before
}

#[test]
fn an_idle_job_of_two_workers_takes_a_few_hundredths_of_a_core() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a new folder");
    let run = Running::start(folder.path(), &[]);
    run.wait_until("readiness", |run| run.get("/readyz").0 == 200);
    std::thread::sleep(Duration::from_secs(2));
    let taken = taken(&[run.id()]);
    eprintln!("idle for {WATCHED:?}: {taken:.2} s of a core");
    assert!(taken < MOST, "{taken} s");
    assert_eq!(run.stop(), Some(0));
}

#[test]
fn an_idle_cluster_of_two_processes_takes_a_few_hundredths_of_a_core() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).expect("a new folder");
    let args = ["--embedded", "--input", path(&input), "--output", path(&output)];
    let mut cluster = Cluster::launch(2, 1, &args.map(str::to_owned));
    cluster.wait_until("it to have begun", || output.join("latency-1.hlog").exists());
    std::thread::sleep(Duration::from_secs(10));
    let taken = taken(&cluster.members());
    eprintln!("idle for {WATCHED:?}: {taken:.2} s of a core");
    assert!(taken < MOST, "{taken} s");
    assert!(cluster.drain().success());
}
