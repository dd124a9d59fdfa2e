//! A media file as one line of audio: decoded, trimmed and gapless.
//!
//! ```text
//! probe ─▶ packets ─▶ stream (decoder) ─▶ planes ─▶ timeline (keep what is presented) ─▶ stretch
//!          │  └ mpeg: frames of MP3         └ damage: silence    └ mp4: edit lists
//!          └ sbr: is it HE-AAC?                    marks (mp4, flac, id3): chapters, tags
//! ```
//!
//! Decoders give more than is to be heard: encoder delay, padding, pre-roll, what an edit list cuts.
//! All of it is cut in one place, so that a position means the same everywhere (and the same as for
//! ffmpeg, which listeners' players follow).
//!
//! Invariant: a packet counts for as many frames as its own header says, whether it is decoded,
//! damaged (silence) or skipped, so that a span found by skipping lies where decoding puts it.

mod damage;
mod flac;
mod id3;
pub(super) mod marks;
mod mp4;
mod mpeg;
mod opus;
mod packets;
mod probe;
mod sbr;
mod stream;
mod timeline;

use std::ops::Range;
use std::path::Path;

use symphonia::core::formats::FormatReader;
use symphonia::core::packet::Packet;

use self::damage::Damage;
use self::mpeg::Frames;
use self::packets::{Item, Packets};
use self::stream::{Chooser, Stream};
use self::timeline::TimeLine;
use crate::media::Chapter;

/// Packets looked at before the first is decoded, to see whether AAC is HE-AAC.
const SBR_PACKETS: usize = 32;
/// Seconds of packets to decode before a span so that the decoder's memory is right: MP3's bit
/// reservoir, Opus' predictors, the overlaps of transforms.
const PRE_ROLL: f64 = 1.0;

/// Why a file gives no audio here.
#[derive(Debug)]
pub(super) enum Refusal {
    /// These decoders do not know it; others may.
    Unknown(String),
    /// It is beyond a limit: stable code, message.
    Limit(&'static str, String),
}

/// What a caller accepts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Most channels.
    pub max_channels: u16,
    /// Highest rate in Hz.
    pub max_rate: u32,
}

/// A stretch of presented audio: `planes[channel][range]` at `rate`, beginning `before` seconds and
/// `begins` samples after the start of the file.
pub(super) struct Stretch<'a> {
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

/// A file being decoded.
pub(super) struct Source {
    chooser: Chooser,
    packets: Packets,
    stream: Stream,
    line: TimeLine,
    planes: Vec<Vec<f32>>,
    damage: Damage,
    /// Frames that the container promised, where its word is good.
    promised: Option<u64>,
    /// The parameters have changed on the way.
    changed: bool,
    /// Chapter marks that the demuxer does not tell.
    untold: Vec<Chapter>,
}

impl Source {
    /// Opens a file. With `for_models` Opus decodes straight to 16 kHz mono, at a third of the cost
    /// and with libopus' own band limit; other codecs come as they are.
    pub(super) fn open(path: &Path, bounds: Bounds, for_models: bool) -> Result<Self, Refusal> {
        let format = probe::open(path).map_err(|error| Refusal::Unknown(error.to_string()))?;
        let (presented, untold) = match format.format_info().short_name {
            "isomp4" => {
                let movie = mp4::read(path);
                (movie.tracks, movie.chapters)
            }
            "flac" => (Vec::new(), flac::chapters(path)),
            _ if format.chapters().is_none() => (Vec::new(), id3::chapters(path)),
            _ => (Vec::new(), Vec::new()),
        };
        let chooser = Chooser { registry: probe::registry(), bounds, for_models, presented };
        let (stream, line) = chooser.choose(&*format)?;
        let promised = promised(&*format, stream.track);
        if format.format_info().short_name == "flac" && promised.is_none() {
            // Written as it came, without a length: such streams may change their parameters on the
            // way, and this demuxer drops all that differs from the start.
            return Err(Refusal::Unknown("FLAC without a length".into()));
        }
        let packets = Packets::new(format, stream.track);
        let (planes, damage) = (Vec::new(), Damage::default());
        let mut source = Self { chooser, packets, stream, line, planes, damage, promised, changed: false, untold };
        if source.stream.is_aac() {
            source.refuse_sbr()?;
        }
        if source.stream.is_mpeg() {
            source.find_frames(path)?;
        }
        Ok(source)
    }

    /// Rate of the time line in Hz, as of now.
    pub(super) fn rate(&self) -> u32 {
        self.line.rate()
    }

    /// Channels of the file, as of now.
    pub(super) fn channels(&self) -> u16 {
        self.stream.channels
    }

    /// Container, codec.
    pub(super) fn names(&mut self) -> (String, String) {
        (self.packets.format().format_info().short_name.into(), self.chooser.codec_name(&self.stream))
    }

    /// Whether most packets were no audio: then the file is not what it was taken for.
    pub(super) fn mostly_damaged(&self) -> bool {
        self.damage.prevails()
    }

    /// Seconds presented so far.
    pub(super) fn seconds(&self) -> f64 {
        self.line.seconds()
    }

    /// The next stretch; empty stretches are possible, `None` is the end.
    pub(super) fn next(&mut self) -> Result<Option<Stretch<'_>>, Refusal> {
        let Some(packet) = self.packet()? else { return Ok(None) };
        let told = self.stream.told(&packet, self.line.rate());
        let frames = self.decode(&packet, told);
        let presented = self.line.presented();
        let range = self.line.advance(told.unwrap_or(frames), packet.trim_start.get(), packet.trim_end.get());
        let (step, length) = (u64::from(self.stream.step), self.planes.first().map_or(0, Vec::len));
        let sample = |frame: u64| ((frame / step) as usize).min(length);
        Ok(Some(Stretch {
            rate: self.line.rate() / self.stream.step,
            before: self.line.before(),
            begins: presented.div_ceil(step),
            planes: &self.planes,
            range: sample(range.start)..sample(range.end),
        }))
    }

    /// Passes over packets without decoding them, up to one that holds the time `target` (less a
    /// pre-roll that primes the decoder). Decodes where only that tells how long a packet is.
    pub(super) fn skip_to(&mut self, target: f64) -> Result<(), Refusal> {
        while let Some(packet) = self.packet()? {
            let rate = self.line.rate();
            match self.stream.told(&packet, rate) {
                Some(told) if self.seconds() + told as f64 / f64::from(rate) <= target - PRE_ROLL => {
                    self.line.advance(told, packet.trim_start.get(), packet.trim_end.get());
                }
                _ => {
                    self.packets.put_back(packet);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Chapter marks, tags and warnings; after the end.
    pub(super) fn finish(mut self) -> (Vec<Chapter>, Vec<(String, String)>, Vec<String>) {
        let seconds = self.seconds();
        let ended = self.packets.complaint(seconds, self.promised.is_none());
        let warnings = [ended, self.damage.complaint(), self.shortfall()];
        let told = marks::chapters(self.packets.format());
        let chapters = if told.is_empty() { marks::tidy(self.untold) } else { told };
        (chapters, marks::tags(self.packets.format()), warnings.into_iter().flatten().collect())
    }

    /// What a container that counts its frames has promised too much.
    fn shortfall(&self) -> Option<String> {
        let promised = self.promised.filter(|_| !self.changed && self.packets.ended())?;
        let (have, said) = (self.seconds(), promised as f64 / f64::from(self.line.rate()));
        // A tenth of a second is less than any cut that a listener notices and more than any
        // container's rounding.
        (have + 0.1 < said).then(|| format!("truncated after {have:.1} s of {said:.1} s"))
    }

    /// The next packet, with a decoder that is ready for it.
    fn packet(&mut self) -> Result<Option<Packet>, Refusal> {
        loop {
            match self.packets.next() {
                Some(Item::Packet(packet)) => {
                    if self.stream.is_mpeg() {
                        self.follow_header(&packet)?;
                    }
                    return Ok(Some(packet));
                }
                Some(Item::NewStream) => self.chain()?,
                None => return Ok(None),
            }
        }
    }

    /// A new stream begins in the same file.
    fn chain(&mut self) -> Result<(), Refusal> {
        let (stream, line) = self.chooser.choose(self.packets.format())?;
        self.changed |= line.rate() != self.line.rate() || stream.channels != self.stream.channels;
        self.promised = None;
        self.packets.follow(stream.track);
        self.line.follow_with(line);
        self.stream = stream;
        Ok(())
    }

    /// MPEG audio carries its parameters in every packet, and joined files change them (adverts
    /// inserted by a server). The decoder does not follow; a new one does.
    fn follow_header(&mut self, packet: &Packet) -> Result<(), Refusal> {
        let Some(header) = mpeg::header(&packet.data) else { return Ok(()) };
        if header.rate != self.line.rate() || header.channels != self.stream.channels {
            self.chooser.start_anew(&mut self.stream)?;
            self.change(header.rate, header.channels);
        }
        Ok(())
    }

    /// Takes MPEG audio's packets from our own reader of its frames.
    fn find_frames(&mut self, path: &Path) -> Result<(), Refusal> {
        let frames = Frames::open(path).map_err(|error| Refusal::Unknown(error.to_string()))?;
        let frames = frames.ok_or_else(|| Refusal::Unknown("no frames of MPEG audio in a row".into()))?;
        let (first, info) = (frames.first(), frames.info());
        self.line = TimeLine::new(first.rate, timeline::gapless(info), false);
        self.stream.channels = first.channels;
        self.promised = info.samples.map(|samples| samples.saturating_sub(info.delay + info.padding));
        self.packets.read_from(frames);
        Ok(())
    }

    /// Refuses AAC whose packets carry spectral band replication.
    fn refuse_sbr(&mut self) -> Result<(), Refusal> {
        let ahead = self.packets.peek(SBR_PACKETS);
        let all = ahead.len();
        let with = ahead.filter(|item| matches!(item, Item::Packet(packet) if sbr::looks_like_sbr(&packet.data)));
        if with.count() * 4 > all {
            return Err(Refusal::Unknown("HE-AAC (spectral band replication)".into()));
        }
        Ok(())
    }

    /// Decodes a packet into `planes`, as many frames as `told` where that is known, silent where
    /// it is damaged; returns how many frames of the time line that is.
    fn decode(&mut self, packet: &Packet, told: Option<u64>) -> u64 {
        let step = u64::from(self.stream.step);
        match self.stream.decode(packet, &mut self.planes) {
            Some(rate) => {
                self.damage.whole();
                self.follow_decoder(rate);
            }
            None => {
                let silent = self.damage.damaged(told.unwrap_or(0), self.line.seconds()) / step;
                let channels = if step > 1 { 1 } else { usize::from(self.stream.channels) };
                self.planes.clear();
                self.planes.resize(channels, vec![0.0; silent as usize]);
            }
        }
        if let Some(told) = told {
            self.planes.iter_mut().for_each(|plane| plane.resize((told / step) as usize, 0.0));
        }
        self.planes.first().map_or(0, Vec::len) as u64 * step
    }

    /// A decoder may change rate and layout without saying so.
    fn follow_decoder(&mut self, rate: u32) {
        if self.stream.step > 1 {
            return;
        }
        let known = rate > 0 && rate <= self.chooser.bounds.max_rate;
        let (rate, channels) = (if known { rate } else { self.line.rate() }, self.planes.len() as u16);
        if rate != self.line.rate() || channels != self.stream.channels {
            self.change(rate, channels);
        }
    }

    fn change(&mut self, rate: u32, channels: u16) {
        self.line.change_rate(rate);
        self.stream.channels = channels;
        self.changed = true;
    }
}

/// Frames that the container promises, where it counts rather than estimates.
fn promised(format: &dyn FormatReader, track: u32) -> Option<u64> {
    let track = format.tracks().iter().find(|found| found.id == track)?;
    match format.format_info().short_name {
        "flac" | "wave" | "aiff" | "caf" => track.num_frames,
        _ => None,
    }
}
