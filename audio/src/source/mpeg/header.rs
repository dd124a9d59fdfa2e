//! What an MPEG audio frame says of itself, and of the stream when it is the information frame.

/// What a frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Header {
    /// Samples per channel in the frame.
    pub frames: u64,
    /// Hz.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Length of the whole frame.
    pub bytes: usize,
    /// Version, layer and rate: what does not change within a stream.
    pub(super) kind: [u8; 2],
}

/// Reads the header at the start of a frame of layer 2 or 3 with a stated bit rate.
pub(in super::super) fn header(frame: &[u8]) -> Option<Header> {
    const MPEG_1_LAYER_3: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const MPEG_1_LAYER_2: [u32; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const MPEG_2: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let &[0xff, flags, rates, modes, ..] = frame else { return None };
    let (version, layer) = (flags >> 3 & 3, flags >> 1 & 3); // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    if flags < 0xe0 || version == 1 || !(layer == 1 || layer == 2) {
        return None;
    }
    let (is_mpeg_1, is_layer_3) = (version == 3, layer == 1);
    let rate = *[44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))?;
    let rate = if is_mpeg_1 {
        rate
    } else if version == 2 {
        rate / 2
    } else {
        rate / 4
    };
    let bit_rates = match (is_mpeg_1, is_layer_3) {
        (true, true) => MPEG_1_LAYER_3,
        (true, false) => MPEG_1_LAYER_2,
        _ => MPEG_2,
    };
    let bit_rate = bit_rates.get(usize::from(rates >> 4).checked_sub(1)?)?;
    let frames = if is_layer_3 && !is_mpeg_1 { 576 } else { 1152 };
    let bytes = frames / 8 * bit_rate * 1000 / rate + u32::from(rates >> 1 & 1);
    Some(Header {
        frames: u64::from(frames),
        rate,
        channels: if modes >> 6 == 3 { 1 } else { 2 },
        bytes: bytes as usize,
        kind: [flags & 0b1_1110, rates & 0b1100],
    })
}

/// What the information frame (Xing, with LAME's extension) says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Info {
    /// Samples to drop at the start: the encoder's delay and the decoder's.
    pub delay: u64,
    /// Samples to drop at the end of the counted frames.
    pub padding: u64,
    /// Samples in all counted frames, delay and padding included.
    pub samples: Option<u64>,
}

/// Reads an information frame; `None` if it is an ordinary one. As ffmpeg does, whatever its
/// checksum says.
pub(super) fn info(frame: &[u8], header: Header) -> Option<Info> {
    let side = match (header.kind[0] >> 3, header.channels) {
        (3, 1) | (0 | 2, 2) => 17,
        (3, _) => 32,
        _ => 9,
    };
    if frame.get(36..40) == Some(b"VBRI") {
        return Some(Info::default());
    }
    let xing = frame.get(4 + side..)?;
    let mut rest = xing.strip_prefix(b"Xing").or(xing.strip_prefix(b"Info"))?;
    let mut take = |length: usize| {
        let (taken, behind) = rest.split_at_checked(length)?;
        rest = behind;
        Some(taken)
    };
    let word = |bytes: &[u8]| bytes.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
    let flags = word(take(4)?);
    if flags & 3 == 0 {
        return None;
    }
    let count = if flags & 1 > 0 { Some(word(take(4)?)) } else { None };
    for (flag, length) in [(2, 4), (4, 100), (8, 4)] {
        if flags & flag > 0 {
            take(length)?;
        }
    }
    let mut info = Info { samples: count.map(|count| u64::from(count) * header.frames), ..Info::default() };
    let Some(lame) = take(24) else { return Some(info) };
    if [b"LAME", b"Lavf", b"Lavc"].iter().any(|encoder| lame.starts_with(*encoder)) {
        // The decoder's own delay comes on top of the encoder's, and off the padding.
        let delays = word(&lame[21..]);
        info.delay = u64::from(delays >> 12) + 529;
        info.padding = u64::from(delays & 0xfff).saturating_sub(529);
    }
    Some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: [u8; 4] = [0xff, 0xfb, 0x90, 0x44]; // MPEG-1 layer 3, 128 kbit/s, 44.1 kHz, joint stereo
    const OTHER: [u8; 4] = [0xff, 0xf3, 0x48, 0xc4]; // MPEG-2 layer 3, 32 kbit/s, 16 kHz, mono

    #[test]
    fn headers_give_length_rate_and_channels() {
        let found = header(&HEAD).unwrap();
        assert_eq!((found.frames, found.rate, found.channels, found.bytes), (1152, 44_100, 2, 417));
        let found = header(&OTHER).unwrap();
        assert_eq!((found.frames, found.rate, found.channels, found.bytes), (576, 16_000, 1, 144));
        for bad in [[0xff, 0xfb, 0x9c, 0x44], [0xff, 0xfb, 0xf0, 0x44], [0xff, 0xeb, 0x90, 0x44], *b"ID3\x03"] {
            assert_eq!(header(&bad), None);
        }
    }

    #[test]
    fn lame_marks_delay_and_padding() {
        let mut first = vec![0x55; 417];
        first[36..].fill(0);
        first[36..44].copy_from_slice(b"Info\0\0\0\x01");
        first[44..48].copy_from_slice(&100u32.to_be_bytes());
        first[48..57].copy_from_slice(b"LAME3.100");
        first[69..72].copy_from_slice(&[0x24, 0x06, 0x00]); // 576, 1536
        let info = info(&first, header(&HEAD).unwrap());
        assert_eq!(info, Some(Info { delay: 576 + 529, padding: 1536 - 529, samples: Some(115_200) }));
        assert_eq!(super::info(&[0x55; 417], header(&HEAD).unwrap()), None);
    }
}
