//! The packets of one track, in order, with a look ahead.
//!
//! ```text
//! demuxer ───────────────┐
//!                        ├─▶ queue (a few packets ahead, up to a new stream) ─▶ next
//! our own MPEG frames ───┘
//! ```
//!
//! Invariant: nothing behind a [`Item::NewStream`] is read before that has been taken and answered by
//! [`Packets::follow`]: until then the demuxer describes the new stream, and packets before the mark
//! belong to the old one.

use std::collections::VecDeque;

use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::mpeg::Frames;

/// End trims of more packets than this are not the end of a stream.
const MOST_TRIMMED: usize = 256;

/// What comes next in a file.
pub(super) enum Item {
    /// A packet of the track.
    Packet(Packet),
    /// Another stream begins (chained Ogg).
    NewStream,
}

/// How a file ended.
enum End {
    /// Where it says.
    Whole,
    /// In the middle of something.
    CutOff,
    /// With an error.
    Failed(String),
}

/// A track's packets.
pub(super) struct Packets {
    format: Box<dyn FormatReader>,
    /// For MPEG audio, where the packets come from instead of `format`.
    frames: Option<Frames>,
    track: u32,
    ahead: VecDeque<Item>,
    end: Option<End>,
}

impl Packets {
    /// The packets of one of the demuxer's tracks.
    pub(super) fn new(format: Box<dyn FormatReader>, track: u32) -> Self {
        Self { format, frames: None, track, ahead: VecDeque::new(), end: None }
    }

    /// Takes packets from our own reader of MPEG frames from now on.
    pub(super) fn read_from(&mut self, frames: Frames) {
        self.frames = Some(frames);
    }

    /// Packets of another track from now on: the answer to [`Item::NewStream`].
    pub(super) fn follow(&mut self, track: u32) {
        self.track = track;
    }

    /// What knows the container.
    pub(super) fn format(&mut self) -> &mut dyn FormatReader {
        &mut *self.format
    }

    /// Whether the file has been read to its end.
    pub(super) fn ended(&self) -> bool {
        self.end.is_some()
    }

    /// What went wrong at the end, `seconds` into the audio. That a file is cut off is told only
    /// with `tell_cut_off`.
    pub(super) fn complaint(&self, seconds: f64, tell_cut_off: bool) -> Option<String> {
        match self.end.as_ref()? {
            End::CutOff if tell_cut_off => Some(format!("truncated after about {seconds:.1} s")),
            End::Failed(error) => Some(format!("stopped after {seconds:.1} s: {error}")),
            End::Whole | End::CutOff => None,
        }
    }

    /// The next packet, trimmed at its end only where the stream really ends; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Item> {
        if self.ahead.is_empty() && !self.read() {
            return None;
        }
        if matches!(self.ahead.front(), Some(Item::Packet(packet)) if packet.trim_end > Duration::ZERO) {
            self.keep_trims_at_the_end_only();
        }
        self.ahead.pop_front()
    }

    /// Gives back the packet that was taken last.
    pub(super) fn put_back(&mut self, packet: Packet) {
        self.ahead.push_front(Item::Packet(packet));
    }

    /// The next packets, up to `most`, which stay where they are.
    pub(super) fn peek(&mut self, most: usize) -> impl ExactSizeIterator<Item = &Item> {
        while self.ahead.len() < most && self.read() {}
        self.ahead.iter()
    }

    /// Ogg pages with odd time stamps look like an end in the middle of the stream: a packet that is
    /// to be trimmed there has untrimmed ones, or far too many, behind it.
    fn keep_trims_at_the_end_only(&mut self) {
        let mut trimmed = 0;
        let goes_on = loop {
            if trimmed == self.ahead.len() && !self.read() {
                break false;
            }
            match &self.ahead[trimmed] {
                Item::Packet(packet) if packet.trim_end > Duration::ZERO => trimmed += 1,
                Item::Packet(_) => break true,
                Item::NewStream => break false,
            }
            if trimmed == MOST_TRIMMED {
                break true;
            }
        };
        if goes_on {
            for item in self.ahead.iter_mut().take(trimmed) {
                let Item::Packet(packet) = item else { continue };
                packet.dur = packet.dur.saturating_add(packet.trim_end);
                packet.trim_end = Duration::ZERO;
            }
        }
    }

    /// Reads one more item into the queue; false where there is none, or none may be read yet.
    fn read(&mut self) -> bool {
        if self.end.is_some() || matches!(self.ahead.back(), Some(Item::NewStream)) {
            return false;
        }
        let item = match &mut self.frames {
            Some(frames) => match frames.next() {
                Ok(Some((header, data))) => {
                    Ok(Item::Packet(Packet::new(self.track, Timestamp::ZERO, Duration::new(header.frames), data)))
                }
                Ok(None) => Err(End::Whole),
                Err(error) => Err(End::Failed(error.to_string())),
            },
            None => demuxed(&mut *self.format, self.track),
        };
        match item {
            Ok(item) => self.ahead.push_back(item),
            Err(end) => self.end = Some(end),
        }
        self.end.is_none()
    }
}

/// The next packet of a track from the demuxer.
fn demuxed(format: &mut dyn FormatReader, track: u32) -> Result<Item, End> {
    loop {
        return match format.next_packet() {
            Ok(Some(packet)) if packet.track_id != track => continue,
            Ok(Some(packet)) => Ok(Item::Packet(packet)),
            Ok(None) => Err(End::Whole),
            Err(Error::ResetRequired) => Ok(Item::NewStream),
            Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(End::CutOff),
            Err(error) => Err(End::Failed(error.to_string())),
        };
    }
}
