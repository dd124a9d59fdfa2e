//! Episodes to measure on: an hour of real talk with a real transcript, in several codecs.
//!
//! Made once from `../shared/data` (or from the examples, where that is absent) by ffmpeg, and
//! kept under `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// One episode on disk.
#[derive(Clone, Debug)]
pub struct Episode {
    /// Codec, for the table.
    pub name: &'static str,
    /// Its audio.
    pub audio: PathBuf,
    /// A transcript of about its length.
    pub transcript: PathBuf,
    /// Its length in seconds.
    pub seconds: f64,
}

/// File ending and ffmpeg's words for each codec, at what podcasts use.
const CODECS: [(&str, &str, &[&str]); 4] = [
    ("mp3", "mp3", &["-ar", "44100", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k"]),
    ("aac", "m4a", &["-ar", "44100", "-ac", "2", "-c:a", "aac", "-b:a", "128k"]),
    ("opus", "opus", &["-ar", "48000", "-ac", "2", "-c:a", "libopus", "-b:a", "64k"]),
    ("flac", "flac", &["-ar", "44100", "-ac", "2", "-c:a", "flac"]),
];

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

fn kept() -> PathBuf {
    root().join("target/bench-material")
}

/// The material that everything is made from, and a transcript
/// of about their length: 22 or 59 minutes.
fn sources(seconds: u32) -> (Vec<PathBuf>, PathBuf) {
    let shared = root().join("../shared/data");
    if shared.is_dir() {
        let talk = [
            "rfe-ep5_full-episode.m4a",
            "rfe-ep6_full-episode.m4a",
            "Weavercast__constructedlanguageascensorshipresistance.mp3",
        ];
        return (
            talk.iter().map(|name| shared.join("audio").join(name)).collect(),
            shared.join("transcripts").join(if seconds < 3000 { "syntax_101.srt" } else { "syntax_220.srt" }),
        );
    }
    eprintln!("../shared/data is absent: measuring on the examples");
    let examples = root().join("examples");
    (vec![examples.join("audio/small-wonders-1.mp3")], examples.join("transcripts/small-wonders-1.vtt"))
}

/// Episodes of `seconds`, one per codec.
///
/// # Errors
/// ffmpeg is missing or fails.
pub fn episodes(seconds: u32) -> Result<Vec<Episode>> {
    let (talk, transcript) = sources(seconds);
    let folder = kept();
    std::fs::create_dir_all(&folder)?;
    let list = folder.join("talk.txt");
    let looped: Vec<String> = (0..64).flat_map(|_| &talk).map(|path| format!("file '{}'\n", path.display())).collect();
    std::fs::write(&list, looped.concat())?;
    let pcm = folder.join(format!("talk-{seconds}.flac"));
    if !pcm.exists() {
        // Sources differ in codec and rate, so each is decoded by itself before they are joined.
        let mut parts = String::new();
        for (i, path) in talk.iter().enumerate() {
            let part = folder.join(format!("part-{i}.wav"));
            ffmpeg(&["-i", &path.to_string_lossy(), "-ar", "44100", "-ac", "2", &part.to_string_lossy()])?;
            parts.push_str(&format!("file '{}'\n", part.display()));
        }
        std::fs::write(&list, parts.repeat(64))?;
        ffmpeg(&[
            "-f",
            "concat",
            "-safe",
            "0",
            "-i",
            &list.to_string_lossy(),
            "-t",
            &seconds.to_string(),
            "-c:a",
            "flac",
            &pcm.to_string_lossy(),
        ])?;
    }
    CODECS
        .iter()
        .map(|(name, ending, options)| {
            let audio = folder.join(format!("talk-{seconds}s.{ending}"));
            if !audio.exists() {
                let mut args = vec!["-i".to_owned(), pcm.to_string_lossy().into_owned()];
                args.extend(options.iter().map(|option| (*option).to_owned()));
                args.push(audio.to_string_lossy().into_owned());
                ffmpeg(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
            }
            Ok(Episode { name, audio, transcript: transcript.clone(), seconds: f64::from(seconds) })
        })
        .collect()
}

fn ffmpeg(args: &[&str]) -> Result<()> {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(args)
        .status()
        .context("cannot start ffmpeg")?;
    ensure!(done.success(), "ffmpeg failed on {args:?}");
    Ok(())
}
