//! hark's models: plain values to tensors to plain values.

pub mod sphinx;
