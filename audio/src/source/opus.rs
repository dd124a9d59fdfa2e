//! What Opus says about itself: the length of a packet, and the head of a stream.

/// Rate of every Opus time line.
pub(super) const RATE: u32 = 48_000;

/// Frames at 48 kHz in a packet (RFC 6716, section 3.1).
pub(super) fn frames(packet: &[u8]) -> Option<u64> {
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

/// Pre-skip and gain of a stream.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// Frames before the first that is heard.
    pub pre_skip: u16,
    /// Factor for all samples.
    pub gain: f32,
}

impl Default for Head {
    fn default() -> Self {
        Self { pre_skip: 0, gain: 1.0 }
    }
}

/// Reads an identification header (RFC 7845, section 5.1), as Ogg and Matroska hold it.
pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    let head = bytes.strip_prefix(b"OpusHead")?;
    let pre_skip = u16::from_le_bytes(head.get(2..4)?.try_into().ok()?);
    let gain = i16::from_le_bytes(head.get(8..10)?.try_into().ok()?);
    // Q7.8 decibels.
    Some(Head { pre_skip, gain: 10f32.powf(f32::from(gain) / (20.0 * 256.0)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_the_table_of_the_standard() {
        assert_eq!(frames(&[0b00000_000]), Some(480));
        assert_eq!(frames(&[0b00011_000]), Some(2880));
        assert_eq!(frames(&[0b01101_001]), Some(1920));
        assert_eq!(frames(&[0b10000_000]), Some(120));
        assert_eq!(frames(&[0b11111_010]), Some(1920));
        assert_eq!(frames(&[0b11111_011, 3]), Some(2880));
        assert_eq!(frames(&[0b00011_011, 63]), None);
        assert_eq!(frames(&[0b00011_011]), None);
        assert_eq!(frames(&[]), None);
    }

    #[test]
    fn a_head_holds_pre_skip_and_gain() {
        let read = head(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\xfa\0").expect("a whole head");
        // -6 dB.
        assert_eq!((read.pre_skip, (read.gain * 1000.0).round()), (312, 501.0));
        assert!(head(b"OpusHead\x01\x02\x38\x01").is_none());
    }
}
