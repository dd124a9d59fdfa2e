//! The sixteen functions of PocketSphinx 5.1.1 that hark calls, as its `pocketsphinx.h` declares
//! them, and one of our own (`forget.c`).
//!
//! Invariant: a pointer named `config` or `decoder` below was returned by the matching `init` and
//! not freed since; a segment iterator is dead once `ps_seg_next` returned null.

use std::ffi::{c_char, c_double, c_int, c_long, c_void};

/// `ps_config_t`
#[repr(C)]
pub struct Config {
    _opaque: [u8; 0],
}

/// `ps_decoder_t`
#[repr(C)]
pub struct Decoder {
    _opaque: [u8; 0],
}

/// `ps_seg_t`
#[repr(C)]
pub struct Segment {
    _opaque: [u8; 0],
}

/// `logmath_t`
#[repr(C)]
pub struct LogMath {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    pub fn ps_config_init(definitions: *const c_void) -> *mut Config;
    pub fn ps_config_free(config: *mut Config) -> c_int;
    pub fn ps_config_set_int(config: *mut Config, name: *const c_char, value: c_long) -> *const c_void;
    pub fn ps_config_set_str(config: *mut Config, name: *const c_char, value: *const c_char) -> *const c_void;

    pub fn ps_init(config: *mut Config) -> *mut Decoder;
    pub fn ps_free(decoder: *mut Decoder) -> c_int;
    pub fn ps_get_logmath(decoder: *mut Decoder) -> *mut LogMath;
    pub fn logmath_exp(logmath: *mut LogMath, logb_p: c_int) -> c_double;

    pub fn ps_start_stream(decoder: *mut Decoder) -> c_int;
    pub fn ps_start_utt(decoder: *mut Decoder) -> c_int;
    pub fn ps_process_raw(
        decoder: *mut Decoder,
        samples: *const i16,
        count: usize,
        no_search: c_int,
        full_utterance: c_int,
    ) -> c_int;
    pub fn ps_end_utt(decoder: *mut Decoder) -> c_int;

    pub fn ps_seg_iter(decoder: *mut Decoder) -> *mut Segment;
    pub fn ps_seg_next(segment: *mut Segment) -> *mut Segment;
    pub fn ps_seg_word(segment: *mut Segment) -> *const c_char;
    pub fn ps_seg_frames(segment: *mut Segment, first: *mut c_int, last: *mut c_int);
    pub fn ps_seg_prob(segment: *mut Segment, acoustic: *mut c_int, language: *mut c_int, backoff: *mut c_int)
    -> c_int;

    /// Our own: resets the scorer's memory of past frames; see `forget.c`.
    pub fn hark_sphinx_forget(decoder: *mut Decoder) -> c_int;
}
