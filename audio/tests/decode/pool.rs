//! Children stay warm, are replaced, and belong to no one request.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use hark_audio::decoder::{DecodeLimits, Decoder};
use hark_audio::fault::FaultKind;
use hark_audio::units::Span;

use super::bench::{decode, decoder, folder, limited};
use super::generate::{encode, silent_flac, sound};

/// Process ids of this thread's running children with the decoder's name.
fn children() -> Vec<u32> {
    let mut found = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let list = std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
        found.extend(list.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    found.retain(|id| {
        std::fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.starts_with("decode-child"))
    });
    found
}

#[test]
fn many_threads_share_one_decoder_and_agree() {
    let folder = folder();
    let sound = sound(folder.path(), 3);
    let files = [
        encode(&sound, "a.mp3", "-c:a libmp3lame -b:a 64k"),
        encode(&sound, "a.opus", "-c:a libopus -b:a 48k"),
        encode(&sound, "a.ac3", "-c:a ac3 -b:a 96k"),
        encode(&sound, "a.flac", "-c:a flac"),
    ];
    let decoder = decoder();
    let expected: Vec<Vec<i16>> = files.iter().map(|path| decode(&decoder, path).unwrap().1).collect();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (decoder, files, expected, done) = (decoder.clone(), &files, &expected, &done);
            scope.spawn(move || {
                for n in 0..12 {
                    let nth = (thread + n) % files.len();
                    assert_eq!(decode(&decoder, &files[nth]).unwrap().1, expected[nth]);
                    let piece = decoder.span_16k(&files[nth], Span::new(1.0, 1.5)).unwrap();
                    assert_eq!(piece.len(), 8_000);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), 48);
}

#[test]
fn a_reader_that_has_enough_leaves_a_child_that_works() {
    let folder = folder();
    let (long, short) = (folder.path().join("long.flac"), sound(folder.path(), 2));
    std::fs::write(&long, silent_flac(1200)).unwrap();
    let decoder = decoder();
    for _ in 0..3 {
        let mut blocks = 0;
        let media = decoder.decode(&long, &mut |_| {
            blocks += 1;
            ControlFlow::Break(())
        });
        assert!(media.unwrap().samples.seconds().0 < 600.0, "the rest was not decoded");
        assert_eq!(blocks, 1);
        assert_eq!(decode(&decoder, &short).unwrap().1, afresh(&short));
    }
}

fn afresh(path: &std::path::Path) -> Vec<i16> {
    decode(&decoder(), path).unwrap().1
}

#[test]
fn a_killed_child_is_replaced_and_costs_one_item() {
    // One test that starts and kills children by id: alone in its process.
    let folder = folder();
    let long = folder.path().join("long.flac");
    std::fs::write(&long, silent_flac(3000)).unwrap();
    let short = sound(folder.path(), 1);
    let decoder = decoder();
    let before = children();
    let mut killed = false;
    let fault = decoder.decode(&long, &mut |_| {
        if !killed {
            let all = children();
            // Other tests of this binary run beside; ours is the one that is busy with our file.
            let ours = all.iter().filter(|id| !before.contains(id)).filter(|id| {
                std::fs::read_dir(format!("/proc/{id}/fd")).is_ok_and(|open| {
                    open.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|path| path == long))
                })
            });
            for id in ours {
                let status = std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status();
                assert!(status.unwrap().success());
                killed = true;
            }
        }
        ControlFlow::Continue(())
    });
    let fault = fault.unwrap_err();
    assert!(killed);
    assert_eq!((fault.code.as_str(), fault.kind), ("decode.killed", FaultKind::Retry), "{fault}");
    assert_eq!(decode(&decoder, &short).unwrap().1.len(), 16_000);
}

#[test]
fn a_program_that_cannot_start_is_a_fault_of_the_machine() {
    let folder = folder();
    let short = sound(folder.path(), 1);
    let absent = Decoder::new(folder.path().join("absent"), Vec::new(), DecodeLimits::default());
    let fault = decode(&absent, &short).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("decode.start", FaultKind::Retry), "{fault}");
    // A program that says nothing, and one that speaks nonsense.
    for (program, args) in [("/bin/true", vec![]), ("/bin/echo", vec!["nonsense".to_string()])] {
        let wrong = Decoder::new(program.into(), args, DecodeLimits::default());
        let fault = decode(&wrong, &short).unwrap_err();
        assert!(fault.code == "decode.crashed" || fault.code == "decode.start", "{fault}");
    }
}

#[test]
fn a_silent_child_is_given_up() {
    let folder = folder();
    let short = sound(folder.path(), 1);
    let mut limits = DecodeLimits::default();
    limits.child.wall = std::time::Duration::from_millis(200);
    let silent = Decoder::new("/bin/sleep".into(), vec!["1000".into()], limits);
    assert_eq!(decode(&silent, &short).unwrap_err().code, "decode.timeout");
}

#[test]
fn a_slow_reader_does_not_count_against_the_child() {
    let folder = folder();
    let long = folder.path().join("long.flac");
    std::fs::write(&long, silent_flac(600)).unwrap();
    let mut limits = DecodeLimits::default();
    limits.child.wall = std::time::Duration::from_secs(5);
    let decoder = limited(limits);
    let mut slept = false;
    let media = decoder.decode(&long, &mut |_| {
        if !std::mem::replace(&mut slept, true) {
            std::thread::sleep(std::time::Duration::from_secs(6));
        }
        ControlFlow::Continue(())
    });
    assert!(media.unwrap().samples.seconds().0 > 590.0);
}
