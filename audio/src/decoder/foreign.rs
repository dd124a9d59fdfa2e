//! What the decoder child does not know, by ffmpeg: HE-AAC, WMA, AC-3, Matroska whose chapters have
//! no edition id, ...
//!
//! Invariant: as for the child: a result or one typed fault.

mod probe;
mod process;

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::process::Command;

use self::probe::probe;
use self::process::{input, run};
use super::fault::of_path;
use super::{DecodeLimits, SpanPcm};
use crate::fault::Fault;
use crate::media::Media;
use crate::units::{Samples, Seconds, Span};

/// As [`super::Decoder::decode`]; `refused` is why the child did not do it.
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

/// As [`super::Decoder::span`].
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

/// As [`super::Decoder::span_16k`].
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
