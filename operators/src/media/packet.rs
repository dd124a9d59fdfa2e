//! How many frames of audio a packet holds, told without decoding it.
//!
//! Containers round and lie about durations (MP4 writes them in any time base, Matroska in
//! milliseconds), codecs do not: the count follows from the packet's own header. It is what keeps
//! time when a packet is damaged or skipped.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS};
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use super::mpeg;

/// Rate of every Opus time line.
pub(crate) const OPUS_RATE: u32 = 48_000;

/// Frames at `rate` that decoding this packet gives; `None` where only decoding tells.
pub(crate) fn frames(codec: AudioCodecId, packet: &Packet, time_base: Option<TimeBase>, rate: u32) -> Option<u64> {
    match codec {
        CODEC_ID_AAC => Some(1024),
        CODEC_ID_OPUS => opus(&packet.data),
        CODEC_ID_MP2 | CODEC_ID_MP3 => mpeg::header(&packet.data).map(|header| header.frames),
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
}
