//! The three requests: a whole file, a span as 16 kHz mono, a span as it is.

use std::io;
use std::path::Path;

use super::output::Output;
use crate::fault::Fault;
use crate::media::Media;
use crate::mix::{Mixer, Weave};
use crate::source::{Bounds, Refusal, Source};
use crate::units::{Samples, Span};
use crate::wire::{Allowance, Kind};

/// Why a request ends early.
pub(super) enum Stop {
    /// Not a file for these decoders.
    Refused(String),
    /// The file is at fault.
    Fault(Box<Fault>),
    /// The parent is gone.
    Pipe(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Pipe(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown(why) => Self::Refused(why),
            Refusal::Limit(code, message) => fault(code, message),
        }
    }
}

fn fault(code: &str, message: String) -> Stop {
    let remedy = "publish ordinary audio, or raise the decoder's limit";
    Stop::Fault(Box::new(Fault::poison("decode", code, message, remedy)))
}

/// Answers a request; the media is what was found until the parent had enough.
pub(super) fn answer(
    kind: Kind,
    span: Span,
    path: &Path,
    allowance: Allowance,
    output: &mut Output<'_>,
) -> Result<Media, Stop> {
    let bounds = Bounds { max_channels: allowance.max_channels, max_rate: allowance.max_rate };
    let mut source = Source::open(path, bounds, kind != Kind::Span)?;
    match kind {
        Kind::Decode => whole(&mut source, allowance.max_seconds, output)?,
        Kind::Mono => mono_span(&mut source, span, output)?,
        _ => own_span(&mut source, span, output)?,
    }
    if kind == Kind::Decode && !output.sent && (output.position == 0 || source.mostly_damaged()) {
        // Perhaps misunderstood: another decoder may hear something.
        let (_, _, warnings) = source.finish();
        return Err(Stop::Refused(format!("nothing could be decoded ({})", warnings.join("; "))));
    }
    output.flush()?;
    let (container, codec) = source.names();
    let (sample_rate, channels, samples) = (source.rate(), source.channels(), Samples(output.position));
    let (chapters, tags, warnings) = source.finish();
    Ok(Media { container, codec, sample_rate, channels, samples, chapters, tags, warnings })
}

/// The whole file as 16 kHz mono.
fn whole(source: &mut Source, max_seconds: f64, output: &mut Output<'_>) -> Result<(), Stop> {
    let mut mixer = Mixer::default();
    while let Some(stretch) = source.next()? {
        mixer.push(stretch.rate, stretch.planes, stretch.range, &mut |ready| output.take(ready));
        let seconds = source.seconds();
        if seconds > max_seconds {
            let message = format!("more than {max_seconds:.0} s of audio");
            return Err(fault("too_long", message));
        }
        if output.flush_full(seconds)?.is_break() {
            return Ok(());
        }
    }
    mixer.finish(&mut |ready| output.take(ready));
    Ok(())
}

/// A span as 16 kHz mono, sample by sample where decoding the whole file puts it.
fn mono_span(source: &mut Source, span: Span, output: &mut Output<'_>) -> Result<(), Stop> {
    /// The resampler wants a run-up of half its filter.
    const RUN_UP: f64 = 0.25;
    let start = span.start.samples().0;
    output.window = start..span.end.samples().0.max(start);
    source.skip_to(span.start.0 - RUN_UP - 1.0)?;
    let mut mixer = Mixer::default();
    let mut run_up = None;
    while output.position < output.window.end {
        let Some(stretch) = source.next()? else { break };
        let seconds = stretch.before + stretch.begins as f64 / f64::from(stretch.rate);
        let from = *run_up.get_or_insert_with(|| {
            let start = ((span.start.0 - RUN_UP - stretch.before) * f64::from(stretch.rate)).max(0.0) as u64;
            let (start, position) = on_both_grids(start, stretch.rate);
            output.position = position + (stretch.before * 16_000.0).round() as u64;
            start
        });
        let skipped = from.saturating_sub(stretch.begins).min(stretch.range.len() as u64) as usize;
        run_up = Some(if skipped < stretch.range.len() { 0 } else { from });
        let range = stretch.range.start + skipped..stretch.range.end;
        mixer.push(stretch.rate, stretch.planes, range, &mut |ready| output.take(ready));
        if output.flush_full(seconds)?.is_break() {
            return Ok(());
        }
    }
    mixer.finish(&mut |ready| output.take(ready));
    Ok(())
}

/// The last sample at or before `start` that falls on a sample at 16 kHz too, and which that is.
fn on_both_grids(start: u64, rate: u32) -> (u64, u64) {
    let (mut a, mut b) = (u64::from(rate), 16_000);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let step = u64::from(rate) / a;
    (start / step * step, start / step * (16_000 / a))
}

/// A span at the file's own rate and channels.
fn own_span(source: &mut Source, span: Span, output: &mut Output<'_>) -> Result<(), Stop> {
    source.skip_to(span.start.0)?;
    let mut weave = None;
    while let Some(stretch) = source.next()? {
        if stretch.range.is_empty() {
            continue;
        }
        let rate = f64::from(stretch.rate);
        let at = |seconds: f64| ((seconds - stretch.before) * rate).round().max(0.0) as u64;
        let (from, to) = (at(span.start.0).max(stretch.begins), at(span.end.0));
        let end = stretch.begins + stretch.range.len() as u64;
        if from >= end {
            continue;
        }
        if to <= from {
            break;
        }
        let inside = |frame: u64| stretch.range.start + (frame - stretch.begins) as usize;
        let range = inside(from)..inside(to.min(end));
        let start = stretch.before + from as f64 / rate;
        let weave = weave.get_or_insert_with(|| Weave::new(stretch.rate, stretch.planes.len(), start));
        output.weave(weave, stretch.rate, stretch.planes, range)?;
        if output.earn(start)?.is_break() {
            return Ok(());
        }
        if to <= end {
            break;
        }
    }
    match weave {
        Some(mut weave) => Ok(output.weave_rest(&mut weave)?),
        None => {
            let message = format!("no audio at {:.1} s: the file ends at {:.1} s", span.start.0, source.seconds());
            Err(fault("span", message))
        }
    }
}
