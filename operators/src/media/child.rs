//! The decoder child: reads requests on standard input, writes audio on standard output.
//!
//! It limits itself before it touches a foreign byte. The parent cannot do that for it: the limit
//! of address space has to start from what the program itself maps, and hark maps gigabytes of
//! libtorch that it never touches here.
//!
//! Invariant: resident memory never exceeds the allowance, because address space beyond what was
//! mapped but not resident at the start is refused. CPU time is earned: a file gets a few seconds,
//! and more as audio comes out, so that a small bad file cannot spend what a long one needs.

use std::fs::File;
use std::io::{self, StdinLock, Write};
use std::ops::{ControlFlow, Range};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::mix::{Mixer, Weave};
use super::resample::quantise;
use super::source::{Bounds, Refusal, Source};
use super::wire::{self, Allowance, Done, End, Kind};
use crate::fault::Fault;
use crate::record::finding::Media;
use crate::units::{Samples, Span};

/// Samples per frame on the pipe: 4 s at 16 kHz.
const BLOCK: usize = 64 << 10;
/// CPU seconds that every file gets.
const FREE_CPU: u64 = 4;
/// Seconds of audio that earn one more CPU second: some ten times what the slowest codec needs.
const EARNING: f64 = 50.0;
/// File bytes that earn one more CPU second, for reading what is not audio.
const EARNING_BYTES: u64 = 64 << 20;

/// Serves requests until standard input ends. Call it first thing in `main`, before any thread.
pub fn child_main() -> ! {
    let code = match serve() {
        Ok(()) => 0,
        // The parent is gone or does not want us any more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            eprintln!("decoder child: {error}");
            1
        }
    };
    std::process::exit(code)
}

fn serve() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut payload = Vec::new();
    let mut allowance = None;
    let at_start = memory()?.1;
    // Standard output's own buffering looks for line ends in audio.
    let mut pipe = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    while let Some(kind) = wire::read(&mut input, &mut payload)? {
        match kind {
            Kind::Limits => {
                let given: Allowance = serde_json::from_slice(&payload)?;
                limit_memory(given.memory_bytes)?;
                allowance = Some(given);
            }
            Kind::Decode | Kind::Span | Kind::Mono => {
                let allowance = allowance.ok_or(io::ErrorKind::InvalidData)?;
                let (span, path) = wire::parse_request(&payload).ok_or(io::ErrorKind::InvalidData)?;
                let cpu = Cpu::start(&path, allowance.cpu_seconds)?;
                let mut output = Output::new(&mut input, &mut pipe, cpu);
                let end = match answer(kind, span, &path, allowance, &mut output) {
                    Ok(media) => End::Media(Box::new(media)),
                    Err(Stop::Refused(why)) => End::Refused(why),
                    Err(Stop::Fault(fault)) => End::Fault(fault),
                    Err(Stop::Pipe(error)) => return Err(error),
                };
                let done = Done { end, grown_bytes: memory()?.1.saturating_sub(at_start) };
                pipe.write_all(&wire::json(Kind::Done, &done))?;
            }
            // It came too late: the request had been answered.
            Kind::Cancel => {}
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(())
}

/// Why a request ends early.
enum Stop {
    Refused(String),
    Fault(Box<Fault>),
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

fn answer(kind: Kind, span: Span, path: &Path, allowance: Allowance, output: &mut Output<'_>) -> Result<Media, Stop> {
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

/// Samples on their way to the parent.
struct Output<'a> {
    input: &'a mut StdinLock<'static>,
    pipe: &'a mut File,
    cpu: Cpu,
    /// Which samples, counted from the start of the file, are wanted.
    window: Range<u64>,
    position: u64,
    ready: Vec<i16>,
    frame: Vec<u8>,
    /// Something has been sent.
    sent: bool,
    cancelled: bool,
}

impl<'a> Output<'a> {
    fn new(input: &'a mut StdinLock<'static>, pipe: &'a mut File, cpu: Cpu) -> Self {
        let (ready, frame) = (Vec::with_capacity(2 * BLOCK), Vec::with_capacity(2 * BLOCK + wire::HEADER));
        Self { input, pipe, cpu, window: 0..u64::MAX, position: 0, ready, frame, sent: false, cancelled: false }
    }

    /// Takes the next samples at 16 kHz.
    fn take(&mut self, samples: &[f32]) {
        let start = self.position;
        self.position += samples.len() as u64;
        let clip = |at: u64| (at.clamp(start, start + samples.len() as u64) - start) as usize;
        quantise(&samples[clip(self.window.start)..clip(self.window.end)], &mut self.ready);
    }

    /// Sends whole blocks; breaks when the parent has had enough.
    fn flush_full(&mut self, seconds: f64) -> io::Result<ControlFlow<()>> {
        if self.ready.len() >= BLOCK {
            self.flush()?;
            return self.earn(seconds);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> io::Result<()> {
        for block in self.ready.chunks(BLOCK) {
            self.sent = true;
            wire::open(&mut self.frame, Kind::Pcm16);
            self.frame.extend(block.iter().flat_map(|sample| sample.to_ne_bytes()));
            wire::seal(&mut self.frame);
            self.pipe.write_all(&self.frame)?;
        }
        self.ready.clear();
        Ok(())
    }

    /// Accounts for audio up to `seconds`, and looks whether the parent has had enough.
    fn earn(&mut self, seconds: f64) -> io::Result<ControlFlow<()>> {
        self.cpu.earn(seconds)?;
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut asked = [PollFd::new(&self.input, PollFlags::IN)];
        if poll(&mut asked, Some(&now))? > 0 {
            match wire::read(self.input, &mut Vec::new())? {
                Some(Kind::Cancel) => self.cancelled = true,
                Some(_) => return Err(io::ErrorKind::InvalidData.into()),
                None => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        Ok(if self.cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn weave(&mut self, weave: &mut Weave, rate: u32, planes: &[Vec<f32>], range: Range<usize>) -> io::Result<()> {
        if let Some(head) = weave.head() {
            self.pipe.write_all(&wire::json(Kind::Head, &head))?;
        }
        weave.push(rate, planes, range);
        if weave.waiting() >= BLOCK { self.send(weave) } else { Ok(()) }
    }

    fn weave_rest(&mut self, weave: &mut Weave) -> io::Result<()> {
        weave.finish();
        self.send(weave)
    }

    fn send(&mut self, weave: &mut Weave) -> io::Result<()> {
        for block in weave.take().chunks(BLOCK) {
            wire::open(&mut self.frame, Kind::Pcm32);
            self.frame.extend(block.iter().flat_map(|sample| sample.to_ne_bytes()));
            wire::seal(&mut self.frame);
            self.pipe.write_all(&self.frame)?;
        }
        Ok(())
    }
}

/// The CPU seconds that the running request may use, as the kernel enforces them.
struct Cpu {
    start: u64,
    most: u64,
    limit: u64,
}

impl Cpu {
    fn start(path: &Path, most: u64) -> io::Result<Self> {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let start = used.tv_sec as u64 + u64::from(used.tv_nsec > 0);
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        let mut this = Self { start: start + bytes / EARNING_BYTES, most: start + most, limit: 0 };
        this.earn(0.0)?;
        Ok(this)
    }

    fn earn(&mut self, seconds: f64) -> io::Result<()> {
        let limit = (self.start + FREE_CPU + (seconds / EARNING) as u64).min(self.most);
        if limit > self.limit {
            self.limit = limit;
            // The soft limit is enough: nobody here catches SIGXCPU.
            let maximum = getrlimit(Resource::Cpu).maximum;
            setrlimit(Resource::Cpu, Rlimit { current: Some(limit), maximum })?;
        }
        Ok(())
    }
}

/// Limits address space so that at most `resident` bytes can ever be resident.
fn limit_memory(resident: u64) -> io::Result<()> {
    let (mapped, now) = memory()?;
    let limit = Some(mapped.saturating_sub(now).saturating_add(resident));
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit })?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// Mapped and resident bytes of this process.
fn memory() -> io::Result<(u64, u64)> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let mut pages = statm.split(' ').map_while(|field| field.parse::<u64>().ok());
    let page = rustix::param::page_size() as u64;
    let mut next = || pages.next().map(|count| count * page).ok_or(io::ErrorKind::InvalidData);
    Ok((next()?, next()?))
}
