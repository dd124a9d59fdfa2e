//! Packets that no decoder understands: they play as silence, so that what follows keeps its place.

/// Frames of silence that stand for damaged packets in a row, at most: 10 minutes at 48 kHz.
const MOST_SILENCE: u64 = 600 * 48_000;

/// How much of a file is damaged.
#[derive(Default)]
pub(super) struct Damage {
    packets: u64,
    damaged: u64,
    first: f64,
    silence: u64,
}

impl Damage {
    /// A packet was decoded.
    pub(super) fn whole(&mut self) {
        self.packets += 1;
        self.silence = 0;
    }

    /// A packet that should have held `frames` was damaged, `at` seconds into the audio; returns how
    /// many frames of silence stand for it.
    pub(super) fn damaged(&mut self, frames: u64, at: f64) -> u64 {
        self.packets += 1;
        self.damaged += 1;
        if self.damaged == 1 {
            self.first = at;
        }
        self.silence += frames;
        if self.silence > MOST_SILENCE { 0 } else { frames }
    }

    /// Whether most packets were no audio: then the file is not what it was taken for.
    pub(super) fn prevails(&self) -> bool {
        self.damaged * 2 > self.packets
    }

    /// What a listener should know.
    pub(super) fn complaint(&self) -> Option<String> {
        let Self { damaged, first, .. } = self;
        (*damaged > 0).then(|| format!("{damaged} damaged packets, the first at {first:.1} s, play as silence"))
    }
}
