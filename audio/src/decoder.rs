//! Decoding, seen from the parent: a pool of warm children, and ffmpeg for what they do not know.
//!
//! Invariant: a request ends in a result or one typed fault, and whatever a file does to its child,
//! no other request notices.

mod fault;
mod foreign;
mod patient;
mod pool;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::fault::{check, of_path};
use self::pool::Pool;
use super::limits::Limits;
use super::wire::{End, Head, Kind};
use crate::fault::Fault;
use crate::media::Media;
use crate::units::{Seconds, Span};

/// What decoding one file may cost.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Of a child: resident memory, CPU time of the longest file, and how long it may stay silent
    /// while the parent waits for it.
    pub child: Limits,
    /// Longest audio in seconds.
    pub max_seconds: f64,
    /// Most channels.
    pub max_channels: u16,
    /// Highest rate in Hz.
    pub max_rate: u32,
}

impl Default for DecodeLimits {
    /// 256 MiB, 300 s of CPU, 30 s of silence, 12 h of audio, 16 channels, 768 kHz.
    fn default() -> Self {
        Self {
            child: Limits { memory_bytes: 256 << 20, cpu: Duration::from_secs(300), wall: Duration::from_secs(30) },
            max_seconds: 12.0 * 3600.0,
            max_channels: 16,
            max_rate: 768_000,
        }
    }
}

/// A span at the file's own rate and channels.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanPcm {
    /// Hz.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// Interleaved samples, full scale at ±1.
    pub samples: Vec<f32>,
    /// Where the first sample sounds, from the start of the file: the wanted start, rounded to a
    /// sample.
    pub start: Seconds,
}

/// Decodes foreign files in child processes. Cheap to clone; clones share the children.
#[derive(Clone)]
pub struct Decoder(Arc<Pool>);

impl Decoder {
    /// Children are started, when first needed, as `program args...`; that must end in
    /// [`super::child::child_main`].
    pub fn new(program: PathBuf, args: Vec<String>, limits: DecodeLimits) -> Self {
        Self(Arc::new(Pool::new(program, args, limits)))
    }

    /// Streams a file as 16 kHz mono to `sink`, block by block as it is decoded; memory does not
    /// grow with the file's length. Sample `k` sounds `k / 16000` s after the start of the file as
    /// players and ffmpeg show it. On `Break` the rest is dropped and `samples` counts what was
    /// decoded until then.
    ///
    /// Errors: `decode.missing`, `.unreadable`, `.not_a_file`, `.empty` (before any child is
    /// asked); `.no_audio` (nothing in it can be decoded), `.too_long`, `.channels`, `.rate` (beyond
    /// the limits), `.memory`, `.timeout`, `.crashed` (the child died of the file); and, worth
    /// trying again, `.killed`, `.start`.
    pub fn decode(&self, path: &Path, sink: &mut dyn FnMut(&[i16]) -> ControlFlow<()>) -> Result<Media, Fault> {
        check(path)?;
        let mut samples = Vec::new();
        let mut on_frame = |kind: Kind, payload: &[u8]| {
            if kind != Kind::Pcm16 {
                return ControlFlow::Continue(());
            }
            samples.clear();
            samples.extend(payload.as_chunks().0.iter().map(|&bytes| i16::from_ne_bytes(bytes)));
            sink(&samples)
        };
        match self.0.ask(Kind::Decode, Span::default(), path, &mut on_frame)? {
            End::Media(media) => Ok(*media),
            End::Fault(fault) => Err(of_path(*fault, path)),
            End::Refused(why) => foreign::decode(path, &self.0.limits, &why, sink),
        }
    }

    /// A span at the file's own rate and channels, on the time line of [`decode`](Self::decode).
    /// It is shorter than asked where the file ends.
    ///
    /// Errors: those of `decode`, and `decode.span` where the file ends before the span begins.
    pub fn span(&self, path: &Path, span: Span) -> Result<SpanPcm, Fault> {
        check(path)?;
        let (mut head, mut samples) = (None, Vec::new());
        let mut on_frame = |kind: Kind, payload: &[u8]| {
            match kind {
                Kind::Head => head = serde_json::from_slice::<Head>(payload).ok(),
                _ => samples.extend(payload.as_chunks().0.iter().map(|&bytes| f32::from_ne_bytes(bytes))),
            }
            ControlFlow::Continue(())
        };
        let end = self.0.ask(Kind::Span, span, path, &mut on_frame)?;
        match (end, head) {
            (End::Media(_), Some(Head { rate, channels, start })) => {
                Ok(SpanPcm { rate, channels, samples, start: Seconds(start) })
            }
            (End::Fault(fault), _) => Err(of_path(*fault, path)),
            (End::Refused(why), _) => foreign::span(path, span, &self.0.limits, &why),
            (End::Media(_), None) => Err(of_path(foreign::no_audio("the child sent no samples"), path)),
        }
    }

    /// A span as 16 kHz mono: the samples that [`decode`](Self::decode) gives there.
    ///
    /// Errors: as for `decode`; a span behind the end is empty.
    pub fn span_16k(&self, path: &Path, span: Span) -> Result<Vec<i16>, Fault> {
        check(path)?;
        let mut samples = Vec::new();
        let mut on_frame = |kind: Kind, payload: &[u8]| {
            if kind == Kind::Pcm16 {
                samples.extend(payload.as_chunks().0.iter().map(|&bytes| i16::from_ne_bytes(bytes)));
            }
            ControlFlow::Continue(())
        };
        match self.0.ask(Kind::Mono, span, path, &mut on_frame)? {
            End::Media(_) => Ok(samples),
            End::Fault(fault) => Err(of_path(*fault, path)),
            End::Refused(why) => foreign::span_16k(path, span, &self.0.limits, &why),
        }
    }
}
