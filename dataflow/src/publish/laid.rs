//! The objects of a preview, made durable before anybody is told of it.
//!
//! ```text
//! a batch of ends ─▶ those with a preview ─┬▶ objects ┐
//!                                          ├▶ objects ├▶ one commit of rows and messages
//!                                          └▶ objects ┘
//! ```
//! Side by side and without the ledger: each object waits for a disk or a store, and a disk takes as
//! long for ten that wait at once as for one.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hark_operators::media::clip::EncodedClip;
use hark_operators::record::outcome::Clip;
use hark_operators::record::{EpisodeKey, Rendered};

use super::ends::object_of;
use crate::death::{self, Step};
use crate::sink::{ObjectKey, ObjectKind, Objects, SinkError};

/// How many previews are laid at once.
const AT_ONCE: usize = 16;

/// A preview whose objects are durable.
pub(super) struct Laid {
    pub object: ObjectKey,
    pub clips: Vec<Clip>,
}

/// Makes the objects of one preview durable.
pub(super) fn lay(objects: &Objects, key: &EpisodeKey, rendered: &Rendered) -> Result<Laid, SinkError> {
    let digest = rendered.about.audio.as_ref().map_or("", |audio| &audio.digest);
    let object = object_of(key, digest, rendered.selection.span);
    let kind = |clip: &EncodedClip| if clip.media_type == "audio/mp4" { ObjectKind::M4a } else { ObjectKind::Ogg };
    let mut bytes: Vec<(ObjectKind, &[u8])> = rendered.clips.iter().map(|clip| (kind(clip), &clip.bytes[..])).collect();
    if !rendered.captions.is_empty() {
        bytes.push((ObjectKind::Captions, rendered.captions.as_bytes()));
    }
    bytes.push((ObjectKind::Soundbite, rendered.soundbite.as_bytes()));
    let written = objects.write(&object, &bytes)?;
    let clips = rendered.clips.iter().zip(written).map(|(clip, written)| Clip {
        uri: written.uri,
        media_type: clip.media_type.to_string(),
        bytes: clip.bytes.len() as u64,
        sha256: clip.sha256.clone(),
        loudness_lufs: clip.loudness_lufs,
        true_peak_dbtp: clip.true_peak_dbtp,
        seconds: clip.seconds,
    });
    let clips = clips.collect();
    death::after(Step::Objects);
    Ok(Laid { object, clips })
}

/// The same for a batch; where there is nothing to lay there is `None`.
pub(super) fn lay_all(
    objects: &Objects,
    previews: &[Option<(&EpisodeKey, &Rendered)>],
) -> Result<Vec<Option<Laid>>, SinkError> {
    let wanted = previews.iter().flatten().count();
    let of = |preview: &Option<(&EpisodeKey, &Rendered)>| {
        preview.map(|(key, rendered)| lay(objects, key, rendered)).transpose()
    };
    let Some(threads) = NonZero::new(wanted.min(AT_ONCE)).filter(|threads| threads.get() > 1) else {
        return previews.iter().map(of).collect();
    };
    let next = AtomicUsize::new(0);
    let laid = Mutex::new(previews.iter().map(|_| Ok(None)).collect::<Vec<Result<_, SinkError>>>());
    std::thread::scope(|scope| {
        for _ in 0..threads.get() {
            scope.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < previews.len()) {
                    let one = of(&previews[at]);
                    laid.lock().expect("nobody panics while it is held")[at] = one;
                }
            });
        }
    });
    laid.into_inner().expect("nobody panics while it is held").into_iter().collect()
}
