//! Sound for these tests: files and made copies, through ffmpeg.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hark_operators::likeness::acoustic::{Fingerprinter, Print};

/// Samples per second of the mono sound that copies are made from.
pub const RATE: u32 = 22_050;
const MODEL_RATE: u32 = 16_000;

/// The folder of real sound, if it is there.
pub fn material() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = std::env::var_os("HARK_SHARED_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let audio = folder.join("audio");
    if !audio.is_dir() {
        eprintln!("SKIPPED: ../shared/data is absent");
    }
    audio.is_dir().then_some(audio)
}

/// A file as mono samples at `rate`; `seconds` of it from `from` on.
pub fn load(file: &Path, rate: u32, from: f64, seconds: f64) -> Vec<i16> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-nostdin",
        "-v",
        "error",
        "-threads",
        "1",
        "-ss",
        &from.to_string(),
        "-t",
        &seconds.to_string(),
        "-i",
    ]);
    ffmpeg.arg(file).args(["-ac", "1", "-ar", &rate.to_string(), "-f", "s16le", "pipe:1"]);
    let done = ffmpeg.stdin(Stdio::null()).output().expect("ffmpeg runs");
    assert!(done.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&done.stderr));
    samples(&done.stdout)
}

/// The print of a file as it is.
pub fn print_of_file(file: &Path) -> Print {
    print(&load(file, MODEL_RATE, 0.0, 1e6))
}

/// The print of samples at 16 kHz, given in blocks of uneven size.
pub fn print(samples: &[i16]) -> Print {
    let mut printer = Fingerprinter::new();
    samples.chunks(12_345).for_each(|block| printer.take(block));
    printer.finish()
}

/// The print of mono sound at [`RATE`] after it went through an encoder. `encode` are the arguments of
/// ffmpeg that make the copy, the container last.
pub fn print_of_copy(sound: &[i16], encode: &[&str]) -> Print {
    let bytes: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let rate = RATE.to_string();
    let coded =
        pipe(&[&["-f", "s16le", "-ar", &rate, "-ac", "1", "-i", "pipe:0"], encode, &["pipe:1"]].concat(), bytes);
    let rate = MODEL_RATE.to_string();
    let plain = pipe(&["-i", "pipe:0", "-ac", "1", "-ar", &rate, "-f", "s16le", "pipe:1"], coded);
    print(&samples(&plain))
}

/// Seconds as a count of samples at [`RATE`].
pub fn count(seconds: f64) -> usize {
    (seconds * f64::from(RATE)) as usize
}

fn pipe(args: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-threads", "1"]).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = ffmpeg.spawn().expect("ffmpeg runs");
    let mut stdin = child.stdin.take().expect("piped");
    // A copy that ends early closes its input; what counts is what came out.
    let feeder = std::thread::spawn(move || stdin.write_all(&input).ok());
    let mut output = Vec::new();
    child.stdout.take().expect("piped").read_to_end(&mut output).expect("a pipe can be read");
    feeder.join().expect("the feeder does not panic");
    assert!(child.wait().is_ok_and(|status| status.success()), "ffmpeg {args:?}");
    output
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}
