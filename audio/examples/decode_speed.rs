//! CPU seconds per hour of audio: decoding to 16 kHz mono by a decoder child against ffmpeg.
//!
//! ```text
//! cargo run --release -p hark-audio --example decode_speed -- FILE...
//! ```
//! For steady figures give files of ten minutes and more. Times are user and system time of the
//! child and of ffmpeg; of the parent only what it takes to read the pipe is shown.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hark_audio::decoder::{DecodeLimits, Decoder};
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let child = std::env::current_exe().expect("a program has a path");
    let child = child.parent().and_then(Path::parent).expect("examples lie in a folder").join("decode-child");
    println!("CPU seconds per hour of audio{:>22}{:>8}{:>8}{:>8}", "child", "parent", "ffmpeg", "ratio");
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let mut best: Option<(f64, f64, f64, f64)> = None;
        for _ in 0..3 {
            let before = children();
            let own = seconds(ClockId::ProcessCPUTime);
            let decoder = Decoder::new(child.clone(), Vec::new(), DecodeLimits::default());
            let media = match decoder.decode(&path, &mut |_| ControlFlow::Continue(())) {
                Ok(media) => media,
                Err(fault) => {
                    println!("{}: {fault}", path.display());
                    break;
                }
            };
            let own = seconds(ClockId::ProcessCPUTime) - own;
            drop(decoder); // reaps the child
            let between = children();
            let status = Command::new("ffmpeg")
                .args(["-nostdin", "-v", "quiet", "-y", "-threads", "1", "-i"])
                .arg(&path)
                .args(["-ac", "1", "-ar", "16000", "-f", "s16le", "/dev/null"])
                .stdin(Stdio::null())
                .status();
            assert!(status.is_ok_and(|status| status.success()), "ffmpeg decodes {}", path.display());
            let hours = media.samples.seconds().0 / 3600.0;
            let round = (between - before, own, children() - between, hours);
            best =
                Some(best.map_or(round, |best| (best.0.min(round.0), best.1.min(round.1), best.2.min(round.2), hours)));
        }
        if let Some((child, own, ffmpeg, hours)) = best {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (child, own, ffmpeg) = (child / hours, own / hours, ffmpeg / hours);
            println!("{name:>40}{child:>11.2}{own:>8.2}{ffmpeg:>8.2}{:>8.2}", child / ffmpeg);
        }
    }
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// User and system seconds of all children reaped so far.
fn children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit(')').next().expect("a name in brackets").split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).map(|field| field.parse::<u64>().expect("a count")).sum();
    ticks as f64 / 100.0
}
