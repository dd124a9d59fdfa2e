//! How many frames of audio a packet holds, told without decoding it.
//!
//! Containers round and lie about durations (MP4 writes them in any time base, Matroska in
//! milliseconds), codecs do not: the count follows from the packet's own header. It is what keeps
//! time when a packet is damaged or skipped.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS,
};
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

/// Rate of every Opus time line.
pub(crate) const OPUS_RATE: u32 = 48_000;

/// Frames at `rate` that decoding this packet gives; `None` where only decoding tells.
pub(crate) fn frames(codec: AudioCodecId, packet: &Packet, time_base: Option<TimeBase>, rate: u32) -> Option<u64> {
    match codec {
        CODEC_ID_AAC => Some(1024),
        CODEC_ID_OPUS => opus(&packet.data),
        CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => mpeg(&packet.data).map(|header| header.frames),
        _ => (time_base? == TimeBase::try_from_recip(rate)?).then(|| packet.block_dur().get()),
    }
}

/// Frames at 48 kHz in an Opus packet (RFC 6716, section 3.1).
pub(crate) fn opus(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    let one = match toc >> 3 {
        config @ 0..12 => [480, 960, 1920, 2880][usize::from(config % 4)],
        config @ 12..16 => [480, 960][usize::from(config % 2)],
        config => [120, 240, 480, 960][usize::from(config % 4)],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 63),
    };
    // 120 ms is the longest packet there is.
    (1..=5760).contains(&(one * count)).then_some(one * count)
}

/// What a frame header of MPEG audio says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MpegHeader {
    /// Frames (samples per channel) in the packet.
    pub frames: u64,
    /// Hz.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
}

/// Reads the header of an MPEG audio packet.
pub(crate) fn mpeg(packet: &[u8]) -> Option<MpegHeader> {
    let &[0xff, flags, rates, modes, ..] = packet else { return None };
    let version = flags >> 3 & 3; // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    let frames = match (flags >> 1 & 3, version) {
        (3, _) => 384,
        (2, _) | (1, 3) => 1152,
        (1, _) => 576,
        _ => return None,
    };
    let rate = *[44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))?;
    let rate = match version {
        3 => rate,
        2 => rate / 2,
        0 => rate / 4,
        _ => return None,
    };
    Some(MpegHeader { frames, rate, channels: if modes >> 6 == 3 { 1 } else { 2 } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_lengths_follow_the_table_of_the_standard() {
        assert_eq!(opus(&[0b00000_000]), Some(480));
        assert_eq!(opus(&[0b00011_000]), Some(2880));
        assert_eq!(opus(&[0b01101_001]), Some(1920));
        assert_eq!(opus(&[0b10000_000]), Some(120));
        assert_eq!(opus(&[0b11111_010]), Some(1920));
        assert_eq!(opus(&[0b11111_011, 3]), Some(2880));
        assert_eq!(opus(&[0b00011_011, 63]), None);
        assert_eq!(opus(&[0b00011_011]), None);
        assert_eq!(opus(&[]), None);
    }

    #[test]
    fn mpeg_headers_give_frames_rate_and_channels() {
        let header = |frames, rate, channels| Some(MpegHeader { frames, rate, channels });
        assert_eq!(mpeg(&[0xff, 0xfb, 0x90, 0x44]), header(1152, 44_100, 2));
        assert_eq!(mpeg(&[0xff, 0xf3, 0x48, 0xc4]), header(576, 16_000, 1));
        assert_eq!(mpeg(&[0xff, 0xe3, 0x18, 0xc4]), header(576, 8_000, 1).map(|h| MpegHeader { rate: 8_000, ..h }));
        assert_eq!(mpeg(&[0xff, 0xfb, 0x9c, 0x44]), None);
        assert_eq!(mpeg(b"ID3"), None);
    }
}
