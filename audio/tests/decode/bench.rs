//! What all decoding tests stand on: the material, a decoder, ffmpeg as the reference.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hark_audio::decoder::{DecodeLimits, Decoder};
use hark_audio::fault::Fault;
use hark_audio::media::Media;

/// Folder `name` of the shared test material, or `None` (said loudly) where it is absent.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HARK_SHARED_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: ../shared/data is absent");
    None
}

/// Files of a folder of the material, in order of name, without labels and notes.
pub fn media_files(folder: &Path) -> Vec<PathBuf> {
    const NOT_MEDIA: [&str; 6] = ["json", "txt", "csv", "segments", "rttm", "md"];
    let mut files: Vec<PathBuf> = folder
        .read_dir()
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| !NOT_MEDIA.iter().any(|other| extension == *other)))
        .collect();
    files.sort();
    files
}

pub fn decoder() -> Decoder {
    limited(DecodeLimits::default())
}

pub fn limited(limits: DecodeLimits) -> Decoder {
    Decoder::new(env!("CARGO_BIN_EXE_decode-child").into(), Vec::new(), limits)
}

/// The whole file at once.
pub fn decode(decoder: &Decoder, path: &Path) -> Result<(Media, Vec<i16>), Fault> {
    let mut samples = Vec::new();
    let media = decoder.decode(path, &mut |block| {
        samples.extend_from_slice(block);
        ControlFlow::Continue(())
    })?;
    Ok((media, samples))
}

/// Runs ffmpeg on the given arguments; its standard output, or nothing where it fails.
pub fn ffmpeg(args: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(args)
        .stderr(Stdio::null())
        .output()
        .expect("ffmpeg is part of the set-up");
    output.stdout
}

/// The reference: ffmpeg's decoding to 16 kHz mono.
pub fn reference(path: &Path) -> Vec<i16> {
    let path = path.to_str().expect("test material has plain names");
    let bytes = ffmpeg(&["-i", path, "-map", "0:a:0", "-ac", "1", "-ar", "16000", "-f", "s16le", "-"]);
    bytes.as_chunks().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect()
}

/// A folder for one test's files.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// By how many samples `ours` is late against `theirs` (negative: early), and how alike they are
/// there (1: equal up to loudness), over up to four loud stretches of a second; `None` where all is silence.
pub fn lag(ours: &[i16], theirs: &[i16], most: i64) -> Option<(i64, f64)> {
    let length = ours.len().min(theirs.len());
    let stretch = 16_000.min(length);
    let starts: Vec<usize> = (0..4).map(|n| (length - stretch) * n / 3).collect();
    let energy = |signal: &[i16]| signal.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>();
    let mut worst: Option<(i64, f64)> = None;
    for start in starts {
        let probe = &ours[start..start + stretch];
        let own = energy(probe);
        // Below -50 dBFS rounding and dither decide.
        if own / (stretch.max(1) as f64) < 10_000.0 {
            continue;
        }
        let found = (-most..=most)
            .filter_map(|shift| {
                let from = usize::try_from(start as i64 - shift).ok()?;
                let other = theirs.get(from..from + stretch)?;
                let dot: f64 = probe.iter().zip(other).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                Some((shift, dot / (own * energy(other)).sqrt().max(1.0)))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        if worst.is_none_or(|worst| found.0.abs() > worst.0.abs() || (found.0 == worst.0 && found.1 < worst.1)) {
            worst = Some(found);
        }
    }
    worst
}
