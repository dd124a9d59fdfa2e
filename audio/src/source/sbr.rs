//! Does an AAC packet carry spectral band replication (HE-AAC)?
//!
//! HE-AAC hides its upper octave in fill elements after the ordinary audio. A decoder without SBR
//! plays such a stream dull at half its rate and reports no error, so it has to be found before.
//! Where a container says so it is easy; ADTS and many MP4 files say nothing. The fill element
//! stands after Huffman-coded audio whose length nobody knows without decoding it, but it stands at
//! the *end* of the packet, so it can be found backwards:
//!
//! ```text
//! ... audio | 110 FIL | count 4 (15: +8) | type 4 = 1101 or 1110 (SBR) | ... | 111 END | 0..7 zero bits
//! ```
//!
//! Not every packet of HE-AAC can be read so (what follows the fill element may look otherwise), and
//! one of plain AAC may match by chance (fewer than 1 in 100): a stream is judged by a quarter of its
//! first packets. A wrong verdict costs time, not sound: ffmpeg decodes plain AAC as well.

/// Whether the end of this packet reads as a fill element with SBR, or as one behind other fill
/// elements.
pub(super) fn looks_like_sbr(packet: &[u8]) -> bool {
    let Some(last) = packet.iter().rposition(|&byte| byte != 0) else { return false };
    // END is the last set bit and the two before it; behind it only padding.
    let past_end = last * 8 + 8 - packet[last].trailing_zeros() as usize;
    if past_end < 3 || packet.len() * 8 - past_end > 7 || bits(packet, past_end - 3, 3) != Some(0b111) {
        return false;
    }
    fill_before(packet, past_end - 3, 2)
}

/// Whether a fill element that ends at bit `end` is SBR; looks through up to `depth` others.
fn fill_before(packet: &[u8], end: usize, depth: u32) -> bool {
    const LONGEST: usize = 14 + 255;
    (0..=LONGEST).any(|count| {
        let head = if count < 15 { 7 } else { 15 };
        let Some(start) = end.checked_sub(head + 8 * count) else { return false };
        let says = |at, length, value: usize| bits(packet, start + at, length) == Some(value as u32);
        let is_fill =
            says(0, 3, 0b110) && if count < 15 { says(3, 4, count) } else { says(3, 4, 15) && says(7, 8, count - 14) };
        if !is_fill {
            return false;
        }
        // Fill without data, or with stuffing.
        let is_empty = count == 0 || matches!(bits(packet, start + head, 4), Some(0 | 1));
        match bits(packet, start + head, 4) {
            _ if is_empty => depth > 0 && fill_before(packet, start, depth - 1),
            kind => matches!(kind, Some(0b1101 | 0b1110)),
        }
    })
}

/// `length` bits (up to 16) from bit `at`, first bit highest; `None` past the end.
fn bits(packet: &[u8], at: usize, length: usize) -> Option<u32> {
    let bytes = packet.get(at / 8..(at + length).div_ceil(8))?;
    let joined = bytes.iter().fold(0u32, |joined, &byte| joined << 8 | u32::from(byte));
    Some(joined >> (bytes.len() * 8 - at % 8 - length) & ((1 << length) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of `audio` bits, then the given elements, END and padding.
    fn packet(audio: usize, elements: &[(usize, u32)]) -> Vec<u8> {
        let mut seed = audio as u32;
        let mut all: Vec<bool> = (0..audio)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed >> 31 == 1
            })
            .collect();
        let mut put = |value: u32, length: usize| all.extend((0..length).rev().map(|n| value >> n & 1 == 1));
        for &(count, kind) in elements {
            put(0b110, 3);
            if count < 15 {
                put(count as u32, 4);
            } else {
                put(15, 4);
                put(count as u32 - 14, 8);
            }
            put(kind, 4);
            (0..2 * count - 1).for_each(|n| put(n as u32 * 5 % 16, 4));
        }
        put(0b111, 3);
        all.chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |sum, (n, &bit)| sum | u8::from(bit) << (7 - n)))
            .collect()
    }

    #[test]
    fn sbr_is_found_behind_any_amount_of_audio() {
        for audio in 300..340 {
            assert!(looks_like_sbr(&packet(audio, &[(14, 13)])), "{audio}");
            assert!(looks_like_sbr(&packet(audio, &[(40, 14)])), "{audio}");
            assert!(looks_like_sbr(&packet(audio, &[(40, 13), (3, 0)])), "{audio}");
        }
    }

    #[test]
    fn plain_packets_seldom_look_like_it() {
        let plain = (300..500).flat_map(|audio| [packet(audio, &[]), packet(audio, &[(20, 0)])]);
        let matches = plain.filter(|packet| looks_like_sbr(packet)).count();
        assert!(matches <= 20, "{matches} of 400 match by chance");
        for odd in [&[][..], &[0], &[0; 40], &[0xff], &[0x80], &[0xe0]] {
            assert!(!looks_like_sbr(odd));
        }
    }
}
