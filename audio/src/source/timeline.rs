//! Which of the decoded frames are heard, and when.
//!
//! ```text
//! decoded   |#####|#####|#####|#####|#####|     what packets cover
//! kept         [---------]   [--------]         encoder's marks or edit list, less packets' trims
//! heard        0 ....... n   n+1 ...... m       what positions count
//! ```
//!
//! Invariant: what is decoded and what is passed over moves the line by the same number of frames,
//! so a span that is sought lies where decoding the whole file puts it.

use std::ops::Range;

use super::mp4::Presented;
use super::mpeg::Info;

/// The presented part of a stream, followed packet by packet.
pub(super) struct TimeLine {
    rate: u32,
    keep: Vec<Range<u64>>,
    whole_packets: bool,
    covered: u64,
    presented: u64,
    before: f64,
}

impl TimeLine {
    /// A line of `rate` frames per second (never 0) of which `keep`, in order, is presented. With
    /// `whole_packets` a packet that begins before the end of a kept range is presented to its own
    /// end: what ffmpeg makes of an MP4 edit list.
    pub(super) fn new(rate: u32, keep: Vec<Range<u64>>, whole_packets: bool) -> Self {
        Self { rate, keep, whole_packets, covered: 0, presented: 0, before: 0.0 }
    }

    /// Frames per second, as of now.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Seconds that were presented before the rate last changed.
    pub(super) fn before(&self) -> f64 {
        self.before
    }

    /// Frames presented since the rate last changed.
    pub(super) fn presented(&self) -> u64 {
        self.presented
    }

    /// Seconds presented so far.
    pub(super) fn seconds(&self) -> f64 {
        self.before + self.presented as f64 / f64::from(self.rate)
    }

    /// From here on frames come at another rate.
    pub(super) fn change_rate(&mut self, rate: u32) {
        if rate != self.rate {
            (self.before, self.presented) = (self.seconds(), 0);
            self.rate = rate;
        }
    }

    /// The same line goes on with another stream's frames.
    pub(super) fn follow_with(&mut self, next: Self) {
        *self = Self { before: self.seconds(), ..next };
    }

    /// Advances by a packet of `frames`, of which the packet itself trims some at either end;
    /// returns which of them are presented.
    pub(super) fn advance(&mut self, frames: u64, trim_start: u64, trim_end: u64) -> Range<u64> {
        let start = self.covered;
        self.covered += frames;
        let from = start + trim_start.min(frames);
        let to = self.covered.saturating_sub(trim_end).max(from);
        // Edits are longer than packets, so one packet meets at most one edge of each.
        let kept = self.keep.iter().map(|keep| {
            let inside = keep.start.max(from)..keep.end.min(to);
            if self.whole_packets && inside.start < inside.end { inside.start..to } else { inside }
        });
        let kept = kept.filter(|kept| kept.start < kept.end).reduce(|a, b| a.start..b.end).unwrap_or(from..from);
        self.presented += kept.end - kept.start;
        kept.start - start..kept.end - start
    }
}

/// All but the first `skipped` frames.
pub(super) fn behind(skipped: u64) -> Vec<Range<u64>> {
    vec![skipped..u64::MAX]
}

/// What an MP3 encoder's marks leave: delay at the start, padding at the end of what it counted.
/// Frames after that end belong to something appended and are kept, as ffmpeg does.
pub(super) fn gapless(info: Info) -> Vec<Range<u64>> {
    match info.samples {
        Some(end) if info.padding > 0 && end > info.delay + info.padding => {
            vec![info.delay..end - info.padding, end..u64::MAX]
        }
        _ => behind(info.delay),
    }
}

/// What an MP4 edit list leaves, in frames. Edits that jump back are not followed: the file is
/// played from the first edit's start. Without edits the first `pre_skip` frames are dropped.
pub(super) fn edited(presented: &Presented, rate: u32, pre_skip: u64) -> Vec<Range<u64>> {
    let frames = |units: u64| (u128::from(units) * u128::from(rate) / u128::from(presented.timescale.max(1))) as u64;
    let edit = |&(start, seconds): &(u64, f64)| {
        let start = frames(start);
        let length = (seconds * f64::from(rate)).round() as u64;
        start..if length == 0 { u64::MAX } else { start.saturating_add(length) }
    };
    let keep: Vec<Range<u64>> = presented.edits.iter().map(edit).collect();
    let sorted = keep.windows(2).all(|pair| pair[0].end <= pair[1].start);
    match keep.first() {
        Some(_) if sorted => keep,
        Some(first) => behind(first.start),
        None => behind(pre_skip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(line: &mut TimeLine, packets: &[(u64, u64, u64)]) -> Vec<Range<u64>> {
        packets.iter().map(|&(frames, start, end)| line.advance(frames, start, end)).collect()
    }

    #[test]
    fn delay_and_padding_are_cut_and_what_is_appended_is_kept() {
        let keep = gapless(Info { delay: 150, padding: 60, samples: Some(400) });
        let mut line = TimeLine::new(100, keep, false);
        let packets = [(100, 0, 0); 5];
        assert_eq!(heard(&mut line, &packets), [0..0, 50..100, 0..100, 0..40, 0..100]);
        assert_eq!((line.presented(), line.seconds()), (290, 2.9));
    }

    #[test]
    fn an_edit_ends_with_the_packet_that_holds_its_end() {
        let presented = Presented { timescale: 200, edits: vec![(100, 1.2), (600, 0.0)] };
        let mut line = TimeLine::new(100, edited(&presented, 100, 7), true);
        assert_eq!(heard(&mut line, &[(100, 0, 0); 4]), [50..100, 0..100, 0..0, 0..100]);
        let back = Presented { timescale: 100, edits: vec![(300, 1.0), (100, 1.0)] };
        assert_eq!(edited(&back, 100, 7), [300..u64::MAX]);
        assert_eq!(edited(&Presented::default(), 100, 7), [7..u64::MAX]);
    }

    #[test]
    fn trims_never_turn_a_packet_inside_out() {
        let mut line = TimeLine::new(100, behind(0), false);
        let heard = heard(&mut line, &[(100, 30, 30), (100, 200, 0), (100, 0, 200), (100, 80, 80)]);
        assert_eq!(heard, [30..70, 100..100, 0..0, 80..80]);
    }

    #[test]
    fn time_goes_on_when_the_rate_changes() {
        let mut line = TimeLine::new(100, behind(0), false);
        line.advance(150, 0, 0);
        line.change_rate(10);
        line.advance(5, 0, 0);
        line.follow_with(TimeLine::new(1000, behind(100), false));
        assert_eq!((line.advance(1100, 0, 0), line.before(), line.seconds()), (100..1100, 2.0, 3.0));
    }
}
