//! Decoding of foreign audio, against ffmpeg and against files that mean harm.

mod alignment;
mod bench;
mod generate;
mod harm;
mod marks;
mod pool;
mod spans;
