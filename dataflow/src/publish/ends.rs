//! What a row says of an episode: how it ended, and which object it tells of.

use std::collections::BTreeMap;

use hark_operators::dedupe::verdict::Verdict;
use hark_operators::record::outcome::{Outcome, State};
use hark_operators::record::{About, EpisodeId, EpisodeKey};
use hark_operators::units::Span;

use super::PIPELINE;
use crate::sink::ObjectKey;

/// How an episode ends by a verdict.
pub(super) fn settled(verdict: &Verdict) -> State {
    match verdict {
        Verdict::Duplicate { of, tie } => State::Duplicate {
            of: of.episode.to_string(),
            level: tie.level.name().to_owned(),
            via: tie.to.episode.to_string(),
            similarity: tie.similarity(),
        },
        Verdict::Revised { by } => State::TakenDown { revised_by: Some(*by) },
        Verdict::Withdrawn => State::TakenDown { revised_by: None },
    }
}

/// Whether an episode that ended so has nothing to correct by a verdict. To which of several later revisions an
/// earlier one fell is not told anew with each of them: of an episode that has a hundred, every one would cost
/// a hundred rows.
pub(super) fn says(state: &State, verdict: &Verdict) -> bool {
    match (state, verdict) {
        (State::TakenDown { revised_by: Some(_) }, Verdict::Revised { .. }) => true,
        _ => *state == settled(verdict),
    }
}

/// The object that a row tells of.
pub(super) fn object_in(outcome: &Outcome) -> Option<ObjectKey> {
    let State::Published { selection, clips } = &outcome.state else { return None };
    match clips.first() {
        Some(clip) => ObjectKey::of_uri(&clip.uri),
        None => Some(object_of(&key_of(outcome), "", selection.span)),
    }
}

/// The object of a preview: another span of the same audio is another object.
pub(super) fn object_of(key: &EpisodeKey, digest: &str, span: Span) -> ObjectKey {
    let content = format!("{digest} {:.3} {:.3}", span.start.0, span.end.0);
    ObjectKey::of(key.episode.as_str(), key.revision, &content, PIPELINE)
}

pub(super) fn key_of(outcome: &Outcome) -> EpisodeKey {
    EpisodeKey { episode: EpisodeId::from(outcome.episode.clone()), revision: outcome.revision }
}

/// An outcome without what its own way through the graph found.
pub(super) fn without_about(outcome: Outcome) -> Outcome {
    let About { variant, survived, language, timing, models, picture, audio: _, weighed } = About::default();
    let (timings, audio_bytes) = (BTreeMap::new(), 0);
    Outcome { variant, survived, language, timing, models, picture, timings, audio_bytes, weighed, ..outcome }
}
