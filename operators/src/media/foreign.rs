//! What the decoder child does not know (HE-AAC, WMA, AC-3, ...), by ffmpeg.
//!
//! ffmpeg reads hundreds of formats, some of which open other files and network addresses; it is
//! held to single-file audio formats and to the `file` protocol, and to the limits of a child. Its
//! address space holds some 300 MiB of libraries, so what is limited is memory it can write to.
//!
//! Invariant: as for the child: a result or one typed fault.

use std::io::Read;
use std::ops::{ControlFlow, Range};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use super::decoder::{DecodeLimits, Patient, SpanPcm, death, of_path};
use super::limits::Limits;
use super::source::marks::tidy;
use crate::fault::Fault;
use crate::record::finding::Media;
use crate::record::piece::Chapter;
use crate::units::{Samples, Seconds, Span};

/// Demuxers that read one file and nothing else.
const FORMATS: &str = "aac,ac3,aiff,amr,ape,asf,asf_o,au,avi,caf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,\
                       mpc8,mpeg,mpegts,ogg,rm,tak,tta,w64,wav,wv,xwma";
/// Address space that ffmpeg's libraries take beside its own memory.
const LIBRARIES: u64 = 1 << 30;
/// Bytes per read of ffmpeg's output.
const BLOCK: usize = 128 << 10;

/// As [`super::decoder::Decoder::decode`]; `refused` is why the child did not do it.
pub(super) fn decode(
    path: &Path,
    limits: &DecodeLimits,
    refused: &str,
    sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
) -> Result<Media, Fault> {
    let found = probe(path, limits, refused)?;
    let mut command = ffmpeg(path, limits);
    command.args(["-ac", "1", "-ar", "16000", "-f", "s16le", "pipe:1"]);
    let (mut samples, mut count) = (Vec::new(), 0u64);
    let most = (limits.max_seconds * 16_000.0) as u64;
    let said = run(command, path, limits, &mut |bytes| {
        samples.clear();
        samples.extend(bytes.as_chunks().0.iter().map(|&pair| i16::from_ne_bytes(pair)));
        count += samples.len() as u64;
        if count > most { ControlFlow::Break(()) } else { sink(&samples) }
    })?;
    if count == 0 {
        return Err(of_path(refusal(refused, &said), path));
    }
    if count > most {
        let message = format!("more than {:.0} s of audio", limits.max_seconds);
        let remedy = "publish ordinary audio, or raise the decoder's limit";
        return Err(of_path(Fault::poison("decode", "too_long", message, remedy), path));
    }
    let mut media = found.media();
    media.samples = Samples(count);
    media.warnings.extend(said.lines().next().map(|line| format!("ffmpeg: {}", without_address(line))));
    Ok(media)
}

/// As [`super::decoder::Decoder::span`].
pub(super) fn span(path: &Path, span: Span, limits: &DecodeLimits, refused: &str) -> Result<SpanPcm, Fault> {
    let media = probe(path, limits, refused)?.media();
    let rate = f64::from(media.sample_rate);
    let frame = |time: Seconds| (time.0 * rate).round().max(0.0) as u64;
    let (from, to) = (frame(span.start), frame(span.end));
    let mut command = ffmpeg(path, limits);
    command.args(["-f", "f32le", "pipe:1"]);
    let channels = u64::from(media.channels);
    let bytes = cut(command, path, limits, 4 * channels * from..4 * channels * to)?;
    if bytes.is_empty() {
        let message = format!("no audio at {:.1} s", span.start.0);
        let remedy = "choose a span inside the file";
        return Err(of_path(Fault::poison("decode", "span", message, remedy), path));
    }
    Ok(SpanPcm {
        rate: media.sample_rate,
        channels: media.channels,
        samples: bytes.as_chunks().0.iter().map(|&word| f32::from_ne_bytes(word)).collect(),
        start: Seconds(from as f64 / rate),
    })
}

/// As [`super::decoder::Decoder::span_16k`].
pub(super) fn span_16k(path: &Path, span: Span, limits: &DecodeLimits, refused: &str) -> Result<Vec<i16>, Fault> {
    probe(path, limits, refused)?;
    let mut command = ffmpeg(path, limits);
    command.args(["-ac", "1", "-ar", "16000", "-f", "s16le", "pipe:1"]);
    let (from, to) = (span.start.samples().0, span.end.samples().0);
    let bytes = cut(command, path, limits, from.saturating_mul(2)..to.saturating_mul(2))?;
    Ok(bytes.as_chunks().0.iter().map(|&pair| i16::from_ne_bytes(pair)).collect())
}

/// Some bytes of what ffmpeg decodes from the start of the file: no other way of cutting is exact
/// to a sample for every format.
fn cut(command: Command, path: &Path, limits: &DecodeLimits, wanted: Range<u64>) -> Result<Vec<u8>, Fault> {
    let (mut taken, mut at) = (Vec::new(), 0);
    run(command, path, limits, &mut |bytes| {
        let end = at + bytes.len() as u64;
        let (from, to) = (wanted.start.clamp(at, end) - at, wanted.end.clamp(at, end) - at);
        taken.extend_from_slice(bytes.get(from as usize..to as usize).unwrap_or_default());
        at = end;
        if at < wanted.end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(taken)
}

/// The fault of a file that nobody can decode.
pub(super) fn no_audio(why: &str) -> Fault {
    let message = format!("holds no audio that can be decoded: {why}");
    Fault::poison("decode", "no_audio", message, "see that the address gives an audio file, and publish it again")
}

fn refusal(refused: &str, said: &str) -> Fault {
    let mut fault = no_audio(refused);
    fault.chain.extend(said.lines().take(3).map(|line| format!("ffmpeg: {}", without_address(line))));
    fault
}

/// ffmpeg names its parts by where they lie in memory (`[mp3 @ 0x55df...]`): the same file would
/// have another outcome each time.
fn without_address(line: &str) -> String {
    match line.split_once(" @ 0x") {
        Some((part, rest)) => format!("{part}{}", rest.trim_start_matches(|c: char| c.is_ascii_hexdigit())),
        None => line.to_owned(),
    }
}

fn ffmpeg(path: &Path, limits: &DecodeLimits) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-threads", "1", "-filter_threads", "1"]);
    input(&mut command, path, limits);
    command.args(["-map", "0:a:0", "-vn", "-sn", "-dn"]);
    command
}

/// The input file under the limits of a child.
fn input(command: &mut Command, path: &Path, limits: &DecodeLimits) {
    command.args(["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i"]);
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let memory = limits.child.memory_bytes;
    Limits { memory_bytes: memory + LIBRARIES, ..limits.child }.apply(command);
    // SAFETY: setrlimit is async-signal-safe and touches nothing of the parent.
    unsafe {
        command.pre_exec(move || rlimit::setrlimit(rlimit::Resource::DATA, memory, memory));
    }
}

/// Runs ffmpeg and hands on its output in even pieces; returns what it complained about.
fn run(
    mut command: Command,
    path: &Path,
    limits: &DecodeLimits,
    sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<String, Fault> {
    let mut child = Reaped(command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        let message = format!("{program}, which knows more formats, does not start: {error}");
        of_path(Fault::poison("decode", "no_ffmpeg", message, "install ffmpeg"), path).caused_by(&error)
    })?);
    let mut stdout = child.0.stdout.take().expect("piped");
    let stderr = child.0.stderr.take().expect("piped");
    // Complaints are drained beside the audio, lest ffmpeg wait for a reader of them.
    let complaints = std::thread::spawn(move || {
        let (mut first, mut stderr) = (Vec::new(), stderr);
        let kept = stderr.by_ref().take(8 << 10).read_to_end(&mut first);
        let rest = std::io::copy(&mut stderr, &mut std::io::sink());
        (kept.is_ok() && rest.is_ok()).then(|| String::from_utf8_lossy(&first).trim().to_string())
    });
    let mut buffer = vec![0; BLOCK];
    let mut have = 0;
    let finished = loop {
        let mut patient = Patient { stream: &mut stdout, left: limits.child.wall };
        match patient.read(&mut buffer[have..]) {
            Ok(0) => break true,
            Ok(more) => have += more,
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                let silence = limits.child.wall.as_secs_f64();
                let message = format!("no sign of life from ffmpeg for {silence:.0} s");
                let remedy = "encode the file again; it keeps the decoder busy without end";
                return Err(of_path(Fault::poison("decode", "timeout", message, remedy), path));
            }
            Err(_) => break false,
        }
        let even = have / 4 * 4;
        let stop = sink(&buffer[..even]).is_break();
        buffer.copy_within(even..have, 0);
        have -= even;
        if stop {
            break false;
        }
    };
    if finished && have > 0 {
        // s16 may end on half a word.
        let _ = sink(&buffer[..have]);
    }
    if !finished {
        return Ok(String::new());
    }
    let status = child.0.wait().ok();
    let said = complaints.join().ok().flatten().unwrap_or_default();
    if status.is_some_and(|status| status.code().is_none()) {
        return Err(of_path(death(status, &said, limits), path));
    }
    Ok(said)
}

/// A child that does not outlive its owner.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // It may be dead already; either way it is reaped here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What ffprobe finds, as far as it is used.
#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    streams: Vec<FoundStream>,
    #[serde(default)]
    chapters: Vec<FoundChapter>,
    format: Option<FoundFormat>,
}

#[derive(Deserialize)]
struct FoundStream {
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    sample_rate: String,
    #[serde(default)]
    channels: u16,
}

#[derive(Deserialize)]
struct FoundChapter {
    start_time: String,
    #[serde(default)]
    tags: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct FoundFormat {
    format_name: String,
    #[serde(default)]
    tags: serde_json::Map<String, serde_json::Value>,
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

impl Found {
    fn media(self) -> Media {
        let stream = self.streams.into_iter().next();
        let format = self.format;
        let chapters = self.chapters.iter().filter_map(|chapter| {
            let title = chapter.tags.get("title").map(text).unwrap_or_default();
            Some(Chapter { start: Seconds(chapter.start_time.parse().ok()?), title })
        });
        let codec = stream.as_ref().map(|stream| match &stream.profile[..] {
            profile if profile.starts_with("HE-AAC") => profile.to_lowercase(),
            _ => stream.codec_name.clone(),
        });
        Media {
            container: format.as_ref().map(|format| format.format_name.clone()).unwrap_or_default(),
            codec: codec.unwrap_or_default(),
            sample_rate: stream.as_ref().and_then(|stream| stream.sample_rate.parse().ok()).unwrap_or(0),
            channels: stream.map_or(0, |stream| stream.channels),
            samples: Samples(0),
            chapters: tidy(chapters.collect()),
            tags: format
                .map(|format| format.tags.iter().take(200).map(|(key, value)| (key.clone(), text(value))).collect())
                .unwrap_or_default(),
            warnings: Vec::new(),
        }
    }
}

/// What ffprobe says about a file that holds audio within the limits.
fn probe(path: &Path, limits: &DecodeLimits, refused: &str) -> Result<Found, Fault> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-print_format", "json", "-select_streams", "a:0"]);
    command.args(["-show_streams", "-show_chapters", "-show_format"]);
    input(&mut command, path, limits);
    let mut json = Vec::new();
    let said = run(command, path, limits, &mut |bytes| {
        json.extend_from_slice(bytes);
        if json.len() > 8 << 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let found = serde_json::from_slice::<Found>(&json).ok().filter(|found| !found.streams.is_empty());
    let found = found.ok_or_else(|| of_path(refusal(refused, &said), path))?;
    let fault = |code: &str, message| {
        let remedy = "publish ordinary audio, or raise the decoder's limit";
        of_path(Fault::poison("decode", code, message, remedy), path)
    };
    let stream = &found.streams[0];
    let rate = stream.sample_rate.parse().unwrap_or(0);
    if stream.channels == 0 || rate == 0 {
        return Err(of_path(refusal(refused, &said), path));
    }
    if stream.channels > limits.max_channels {
        return Err(fault("channels", format!("{} channels, more than {}", stream.channels, limits.max_channels)));
    }
    if rate > limits.max_rate {
        return Err(fault("rate", format!("{rate} Hz, more than {} Hz", limits.max_rate)));
    }
    Ok(found)
}
