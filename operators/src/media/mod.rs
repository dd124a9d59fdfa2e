//! Foreign audio bytes: decoded, cut and encoded in child processes with limits, so that a file
//! that crashes its decoder or asks for all memory costs one episode and nothing else.

pub mod clip;
pub mod events;
pub mod limits;
