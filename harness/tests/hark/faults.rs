//! Faults of the place that a job runs at, and withdrawals at the worst moment.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::{bring_example, hark, objects, outcomes, path, recorded};
use crate::live::{announce, states};
use crate::oracle::differences;
use crate::running::Running;

/// A folder of so many bytes, whose file system is unmounted in the end. None where one may not mount.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path, bytes: usize) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a new folder");
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs", path(at)]);
        if !mounted {
            eprintln!("SKIPPED: no file system can be mounted here, so none is full");
        }
        mounted.then_some(Self(at))
    }

    fn grow(&self, bytes: usize) {
        assert!(mount(&["-o", &format!("remount,size={bytes}"), path(self.0)]));
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["-l", path(self.0)]).status());
    }
}

fn mount(args: &[&str]) -> bool {
    Command::new("mount").args(args).output().is_ok_and(|ran| ran.status.success())
}

fn talk(folder: &Path, id: &str, audio: &str) -> Value {
    let words = bring_example(&folder.join("in"), audio);
    json!({"id": id, "show": "s", "title": id, "audio": audio, "transcript": words})
}

#[test]
fn a_full_disk_stops_the_job_by_name_and_when_there_is_room_nothing_is_missing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a new folder");
    let output = folder.path().join("out");
    let Some(disk) = Small::mount(&output, 1_500_000) else { return };
    let talks = ["small-wonders-1.mp3", "small-wonders-2.m4a", "long-ledger-2.mp3"];
    announce(folder.path(), &talks.map(|audio| talk(folder.path(), audio, audio)));
    let input = folder.path().join("in/new.jsonl");
    let batch = |output: &Path| {
        hark(&["batch", "--input", path(&input), "--output", path(output), "--accept-gates", "--workers", "1"])
    };
    let full = batch(&output);
    let named = full.code == 1 && full.err.contains("free space");
    // Where only the staging of an episode had no room, that episode failed by name.
    let failed = full.code == 3 && outcomes(&output).values().any(|end| end["reason"].to_string().contains("disk"));
    assert!(named || failed, "{}: {}", full.code, full.err);
    disk.grow(200_000_000);
    let again = batch(&output);
    assert_eq!(again.code, 0, "{}", again.err);
    let calm = folder.path().join("calm");
    assert_eq!(batch(&calm).code, 0);
    assert_eq!(differences(&output, &calm), [""; 0]);
}

#[test]
fn what_is_withdrawn_while_it_is_on_its_way_is_nowhere_to_be_reached_afterwards() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a new folder");
    let audio = "small-wonders-1.mp3";
    let words = talk(folder.path(), "", audio)["transcript"].clone();
    let ids: Vec<String> = (0..8).map(|at| format!("ep-{at}")).collect();
    let run = Running::start(folder.path(), &["--accept-gates", "--dedupe", "exact"]);
    run.wait_until("readiness", |run| run.get("/readyz").0 == 200);
    // Each at another moment of its way, from before its fetch until after its publication.
    for (at, id) in ids.iter().enumerate() {
        // Bytes of its own, so that it is nobody's copy.
        let own = format!("{at}-{audio}");
        let mut bytes = std::fs::read(folder.path().join("in").join(audio)).expect("it was copied");
        bytes.extend(format!("{at}").bytes());
        std::fs::write(folder.path().join("in").join(&own), bytes).expect("a new folder");
        announce(folder.path(), &[json!({"id": id, "show": "s", "title": id, "audio": own, "transcript": words})]);
        std::thread::sleep(Duration::from_millis(250 * at as u64 * at as u64 / 4));
        announce(folder.path(), &[json!({"id": id, "withdrawn": true})]);
    }
    let output = folder.path().join("out");
    run.wait_until("all withdrawals to have taken effect", |_| recorded(&output, "state = 'taken_down'") == ids.len());
    run.wait_until("nothing to be on its way", |run| run.metric("hark_in_flight_episodes") == 0.0);
    assert_eq!(run.stop(), Some(0));
    let ended = outcomes(&output);
    assert!(states(&ended).values().all(|state| *state == "taken_down") && ended.len() == ids.len(), "{ended:?}");
    assert!(objects(&output).is_empty(), "no clip, caption or line of any of them");
    assert_eq!(std::fs::read_to_string(output.join("previews.jsonl")).expect("it was drained"), "");
}
