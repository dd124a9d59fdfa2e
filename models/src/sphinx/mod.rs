//! PocketSphinx 5.1.1, the light recogniser: words with times where an episode has no transcript.
//!
//! ```text
//! spans without text ─▶ i16 samples ─▶ Recogniser (one per lane) ─▶ words, seconds, confidence
//! ```
//!
//! Why this one: English, 37 MB, runs on any CPU at a tenth of real time, needs no Python. It gets
//! about a quarter of the words wrong, so its words serve to find and to time a passage; they are
//! not good enough to judge one.
//!
//! Invariant: the same samples give the same words, whatever the recogniser heard before. Three things
//! would carry over and none may: the cepstral mean is taken over the utterance alone (`batch`), the
//! noise tracker starts anew (`ps_start_stream`), and the scorer forgets its past frames (`forget.c`).

mod ffi;
mod model;

use std::ffi::{CStr, CString, c_long};
use std::io;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::{Mutex, PoisonError};

/// The rate the model was trained at, in samples per second.
pub const SAMPLE_RATE: u32 = 16_000;

/// The longest run of samples taken at once: two minutes. The search keeps a word lattice of the
/// whole run, which grows with its length; windows of 30 s are the intended size.
pub const MAX_SAMPLES: usize = 120 * SAMPLE_RATE as usize;

/// 0.2 s. The search starts once `pl_window` frames of 10 ms lie ahead of it; the library aborts on
/// an assertion where an utterance ends before that. No word is lost: none is that short.
const MIN_SAMPLES: usize = SAMPLE_RATE as usize / 5;

/// Blocks of 0.1 s in which loudness is looked at.
const BLOCK: usize = SAMPLE_RATE as usize / 10;

/// -60 dBFS as RMS of 16-bit samples. The features are normalised for level, so that the search hears
/// words in the last bit of silence too; speech has blocks at -30 dBFS and above.
const SILENCE_RMS: f64 = 32.768;

/// Seconds. A phone may stretch for ever in the search, and hum, hiss or a held note comes out as one
/// long word ("boom", "moon"); the longest of the dictionary are spoken in less.
const LONGEST_WORD: f64 = 1.5;

/// Frames per second of the front end, the unit in which the search counts time.
const FRAME_RATE: f64 = 100.0;

/// Speed against accuracy: 2.2 times faster than the defaults for one word in a hundred more wrong.
/// `ds` scores codebooks every second frame, `topn` keeps two Gaussians of each, `maxwpf` and
/// `maxhmmpf` bound words and states per frame, `pl_window` looks ten frames ahead by phones.
const FAST: [(&CStr, c_long); 5] = [(c"ds", 2), (c"topn", 2), (c"maxwpf", 5), (c"maxhmmpf", 3000), (c"pl_window", 10)];

/// What tells this recogniser from one that might hear other words in the same samples: release, parameters,
/// model files.
pub fn identity() -> String {
    let hashes: Vec<&str> = model::FILES.iter().map(|(_, hash)| *hash).collect();
    format!("pocketsphinx 5.1.1 {FAST:?} {SILENCE_RMS} {LONGEST_WORD} {}", hashes.join(" "))
}

/// Loading parses numbers and builds filter banks through static variables of the C library, so one
/// load runs at a time. Recognition has none and runs in any number of threads.
static LOADING: Mutex<()> = Mutex::new(());

/// One word as it was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct RecognisedWord {
    /// The word in lower case as the dictionary spells it (`don't`, `mr.`).
    pub text: String,
    /// Seconds from the first sample.
    pub start: f64,
    /// Seconds from the first sample, after `start`.
    pub end: f64,
    /// Posterior probability of the word in the search's lattice, 0..=1; well above the share of words
    /// that are right.
    pub confidence: f64,
}

/// Why the recogniser gave no answer. None depends on what was said: speech that it can't make out is
/// an empty list.
#[derive(Debug, thiserror::Error)]
pub enum RecogniserError {
    /// A file of the model is absent or cannot be read.
    #[error("{}: the recogniser's model is incomplete ({source}); run `make setup`", path.display())]
    Missing {
        /// The file looked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the model is not the released one. The library would end the process over it.
    #[error(
        "{}: not the file of release 5.1.1 (SHA-256 differs); remove the folder and run `make setup`",
        path.display()
    )]
    Damaged {
        /// The file in question.
        path: PathBuf,
    },
    /// All files are sound, but the library refuses them.
    #[error(
        "{}: PocketSphinx cannot load this model; is the path plain, and memory left?",
        directory.display()
    )]
    Load {
        /// The model directory.
        directory: PathBuf,
    },
    /// More samples than one utterance may have.
    #[error("{samples} samples at once, at most {MAX_SAMPLES}: offer windows of 30 s")]
    TooLong {
        /// Number of samples offered.
        samples: usize,
    },
    /// A call into the library failed.
    #[error("PocketSphinx failed in {call}")]
    Failed {
        /// The C function's name.
        call: &'static str,
    },
}

/// A loaded decoder. About 90 MiB, mostly read-only pages that recognisers of one process share.
pub struct Recogniser {
    decoder: NonNull<ffi::Decoder>,
}

// SAFETY: the decoder owns all it points to and keeps nothing in thread-local storage but the random
// generator of the dither, which is off. `&mut self` keeps two threads from using one at a time.
unsafe impl Send for Recogniser {}

impl Recogniser {
    /// Loads the US English model below `model_dir`
    /// (`<HARK_HOME>/pocketsphinx-5.1.1/model/en-us`), in about half a second.
    ///
    /// Errors: `Missing`, `Damaged`, `Load`. The library ends the process when it runs out of memory, as Rust
    /// does.
    pub fn load(model_dir: &Path) -> Result<Self, RecogniserError> {
        model::verify(model_dir)?;
        let refused = || RecogniserError::Load { directory: model_dir.to_path_buf() };
        let below = |name: &str| {
            let path = model_dir.join(name).into_os_string().into_encoded_bytes();
            CString::new(path).map_err(|_| refused())
        };
        let texts = [
            (c"hmm", below(model::ACOUSTIC)?),
            (c"lm", below(model::LANGUAGE)?),
            (c"dict", below(model::DICTIONARY)?),
            (c"cmn", c"batch".to_owned()),
            (c"loglevel", c"FATAL".to_owned()),
        ];

        let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: null asks for the library's own table of options. The decoder takes its own reference
        // to the configuration, so ours is given back in either case; strings are copied.
        let decoder = unsafe {
            let config = ffi::ps_config_init(ptr::null());
            if config.is_null() {
                return Err(refused());
            }
            for (name, value) in &texts {
                ffi::ps_config_set_str(config, name.as_ptr(), value.as_ptr());
            }
            for (name, value) in FAST {
                ffi::ps_config_set_int(config, name.as_ptr(), value);
            }
            let decoder = ffi::ps_init(config);
            ffi::ps_config_free(config);
            decoder
        };
        let decoder = NonNull::new(decoder).ok_or_else(refused)?;
        let recogniser = Recogniser { decoder };
        // SAFETY: the decoder is alive. A scorer of another kind has state that nothing here resets, so
        // such a model is refused rather than heard differently each time.
        let forgets = unsafe { ffi::hark_sphinx_forget(decoder.as_ptr()) };
        if forgets < 0 {
            return Err(refused());
        }
        Ok(recogniser)
    }

    /// Mono 16 kHz samples -> the words in them, in order, without fillers (silence, breath, noise).
    /// Silence (no 0.1 s above -60 dBFS RMS) and samples too short for a word (0.2 s) give none.
    ///
    /// Errors: `TooLong`, `Failed`; the recogniser can be used again after either.
    pub fn words(&mut self, samples: &[i16]) -> Result<Vec<RecognisedWord>, RecogniserError> {
        if samples.len() > MAX_SAMPLES {
            return Err(RecogniserError::TooLong { samples: samples.len() });
        }
        if samples.len() < MIN_SAMPLES || silent(samples) {
            return Ok(Vec::new());
        }
        self.hear(samples)?;
        let duration = samples.len() as f64 / f64::from(SAMPLE_RATE);
        let mut words = self.heard(duration);
        words.retain(|word| word.end - word.start <= LONGEST_WORD);
        Ok(words)
    }

    /// Runs the search over one utterance and ends it, so that the decoder is idle afterwards.
    fn hear(&mut self, samples: &[i16]) -> Result<(), RecogniserError> {
        let decoder = self.decoder.as_ptr();
        // SAFETY: the decoder is alive; the slice outlives the call, which copies what it keeps.
        unsafe {
            succeeded("hark_sphinx_forget", ffi::hark_sphinx_forget(decoder))?;
            succeeded("ps_start_stream", ffi::ps_start_stream(decoder))?;
            succeeded("ps_start_utt", ffi::ps_start_utt(decoder))?;
            let searched = ffi::ps_process_raw(decoder, samples.as_ptr(), samples.len(), 0, 1);
            let ended = ffi::ps_end_utt(decoder);
            succeeded("ps_process_raw", searched)?;
            succeeded("ps_end_utt", ended)
        }
    }

    /// Reads the words of the utterance just ended from the best path through its lattice.
    fn heard(&mut self, duration: f64) -> Vec<RecognisedWord> {
        let mut words = Vec::new();
        let decoder = self.decoder.as_ptr();
        // SAFETY: the decoder is alive and idle. A segment is read before the iterator moves on; its
        // word points into the dictionary and is copied here. The iterator frees itself at its end.
        unsafe {
            let logmath = ffi::ps_get_logmath(decoder);
            let mut segment = ffi::ps_seg_iter(decoder);
            while !segment.is_null() {
                let (mut first, mut last) = (0, 0);
                ffi::ps_seg_frames(segment, &mut first, &mut last);
                let spelt = ffi::ps_seg_word(segment);
                if !spelt.is_null()
                    && let Some(text) = spoken(&CStr::from_ptr(spelt).to_string_lossy())
                {
                    let (none, also, neither) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
                    let log_posterior = ffi::ps_seg_prob(segment, none, also, neither);
                    words.push(RecognisedWord {
                        text: text.to_owned(),
                        start: f64::from(first) / FRAME_RATE,
                        end: (f64::from(last + 1) / FRAME_RATE).min(duration),
                        confidence: ffi::logmath_exp(logmath, log_posterior).clamp(0.0, 1.0),
                    });
                }
                segment = ffi::ps_seg_next(segment);
            }
        }
        words
    }
}

impl Drop for Recogniser {
    fn drop(&mut self) {
        // SAFETY: this is the only reference, and nothing of the decoder is used after it.
        unsafe {
            ffi::ps_free(self.decoder.as_ptr());
        }
    }
}

/// The dictionary's entry as a word: none for fillers (`<s>`, `<sil>`, `[NOISE]`, `++UH++`), and
/// `read(2)`, the second way to say it, is `read`.
fn spoken(entry: &str) -> Option<&str> {
    if entry.starts_with(['<', '[', '+']) {
        return None;
    }
    match entry.split_once('(') {
        Some((word, _)) if !word.is_empty() => Some(word),
        _ => Some(entry),
    }
}

/// Whether not one block is louder than silence.
fn silent(samples: &[i16]) -> bool {
    samples.chunks(BLOCK).all(|block| {
        let energy: f64 = block.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        energy < SILENCE_RMS.powi(2) * block.len() as f64
    })
}

fn succeeded(call: &'static str, status: i32) -> Result<(), RecogniserError> {
    if status < 0 {
        return Err(RecogniserError::Failed { call });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn fillers_are_no_words_and_alternate_markers_fall_off() {
        let entries = ["<s>", "read(2)", "<sil>", "[NOISE]", "a", "mr.", "don't(12)", "++UH++"];
        let words: Vec<&str> = entries.into_iter().filter_map(spoken).collect();
        assert_eq!(words, ["read", "a", "mr.", "don't"]);
    }
}
