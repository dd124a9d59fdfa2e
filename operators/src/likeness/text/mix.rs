//! Hashes that are ours, so that a signature outlives every library and fits every machine.

/// The finaliser of SplitMix64: each bit of the input turns half of those of the result.
pub const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// One hash of two, in which their order counts.
pub const fn join(first: u64, second: u64) -> u64 {
    mix(first.rotate_left(23).wrapping_add(0x9e37_79b9_7f4a_7c15) ^ second)
}

/// FNV-1a over the bytes, mixed.
pub fn of_text(text: &str) -> u64 {
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
}
