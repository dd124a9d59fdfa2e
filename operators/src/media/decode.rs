//! A media file as one line of audio: decoded, trimmed and gapless.
//!
//! ```text
//! demuxer ─▶ packets ─▶ look ahead ─▶ decoder ─▶ frames ─▶ keep what is presented ─▶ planes
//! ```
//!
//! Decoders give more than is to be heard: encoder delay, padding, pre-roll, what an edit list cuts.
//! All of it is cut here, in one place, so that a position means the same everywhere (and the same
//! as for ffmpeg, which listeners' players follow).
//!
//! Invariant: a packet counts for as many frames as its own header says, whether it is decoded,
//! damaged (silence) or skipped, so that a span found by skipping lies where decoding puts it.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::{Packet, PacketRef};
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::mpeg::Frames;
use super::packet::{self, OPUS_RATE};
use super::{mp4, mpeg, probe, sbr};
use crate::record::piece::Chapter;
use crate::units::MODEL_RATE;

/// Packets looked at before the first is decoded, to see whether AAC is HE-AAC.
const SBR_PACKETS: usize = 32;
/// End trims of more packets than this are not the end of a stream.
const MOST_TRIMMED: usize = 256;
/// Frames of silence that stand for damaged packets in a row, at most: 10 minutes at 48 kHz.
const MOST_SILENCE: u64 = 600 * 48_000;

/// Why a file gives no audio here.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// These decoders do not know it; others may.
    Unknown(String),
    /// It is beyond a limit: stable code, message.
    Limit(&'static str, String),
}

/// What a caller accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most channels.
    pub max_channels: u16,
    /// Highest rate in Hz.
    pub max_rate: u32,
}

/// The track that is decoded.
struct Stream {
    id: u32,
    codec: AudioCodecId,
    parameters: AudioCodecParameters,
    time_base: Option<TimeBase>,
    decoder: Box<dyn AudioDecoder>,
    /// Frames per second of the time line.
    rate: u32,
    channels: u16,
    /// Frames of the time line that are presented, in order.
    keep: Vec<Range<u64>>,
    /// Packets that begin before the end of a kept range are presented to their own end: what
    /// ffmpeg makes of an MP4 edit list.
    whole_packets: bool,
    /// Frames of the time line that packets have covered.
    covered: u64,
    gain: f32,
}

/// A file being decoded.
pub(crate) struct Source {
    format: Box<dyn FormatReader>,
    registry: CodecRegistry,
    bounds: Bounds,
    /// Decode Opus straight to 16 kHz mono.
    for_models: bool,
    movie: mp4::Movie,
    /// For MPEG audio, where the packets come from instead of `format`.
    frames: Option<Frames>,
    stream: Stream,
    ahead: VecDeque<Packet>,
    ended: bool,
    planes: Vec<Vec<f32>>,
    /// Frames presented since the rate last changed, and seconds before that.
    presented: u64,
    seconds_before: f64,
    packets: u64,
    damaged: u64,
    first_damage: f64,
    silence: u64,
    warnings: Vec<String>,
    /// Frames that the container promised, where its word is good.
    promised: Option<u64>,
    /// The parameters have changed on the way.
    changed: bool,
}

/// A stretch of presented audio: `planes[channel][range]` at `rate`, beginning `before` seconds and
/// `begins` samples after the start of the file.
pub(crate) struct Stretch<'a> {
    /// Hz.
    pub rate: u32,
    /// Seconds that were presented before the rate last changed.
    pub before: f64,
    /// Samples at `rate` that were presented since.
    pub begins: u64,
    /// One per channel, all of the same length.
    pub planes: &'a [Vec<f32>],
    /// The frames of `planes` to take.
    pub range: Range<usize>,
}

impl Source {
    /// Opens a file. With `for_models` Opus decodes straight to 16 kHz mono, at a third of the cost
    /// and with libopus' own band limit; other codecs come as they are.
    pub(crate) fn open(path: &Path, bounds: Bounds, for_models: bool) -> Result<Self, Refusal> {
        let format = probe::open(path).map_err(|error| Refusal::Unknown(error.to_string()))?;
        let registry = probe::registry();
        let movie = match format.format_info().short_name {
            "isomp4" => mp4::read(path),
            _ => mp4::Movie::default(),
        };
        let stream = Stream::choose(&*format, &registry, bounds, for_models, &movie)?;
        let promised = promised(&*format, stream.id);
        if format.format_info().short_name == "flac" && promised.is_none() {
            // Written as it came, without a length: such streams may change their parameters on the
            // way, and this demuxer drops all that differs from the start.
            return Err(Refusal::Unknown("FLAC without a length".into()));
        }
        let mut source = Self {
            promised,
            frames: None,
            format,
            registry,
            bounds,
            for_models,
            movie,
            stream,
            ahead: VecDeque::new(),
            ended: false,
            planes: Vec::new(),
            presented: 0,
            seconds_before: 0.0,
            packets: 0,
            damaged: 0,
            first_damage: 0.0,
            silence: 0,
            warnings: Vec::new(),
            changed: false,
        };
        source.refuse_sbr()?;
        if source.is_mpeg() {
            source.find_frames(path)?;
        }
        Ok(source)
    }

    /// Rate of the time line in Hz, as of now.
    pub(crate) fn rate(&self) -> u32 {
        self.stream.rate
    }

    /// Channels of the file, as of now.
    pub(crate) fn channels(&self) -> u16 {
        self.stream.channels
    }

    /// Container, codec.
    pub(crate) fn names(&self) -> (String, String) {
        let container = self.format.format_info().short_name.to_string();
        (container, probe::codec_name(self.stream.codec, &self.registry))
    }

    /// Whether most packets were no audio: then the file is not what it was taken for.
    pub(crate) fn mostly_damaged(&self) -> bool {
        self.damaged * 2 > self.packets
    }

    /// Seconds presented so far.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds_before + self.presented as f64 / f64::from(self.stream.rate)
    }

    /// The next stretch; empty stretches are possible, `None` is the end.
    pub(crate) fn next(&mut self) -> Result<Option<Stretch<'_>>, Refusal> {
        let Some(packet) = self.packet()? else { return Ok(None) };
        self.follow_header(&packet)?;
        let told = self.told(&packet);
        let decoded = self.decode(&packet, told);
        if self.planes.len() != usize::from(self.stream.channels) && !self.for_opus_models() {
            // A decoder that changes its layout without saying so.
            self.stream.channels = self.planes.len() as u16;
            self.changed = true;
        }
        let presented = self.presented;
        let range = self.present(told.unwrap_or(decoded), &packet);
        let divisor = if self.for_opus_models() { u64::from(OPUS_RATE / MODEL_RATE) } else { 1 };
        let length = self.planes.first().map_or(0, Vec::len);
        let range = ((range.start / divisor) as usize).min(length)..((range.end / divisor) as usize).min(length);
        let rate = self.stream.rate / divisor as u32;
        let begins = presented.div_ceil(divisor);
        Ok(Some(Stretch { rate, before: self.seconds_before, begins, planes: &self.planes, range }))
    }

    /// Passes over packets without decoding them, up to one that holds the time `target` (less a
    /// pre-roll that primes the decoder). Decodes where only that tells how long a packet is.
    pub(crate) fn skip_to(&mut self, target: f64) -> Result<(), Refusal> {
        while let Some(packet) = self.packet()? {
            self.follow_header(&packet)?;
            let told = self.told(&packet);
            let ends = self.seconds() + told.unwrap_or(u64::MAX) as f64 / f64::from(self.stream.rate);
            if told.is_none() || ends > target - self.preroll() {
                self.ahead.push_front(packet);
                return Ok(());
            }
            self.present(told.unwrap_or(0), &packet);
        }
        Ok(())
    }

    /// Chapter marks, tags and warnings; after the end.
    pub(crate) fn finish(mut self) -> (Vec<Chapter>, Vec<(String, String)>, Vec<String>) {
        if self.damaged > 0 {
            self.warnings.push(format!(
                "{} damaged packets, the first at {:.1} s, play as silence",
                self.damaged, self.first_damage
            ));
        }
        // A tenth of a second is less than any cut that a listener notices and more than any
        // container's rounding.
        if let Some(promised) = self.promised.filter(|_| !self.changed && self.ended) {
            let (have, said) = (self.seconds(), promised as f64 / f64::from(self.stream.rate));
            if have + 0.1 < said {
                self.warnings.push(format!("truncated after {have:.1} s of {said:.1} s"));
            }
        }
        let own = probe::chapters(&*self.format);
        let chapters = if own.is_empty() { probe::tidy(self.movie.chapters) } else { own };
        (chapters, probe::tags(&mut *self.format), self.warnings)
    }

    fn for_opus_models(&self) -> bool {
        self.for_models && self.stream.codec == CODEC_ID_OPUS
    }

    /// Seconds of packets to decode before a span so that the decoder's memory is right: MP3's bit
    /// reservoir and the overlaps of transforms; lossless codecs and PCM remember nothing.
    fn preroll(&self) -> f64 {
        1.0
    }

    fn told(&self, packet: &Packet) -> Option<u64> {
        // Matroska's durations are rounded to milliseconds.
        let time_base = self.stream.time_base.filter(|_| self.format.format_info().short_name != "matroska");
        packet::frames(self.stream.codec, packet, time_base, self.stream.rate)
    }

    /// The next packet of the track, with end trims only where the stream really ends.
    fn packet(&mut self) -> Result<Option<Packet>, Refusal> {
        let first = match self.ahead.pop_front() {
            Some(packet) => packet,
            None => match self.read()? {
                Some(packet) => packet,
                None => return Ok(None),
            },
        };
        if first.trim_end == Duration::ZERO || self.is_mpeg() {
            return Ok(Some(first));
        }
        // Ogg pages with odd time stamps look like an end in the middle of the stream.
        let mut tail = VecDeque::from([first]);
        tail.append(&mut self.ahead);
        let mut end = tail.iter().position(|packet| packet.trim_end == Duration::ZERO);
        while end.is_none() && tail.len() < MOST_TRIMMED {
            let Some(packet) = self.read()? else { break };
            end = (packet.trim_end == Duration::ZERO).then_some(tail.len());
            tail.push_back(packet);
        }
        if end.is_some() || tail.len() >= MOST_TRIMMED {
            for packet in tail.iter_mut().take(end.unwrap_or(usize::MAX)) {
                packet.dur = packet.dur.saturating_add(packet.trim_end);
                packet.trim_end = Duration::ZERO;
            }
        }
        let first = tail.pop_front();
        self.ahead = tail;
        Ok(first)
    }

    /// The next packet of the track from the demuxer.
    fn read(&mut self) -> Result<Option<Packet>, Refusal> {
        if let Some(frames) = &mut self.frames {
            return Ok(match frames.next() {
                Ok(Some((header, data))) => {
                    Some(Packet::new(self.stream.id, Timestamp::ZERO, Duration::new(header.frames), data))
                }
                Ok(None) => {
                    self.ended = true;
                    None
                }
                Err(error) => {
                    self.ended = true;
                    self.warnings.push(format!("stopped after {:.1} s: {error}", self.seconds()));
                    None
                }
            });
        }
        while !self.ended {
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.stream.id => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                Ok(None) => self.ended = true,
                Err(Error::ResetRequired) => self.chain()?,
                Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    self.ended = true;
                    if self.promised.is_none() {
                        self.warnings.push(format!("truncated after about {:.1} s", self.seconds()));
                    }
                }
                Err(error) => {
                    self.ended = true;
                    self.warnings.push(format!("stopped after {:.1} s: {error}", self.seconds()));
                }
            }
        }
        Ok(None)
    }

    /// A new stream begins in the same file (chained Ogg).
    fn chain(&mut self) -> Result<(), Refusal> {
        let next = Stream::choose(&*self.format, &self.registry, self.bounds, self.for_models, &self.movie)?;
        self.seconds_before = self.seconds();
        self.presented = 0;
        self.changed |= next.rate != self.stream.rate || next.channels != self.stream.channels;
        self.promised = None;
        self.stream = next;
        Ok(())
    }

    /// MPEG audio carries its parameters in every packet, and joined files change them (adverts
    /// inserted by a server). The decoder does not follow; a new one does.
    fn follow_header(&mut self, packet: &Packet) -> Result<(), Refusal> {
        let Some(header) = self.is_mpeg().then(|| mpeg::header(&packet.data)).flatten() else { return Ok(()) };
        if header.rate == self.stream.rate && header.channels == self.stream.channels {
            return Ok(());
        }
        let options = AudioDecoderOptions::default().gapless(false);
        self.stream.decoder = self
            .registry
            .make_audio_decoder(&self.stream.parameters, &options)
            .map_err(|error| Refusal::Unknown(error.to_string()))?;
        self.change(header.rate, header.channels);
        Ok(())
    }

    /// Takes MPEG audio's packets from our own reader of its frames.
    fn find_frames(&mut self, path: &Path) -> Result<(), Refusal> {
        let frames = Frames::open(path).map_err(|error| Refusal::Unknown(error.to_string()))?;
        let frames = frames.ok_or_else(|| Refusal::Unknown("no frames of MPEG audio in a row".into()))?;
        let (first, info) = (frames.first(), frames.info());
        self.stream.rate = first.rate;
        self.stream.channels = first.channels;
        self.stream.keep = keep_gapless(info);
        self.promised = info.samples.map(|samples| samples.saturating_sub(info.delay + info.padding));
        self.frames = Some(frames);
        Ok(())
    }

    fn change(&mut self, rate: u32, channels: u16) {
        if rate != self.stream.rate {
            self.seconds_before = self.seconds();
            self.presented = 0;
            self.stream.rate = rate;
        }
        self.stream.channels = channels;
        self.changed = true;
    }

    fn is_mpeg(&self) -> bool {
        // Layer 1 has no frames that our reader takes, and so is left to others.
        matches!(self.stream.codec, CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3)
    }

    /// Decodes a packet into `planes`, as many frames as `told` where that is known; returns how
    /// many frames of the time line that is.
    fn decode(&mut self, packet: &Packet, told: Option<u64>) -> u64 {
        let scale = if self.for_opus_models() { u64::from(OPUS_RATE / MODEL_RATE) } else { 1 };
        // Trims are ours: the decoder must not cut.
        let whole = PacketRef::new(packet.track_id, packet.pts, packet.block_dur(), &packet.data);
        let at = self.seconds();
        self.packets += 1;
        match self.stream.decoder.decode_ref(&whole) {
            Ok(buffer) => {
                let rate = buffer.spec().rate();
                copy(&buffer, &mut self.planes);
                if rate != self.stream.rate && scale == 1 && rate > 0 && rate <= self.bounds.max_rate {
                    self.change(rate, self.planes.len() as u16);
                }
                self.silence = 0;
            }
            Err(_) => {
                self.damaged += 1;
                if self.damaged == 1 {
                    self.first_damage = at;
                }
                self.silence += told.unwrap_or(0);
                let silent = if self.silence > MOST_SILENCE { 0 } else { told.unwrap_or(0) / scale };
                let channels = if scale > 1 { 1 } else { usize::from(self.stream.channels) };
                self.planes.resize_with(channels, Vec::new);
                for plane in &mut self.planes {
                    plane.clear();
                    plane.resize(silent as usize, 0.0);
                }
            }
        }
        if self.stream.gain != 1.0 {
            self.planes.iter_mut().flatten().for_each(|sample| *sample *= self.stream.gain);
        }
        if let Some(told) = told {
            for plane in &mut self.planes {
                plane.resize((told / scale) as usize, 0.0);
            }
        }
        self.planes.first().map_or(0, Vec::len) as u64 * scale
    }

    /// Advances the time line by a packet of `frames` and returns which of them are presented.
    fn present(&mut self, frames: u64, packet: &Packet) -> Range<u64> {
        let start = self.stream.covered;
        self.stream.covered += frames;
        let (mut from, mut to) = (start, self.stream.covered);
        if !self.is_mpeg() {
            from += packet.trim_start.get().min(frames);
            to = to.saturating_sub(packet.trim_end.get()).max(from);
        }
        // Edits are longer than packets, so one packet meets at most one edge of each.
        let whole = self.stream.whole_packets;
        let kept = self.stream.keep.iter().map(|keep| {
            let inside = keep.start.max(from)..keep.end.min(to);
            if whole && inside.start < inside.end { inside.start..to } else { inside }
        });
        let kept = kept.filter(|kept| kept.start < kept.end).reduce(|a, b| a.start..b.end).unwrap_or(from..from);
        self.presented += kept.end - kept.start;
        kept.start - start..kept.end - start
    }

    /// Refuses AAC whose packets carry spectral band replication.
    fn refuse_sbr(&mut self) -> Result<(), Refusal> {
        if self.stream.codec != CODEC_ID_AAC {
            return Ok(());
        }
        while self.ahead.len() < SBR_PACKETS {
            let Some(packet) = self.read()? else { break };
            self.ahead.push_back(packet);
        }
        let with = self.ahead.iter().filter(|packet| sbr::looks_like_sbr(&packet.data)).count();
        if with * 4 > self.ahead.len() {
            return Err(Refusal::Unknown("HE-AAC (spectral band replication)".into()));
        }
        Ok(())
    }
}

impl Stream {
    fn choose(
        format: &dyn FormatReader,
        registry: &CodecRegistry,
        bounds: Bounds,
        for_models: bool,
        movie: &mp4::Movie,
    ) -> Result<Self, Refusal> {
        let unknown = |error: &dyn std::fmt::Display| Refusal::Unknown(error.to_string());
        let (id, mut parameters) = probe::audio_track(format).ok_or_else(|| unknown(&"no audio track"))?;
        let track = format.tracks().iter().find(|track| track.id == id);
        let codec = parameters.codec;
        let head = parameters.extra_data.clone().filter(|_| codec == CODEC_ID_OPUS);
        let head = head.as_deref().and_then(opus_head).unwrap_or_default();
        if codec == CODEC_ID_OPUS {
            let channels = parameters.channels.as_ref().map_or(0, |channels| channels.count());
            if channels > 2 {
                return Err(unknown(&"Opus with more than two channels"));
            }
            // The adapter would cut the pre-skip off the first packet only.
            parameters.extra_data = None;
            parameters.with_sample_rate(OPUS_RATE);
        }
        let channels = parameters.channels.as_ref().map_or(0, |channels| channels.count());
        let rate = parameters.sample_rate.unwrap_or(0);
        if for_models && codec == CODEC_ID_OPUS {
            parameters.with_sample_rate(MODEL_RATE).with_channels(symphonia::core::audio::layouts::CHANNEL_LAYOUT_MONO);
        }
        // Vorbis alone is asked to: its first packet after a start holds no audio yet.
        let options = AudioDecoderOptions::default().gapless(codec == CODEC_ID_VORBIS);
        let decoder = registry.make_audio_decoder(&parameters, &options).map_err(|error| unknown(&error))?;
        // What the container left open the decoder may have read from its set-up.
        let known = decoder.codec_params();
        let channels = match channels {
            0 => known.channels.as_ref().map_or(0, |channels| channels.count()),
            channels => channels,
        };
        let rate = if rate == 0 { known.sample_rate.unwrap_or(0) } else { rate };
        let rate = if codec == CODEC_ID_AAC { known.sample_rate.unwrap_or(rate) } else { rate };
        if rate == 0 {
            return Err(unknown(&"no sample rate"));
        }
        if rate > bounds.max_rate {
            let message = format!("{rate} Hz, more than {} Hz", bounds.max_rate);
            return Err(Refusal::Limit("rate", message));
        }
        if channels > usize::from(bounds.max_channels) {
            let message = format!("{channels} channels, more than {}", bounds.max_channels);
            return Err(Refusal::Limit("channels", message));
        }
        let presented = movie.tracks.iter().find(|track| track.0 == id).map(|track| &track.1);
        let keep = match (presented, track) {
            (Some(presented), _) => keep_edits(presented, rate, u64::from(head.pre_skip)),
            (None, Some(track)) if codec == CODEC_ID_OPUS => {
                vec![u64::from(head.pre_skip).max(u64::from(track.delay.unwrap_or(0)))..u64::MAX]
            }
            _ => vec![0..u64::MAX],
        };
        Ok(Self {
            id,
            codec,
            parameters,
            time_base: track.and_then(|track| track.time_base),
            decoder,
            rate,
            channels: channels as u16,
            keep,
            whole_packets: presented.is_some(),
            covered: 0,
            gain: head.gain,
        })
    }
}

/// Pre-skip and gain of an Opus stream.
#[derive(Clone, Copy)]
struct OpusHead {
    pre_skip: u16,
    gain: f32,
}

impl Default for OpusHead {
    fn default() -> Self {
        Self { pre_skip: 0, gain: 1.0 }
    }
}

/// Reads an identification header (RFC 7845, section 5.1), as Ogg and Matroska hold it.
fn opus_head(bytes: &[u8]) -> Option<OpusHead> {
    let head = bytes.strip_prefix(b"OpusHead")?;
    let pre_skip = u16::from_le_bytes(head.get(2..4)?.try_into().ok()?);
    let gain = i16::from_le_bytes(head.get(8..10)?.try_into().ok()?);
    // Q7.8 decibels.
    Some(OpusHead { pre_skip, gain: 10f32.powf(f32::from(gain) / (20.0 * 256.0)) })
}

/// The encoder's marks: delay at the start, padding at the end of what it counted. Frames after
/// that end belong to something appended and are kept, as ffmpeg does.
fn keep_gapless(info: mpeg::Info) -> Vec<Range<u64>> {
    match info.samples {
        Some(end) if info.padding > 0 && end > info.delay + info.padding => {
            vec![info.delay..end - info.padding, end..u64::MAX]
        }
        _ => vec![info.delay..u64::MAX],
    }
}

/// The edit list in frames of the time line. Edits that jump back are not followed: the file is
/// played from the first edit's start.
fn keep_edits(presented: &mp4::Presented, rate: u32, pre_skip: u64) -> Vec<Range<u64>> {
    let frames = |units: u64| (u128::from(units) * u128::from(rate) / u128::from(presented.timescale.max(1))) as u64;
    let mut keep: Vec<Range<u64>> = Vec::new();
    for &(start, seconds) in &presented.edits {
        let start = frames(start);
        let length = (seconds * f64::from(rate)).round() as u64;
        let end = if length == 0 { u64::MAX } else { start.saturating_add(length) };
        keep.push(start..end);
    }
    let sorted = keep.windows(2).all(|pair| pair[0].end <= pair[1].start);
    match keep.first() {
        Some(_) if sorted => keep,
        Some(first) => vec![first.start..u64::MAX],
        None => vec![pre_skip..u64::MAX],
    }
}

/// Frames that the container promises, where it counts rather than estimates.
fn promised(format: &dyn FormatReader, id: u32) -> Option<u64> {
    let track = format.tracks().iter().find(|track| track.id == id)?;
    match format.format_info().short_name {
        "flac" | "wave" | "aiff" | "caf" => track.num_frames,
        _ => None,
    }
}

/// Copies decoded audio, as f32, into one vector per channel.
fn copy(buffer: &GenericAudioBufferRef<'_>, planes: &mut Vec<Vec<f32>>) {
    buffer.copy_to_vecs_planar(planes);
    planes.truncate(buffer.num_planes());
}
