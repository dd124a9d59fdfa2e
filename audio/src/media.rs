//! What a decoder learns of a file beside its samples.

use serde::{Deserialize, Serialize};

use crate::units::{Samples, Seconds};

/// What the decoder learnt about the media file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Container as found in the bytes (`mp3`, `isomp4`, `ogg`, ...).
    pub container: String,
    /// Codec as found in the bytes.
    pub codec: String,
    /// The file's own rate in Hz.
    pub sample_rate: u32,
    /// The file's own channel count.
    pub channels: u16,
    /// Decoded length at 16 kHz.
    pub samples: Samples,
    /// Chapter marks of the file, in order.
    pub chapters: Vec<Chapter>,
    /// Text tags of the file (title, artist, ...), as found.
    pub tags: Vec<(String, String)>,
    /// What was odd but survivable (`truncated after 12.3 s`), for the outcome.
    pub warnings: Vec<String>,
}

/// A chapter mark found in the media file or feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chapter {
    /// Where the chapter begins.
    pub start: Seconds,
    /// Its title; data from outside.
    pub title: String,
}
