//! Decoding of foreign audio, against ffmpeg and against files that mean harm.

mod bench;
mod alignment;
