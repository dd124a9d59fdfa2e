//! Runs of numbers on their way to another process: samples of windows, values of embeddings.
//!
//! ```text
//! Plain        one number after the other, as timely's default encoding does it
//! Flat         one copy of all bytes, little end first
//! Abomonated   a header, then the memory of the vector as it lies
//!              magic | layout fingerprint | bytes | checksum
//! ```
//! Which one is used is [chosen](choose) once, by the layout; a reader takes any.
//!
//! Invariant: `Abomonated` bytes are decoded only if this very build's memory layout wrote them and
//! nothing changed them on the way; anything else is refused before a byte of it is looked at.
//! They are made for exchanges between processes of one build alone, whose connections are authenticated,
//! and never stored.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};

use abomonation::Abomonation;
use bytemuck::Pod;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How runs of numbers are encoded for other processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// One number after the other.
    Plain,
    /// One copy.
    #[default]
    Flat,
    /// The memory as it lies, behind a header.
    Abomonated,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Flat, Self::Abomonated];
}

static CHOSEN: AtomicU8 = AtomicU8::new(Encoding::Flat as u8);

/// Chooses how this process encodes from now on.
pub fn choose(encoding: Encoding) {
    CHOSEN.store(encoding as u8, Ordering::Relaxed);
}

fn chosen() -> Encoding {
    let chosen = CHOSEN.load(Ordering::Relaxed);
    Encoding::ALL.into_iter().find(|encoding| *encoding as u8 == chosen).unwrap_or_default()
}

/// A number that may cross in any encoding: plain memory without gaps.
pub trait Number: Pod + Abomonation + Serialize + DeserializeOwned {}

impl Number for i16 {}
impl Number for f32 {}

#[derive(Serialize)]
enum Sent<'a, T> {
    Plain(&'a [T]),
    Flat(#[serde(with = "serde_bytes")] &'a [u8]),
    Abomonated(#[serde(with = "serde_bytes")] Vec<u8>),
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
enum Received<T> {
    Plain(Vec<T>),
    Flat(#[serde(with = "serde_bytes")] Vec<u8>),
    Abomonated(#[serde(with = "serde_bytes")] Vec<u8>),
}

/// For `#[serde(serialize_with)]`.
pub(super) fn serialize<T: Number, S: Serializer>(
    numbers: &impl AsRef<Vec<T>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let numbers = numbers.as_ref();
    match chosen() {
        Encoding::Plain => Sent::Plain(numbers),
        Encoding::Flat => Sent::Flat(bytemuck::cast_slice(numbers)),
        Encoding::Abomonated => Sent::Abomonated(abomonated(numbers)),
    }
    .serialize(serializer)
}

/// For `#[serde(deserialize_with)]`.
pub(super) fn deserialize<'de, T: Number, V: From<Vec<T>>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<V, D::Error> {
    let numbers = match Received::<T>::deserialize(deserializer)? {
        Received::Plain(numbers) => numbers,
        Received::Flat(bytes) if bytes.len() % size_of::<T>() == 0 => bytemuck::pod_collect_to_vec(&bytes),
        Received::Flat(bytes) => return Err(D::Error::custom(format!("{} bytes are no whole numbers", bytes.len()))),
        Received::Abomonated(bytes) => restored(&bytes).map_err(D::Error::custom)?,
    };
    Ok(V::from(numbers))
}

// The bytes of `Flat` are those of the machine: all of ours put the little end first.
const _: () = assert!(cfg!(target_endian = "little"));

/// Why bytes were not decoded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("numbers from another process are cut short or are none: run one build of hark in all processes")]
    Header,
    #[error("numbers from another process come from another build: run one build of hark in all processes")]
    Layout,
    #[error("numbers from another process were changed on the way: their checksum differs")]
    Checksum,
}

const MAGIC: u64 = 0x6861_726b_6e75_6d31; // "harknum1"

/// Words of the header.
const HEADER: usize = 4;

/// Which words of a vector are its address, its length and its room: their order is the compiler's choice.
fn places<T: Number>() -> [usize; 3] {
    let mut sample: Vec<T> = Vec::with_capacity(5);
    sample.resize(3, T::zeroed());
    // SAFETY: a vector is three words without gaps, checked below; reading them does not move it.
    let words: [usize; 3] = unsafe { std::ptr::read((&raw const sample).cast()) };
    [sample.as_ptr() as usize, sample.len(), sample.capacity()]
        .map(|word| words.iter().position(|stands| *stands == word).expect("a vector is these three words"))
}

/// How a vector of these numbers lies in memory: in which order its words, which number it is, which
/// compiler arranged it, and for which hark.
fn fingerprint<T: Number>() -> u64 {
    let described = (
        places::<T>(),
        size_of::<T>(),
        align_of::<T>(),
        std::any::type_name::<T>(),
        env!("HARK_RUSTC"),
        env!("CARGO_PKG_VERSION"),
    );
    twox_hash::XxHash3_64::oneshot(format!("{described:?}").as_bytes())
}

const _: () =
    assert!(size_of::<Vec<i16>>() == 3 * size_of::<usize>() && size_of::<Vec<f32>>() == size_of::<Vec<i16>>());

fn abomonated<T: Number>(numbers: &Vec<T>) -> Vec<u8> {
    let body = size_of::<Vec<T>>() + size_of_val(numbers.as_slice());
    let mut bytes = Vec::with_capacity(HEADER * 8 + body);
    bytes.resize(HEADER * 8, 0);
    // SAFETY: `Number` is memory without gaps, so every byte that is written is initialised.
    let written = unsafe { abomonation::encode(numbers, &mut bytes) };
    written.expect("a vector of bytes takes all that is written");
    sign::<T>(&mut bytes);
    bytes
}

/// Writes the header of the body that follows it.
fn sign<T: Number>(bytes: &mut [u8]) {
    let (header, body) = bytes.split_at_mut(HEADER * 8);
    let words = [MAGIC, fingerprint::<T>(), body.len() as u64, twox_hash::XxHash3_64::oneshot(body)];
    for (place, word) in header.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

fn restored<T: Number>(bytes: &[u8]) -> Result<Vec<T>, Refused> {
    let (header, body) = bytes.split_at_checked(HEADER * 8).ok_or(Refused::Header)?;
    let mut words = header.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
    let mut next = || words.next().expect("the header has four words");
    if next() != MAGIC {
        return Err(Refused::Header);
    }
    if next() != fingerprint::<T>() {
        return Err(Refused::Layout);
    }
    if next() != body.len() as u64 {
        return Err(Refused::Header);
    }
    if next() != twox_hash::XxHash3_64::oneshot(body) {
        return Err(Refused::Checksum);
    }
    if !may_lie::<T>(body) {
        return Err(Refused::Header);
    }
    // The vector lies at the beginning, and must lie as a vector may.
    let mut aligned: Vec<u64> = vec![0; body.len().div_ceil(8)];
    let room: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut aligned)[..body.len()];
    room.copy_from_slice(body);
    // SAFETY: `abomonated` of a build with this memory layout wrote these bytes, as magic, fingerprint,
    // length and checksum tell; they lie at an address that is a multiple of 8; their words are those of a
    // vector that fills them; numbers are valid whatever their bits.
    match unsafe { abomonation::decode::<Vec<T>>(room) } {
        Some((numbers, [])) => Ok(Cow::Borrowed(numbers.as_slice()).into_owned()),
        _ => Err(Refused::Header),
    }
}

/// Whether a body begins with the words of a vector that its rest fills. They are read as numbers: of a
/// vector that cannot be, a compiler believes that it can, and removes whatever would ask afterwards.
fn may_lie<T: Number>(body: &[u8]) -> bool {
    let Some((head, rest)) = body.split_at_checked(size_of::<Vec<T>>()) else { return false };
    let word = |at: usize| {
        let bytes = &head[at * size_of::<usize>()..][..size_of::<usize>()];
        usize::from_le_bytes(bytes.try_into().expect("a word"))
    };
    let [address, length, room] = places::<T>().map(word);
    address != 0
        && length.checked_mul(size_of::<T>()) == Some(rest.len())
        && (length..=isize::MAX as usize / size_of::<T>()).contains(&room)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were(samples: Vec<i16>, values: Vec<f32>) {
            prop_assert_eq!(&restored::<i16>(&abomonated(&samples)), &Ok(samples));
            let back = restored::<f32>(&abomonated(&values)).expect("just written");
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&values));
        }

        #[test]
        fn whatever_else_arrives_is_refused(bytes: Vec<u8>) {
            prop_assert!(restored::<i16>(&bytes).is_err());
        }

        #[test]
        fn one_changed_bit_anywhere_is_refused(
            samples in proptest::collection::vec(any::<i16>(), 0..50),
            at: prop::sample::Index,
            bit in 0..8_u8,
        ) {
            let mut bytes = abomonated(&samples);
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(restored::<i16>(&bytes).is_err(), "byte {at}, bit {bit}");
        }

        /// As from somebody who can sign: a length that is none may not be believed.
        #[test]
        fn a_valid_header_around_any_vector_reads_nothing_but_its_body(
            words in proptest::array::uniform3(prop_oneof![any::<u64>(), 0..100_u64, (61..64_u32).prop_map(|bit| 1 << bit)]),
            numbers in proptest::collection::vec(any::<i16>(), 0..50),
        ) {
            let mut bytes = vec![0; HEADER * 8];
            bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            sign::<i16>(&mut bytes);
            if let Ok(read) = restored::<i16>(&bytes) {
                prop_assert_eq!(read, numbers);
            }
        }

        /// The same, one word off.
        #[test]
        fn a_valid_header_around_a_vector_with_one_other_word_reads_nothing_but_its_body(
            numbers in proptest::collection::vec(any::<i16>(), 0..50),
            place in 0..3_usize,
            word in prop_oneof![any::<u64>(), 0..100_u64, (0..64_u32).prop_map(|bit| 1 << bit), (0..64_u32).prop_map(|bit| u64::MAX << bit)],
        ) {
            let mut bytes = abomonated(&numbers);
            bytes[(HEADER + place) * 8..][..8].copy_from_slice(&word.to_le_bytes());
            sign::<i16>(&mut bytes);
            let read = restored::<i16>(&bytes);
            prop_assert!(read == Ok(numbers) || read == Err(Refused::Header), "{read:?}");
        }

        #[test]
        fn what_is_cut_short_or_longer_is_refused(samples in proptest::collection::vec(any::<i16>(), 0..50), by in 1_usize..9) {
            let bytes = abomonated(&samples);
            prop_assert!(restored::<i16>(&bytes[..bytes.len() - by]).is_err());
            prop_assert!(restored::<i16>(&[&bytes[..], &vec![0; by]].concat()).is_err());
        }
    }

    #[test]
    fn numbers_of_another_kind_are_another_layout() {
        assert_eq!(restored::<f32>(&abomonated(&vec![1_i16, 2])), Err(Refused::Layout));
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Holder {
        #[serde(serialize_with = "serialize", deserialize_with = "deserialize")]
        values: Vec<f32>,
    }

    #[test]
    fn a_reader_takes_every_encoding() {
        let holder = Holder { values: vec![0.5, -1.0, f32::MIN_POSITIVE] };
        for sent in [
            serde_json::to_string(&Sent::Plain(&holder.values)),
            serde_json::to_string(&Sent::Flat::<f32>(bytemuck::cast_slice(&holder.values))),
            serde_json::to_string(&Sent::Abomonated::<f32>(abomonated(&holder.values))),
        ] {
            let text = format!("{{\"values\": {}}}", sent.expect("it can be told"));
            assert_eq!(serde_json::from_str::<Holder>(&text).expect("it can be read"), holder);
        }
    }
}
