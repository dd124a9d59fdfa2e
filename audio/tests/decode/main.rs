//! Decoding of foreign audio, against ffmpeg and against files that mean harm.

#![allow(clippy::unwrap_used)] // a test that cannot read its material has failed

mod alignment;
mod bench;
mod generate;
mod harm;
mod marks;
mod pool;
mod spans;
