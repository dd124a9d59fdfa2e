//! Outcomes for the tests of this room.

use std::collections::BTreeMap;

use hark_operators::Fault;
use hark_operators::record::finding::Variant;
use hark_operators::record::outcome::{Clip, Gate, ModelUsed, Outcome, Picture, Selection, StageTime, State};
use hark_operators::record::part::{Part, Weighed};
use hark_operators::record::piece::Timing;
use hark_operators::record::{Announcement, EpisodeId, EpisodeKey, Priority, TranscriptSource};
use hark_operators::units::Span;

/// An outcome with every part filled.
pub(crate) fn published(show: &str, episode: &str, revision: u64) -> Outcome {
    let gate = |pass, measured, limit: &str| Gate { pass, measured, limit: limit.into() };
    let selection = Selection {
        span: Span::new(61.37, 119.005),
        transcript: "We walked for an hour. Then the bridge came into view.".into(),
        sentences: (7, 9),
        scores: BTreeMap::from([("speech".into(), 0.1 + 0.2), ("total".into(), 0.731)]),
        gates: BTreeMap::from([
            ("duration".into(), gate(true, Some(57.63), "15..=120")),
            ("music".into(), gate(true, None, "<= 0.05")),
        ]),
        candidates: 41,
    };
    let clip = |uri: &str, media_type: &str| Clip {
        uri: uri.into(),
        media_type: media_type.into(),
        bytes: 912_345,
        sha256: "ab".repeat(32),
        loudness_lufs: -16.04,
        true_peak_dbtp: -1.3,
        seconds: 57.64,
    };
    let clips = vec![clip("previews/ab/ab.m4a", "audio/mp4"), clip("previews/ab/ab.ogg", "audio/ogg")];
    outcome(show, episode, revision, State::Published { selection, clips })
}

/// A failure.
pub(crate) fn failed(show: &str, episode: &str) -> Outcome {
    let fault = Fault {
        chain: vec!["end of stream".into()],
        ..Fault::poison("decode", "truncated", "the file ends after 12.3 s", "fetch it again")
    };
    outcome(show, episode, 0, State::Failed { fault })
}

/// An outcome in any state.
pub(crate) fn outcome(show: &str, episode: &str, revision: u64, state: State) -> Outcome {
    let key = EpisodeKey { episode: EpisodeId::from(episode), revision };
    Outcome {
        episode: episode.into(),
        revision,
        show: show.into(),
        title: format!("Title of {episode}"),
        state,
        variant: Variant::Light,
        survived: vec![Fault::retry("embed", "timeout", "passage 3 took too long", "more lanes")],
        language: Some("eng".into()),
        timing: Some(Timing::Estimated),
        models: vec![ModelUsed { name: "silero-vad".into(), version: "6.2.3".into(), sha256: "cd".repeat(32) }],
        layout: "fused".into(),
        ingested_at: 1_763_800_000.25,
        completed_at: 1_763_800_012.75,
        timings: BTreeMap::from([("decode".into(), StageTime { queued: 0.5, computing: 1.1 })]),
        picture: Picture {
            seconds: 600.0,
            level: vec![1, 50, 100],
            speech: vec![Span::new(0.0, 30.0)],
            repeated: vec![Part { start: 2_000, end: 9_500, episodes: 3, rebroadcast: false }],
            ..Picture::default()
        },
        audio_bytes: 9_600_123,
        weighed: Some(Weighed { best: Span::new(30.0, 90.0), ..Weighed::default() }),
        announcement: Announcement {
            key,
            show: show.into(),
            title: format!("Title of {episode}"),
            description: String::new(),
            published: 0,
            audio: Some("a.mp3".into()),
            transcript: Some(TranscriptSource::Inline { text: "Hello.".into(), media_type: None }),
            language: None,
            declared_seconds: Some(600.0),
            priority: Priority::Normal,
            deadline: None,
            withdrawn: false,
            base: "/feeds".into(),
        },
    }
}
