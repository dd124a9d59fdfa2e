//! Audio of an episode, once it is decoded (by [`hark_audio`]).
//!
//! ```text
//! pcm:    its blocks on disk, until the models have seen them
//! events: how loud and how musical it is
//! clip:   the preview: edges, mix, loudness, encoding, captions
//! ```

pub mod clip;
pub mod events;
pub mod pcm;
