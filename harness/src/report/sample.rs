//! Outcomes as a run might end with, for the tests of this room: every state, many languages, and
//! titles that try to break out.

use std::collections::BTreeMap;

use hark_operators::Fault;
use hark_operators::record::finding::Variant;
use hark_operators::record::outcome::{
    Clip, Gate, ModelUsed, Outcome, PICTURE_BINS, Picture, Selection, StageTime, State,
};
use hark_operators::record::part::Part;
use hark_operators::record::piece::Timing;
use hark_operators::record::{Announcement, EpisodeId, EpisodeKey};
use hark_operators::units::Span;

/// What a run over a mixed feed ends with.
pub fn varied() -> Vec<Outcome> {
    let mut outcomes = vec![
        published("The Long Tide", "Why lighthouses went dark, and who still keeps the lamps", "tide-12", TIDE),
        duplicate("The Long Tide", "Why lighthouses went dark (rerun)", "tide-12b", "tide-12", "digest"),
        published("مختبر الصوت", "كيف تسمع الآلة ما نقوله؟ حديث عن الصمت والضجيج", "sawt-3", ARABIC),
        failed("Radio Drehbänke", "Episode 88: solder, flux and other small fires", "bench-88"),
        published("世界の駅前から", "第四十二回　始発電車を待つ人たちの声", "eki-42", JAPANESE),
        taken_down("Radio Drehbänke", "Episode 61 (withdrawn)", "bench-61"),
        duplicate("Radio Drehbänke", "A guest from another feed", "bench-89", "elsewhere:7", "identity"),
    ];
    let light = &mut outcomes[4];
    light.variant = Variant::Light;
    light.timing = Some(Timing::Estimated);
    light.language = Some("jpn".into());
    light.survived = vec![Fault {
        chain: vec!["lane 2: no answer within 30 s".into(), "the device reported out of memory".into()],
        ..Fault::retry("embed", "timeout", "passage 14 of 31 took more than 30 s", "give the group more lanes")
    }];
    outcomes[2].language = Some("arb".into());
    outcomes
}

const TIDE: &str = "The last keeper told me he never minded the dark. What he minded was the quiet after the horn was \
    switched off. For forty years he had slept through it, four blasts every minute, and the first night without it he \
    sat up in bed and thought the sea had gone. We forget that a lighthouse was a sound as much as a light. Ships heard \
    it long before they saw anything, and so did the people on land, who set their clocks by the lamp and their moods by \
    the horn.";
const ARABIC: &str = "قبل أن نسأل ماذا تقول الآلة علينا أن نسأل ماذا تسمع. الصمت عندها ليس صمتا، بل هو رقم صغير جدا. \
    والضجيج ليس إزعاجا، بل هو معلومة لم نفهمها بعد.";
const JAPANESE: &str = "四時半の駅前には、もう七人が並んでいました。誰も話さない。けれど、みんなお互いを知っている。\
    毎朝同じ順番で並んで、同じ車両に乗る。名前は知らないけれど、一人でも欠けると心配になる。";

/// A published outcome.
pub fn published(show: &str, title: &str, episode: &str, words: &str) -> Outcome {
    let gate = |pass, measured, limit: &str| Gate { pass, measured, limit: limit.into() };
    let selection = Selection {
        span: Span::new(512.4, 569.1),
        transcript: words.into(),
        sentences: (80, 86),
        scores: [
            ("total", 0.78),
            ("speech", 0.97),
            ("representative", 0.71),
            ("self_contained", 0.84),
            ("delivery", 0.66),
            ("position", 0.4),
        ]
        .map(|(name, score)| (name.to_owned(), score))
        .into(),
        gates: [
            ("duration", gate(true, Some(56.7), "15..=120 s")),
            ("edge_distance", gate(true, Some(0.08), "<= 0.25 s")),
            ("advert_overlap", gate(true, Some(0.0), "= 0 s")),
            ("speech_share", gate(true, Some(0.968), ">= 0.85")),
            ("music_share", gate(episode != "eki-42", Some(0.072), "<= 0.05")),
            ("loudness", gate(true, None, "-16 ±1 LUFS")),
        ]
        .map(|(name, gate)| (name.to_owned(), gate))
        .into(),
        candidates: 143,
    };
    let clip = |ending: &str, media_type: &str, bytes| Clip {
        uri: format!("previews/5e/{}.{ending}", "5e".repeat(32)),
        media_type: media_type.into(),
        bytes,
        sha256: "5e".repeat(32),
        loudness_lufs: -16.03,
        true_peak_dbtp: -1.4,
        seconds: 56.71,
    };
    let clips = vec![clip("m4a", "audio/mp4", 912_345), clip("ogg", "audio/ogg", 455_000)];
    outcome(show, title, episode, State::Published { selection, clips })
}

fn failed(show: &str, title: &str, episode: &str) -> Outcome {
    let fault = Fault {
        chain: vec!["decoder child ended with signal 9".into(), "memory limit of 256 MiB reached".into()],
        ..Fault::poison(
            "decode",
            "memory",
            "bench-88.caf asks for 8.6 GB for one packet at byte 44",
            "re-encode the file at its source; hark will take it as a new revision",
        )
    };
    let mut outcome = outcome(show, title, episode, State::Failed { fault });
    outcome.picture = Picture::default();
    outcome
}

fn duplicate(show: &str, title: &str, episode: &str, of: &str, level: &str) -> Outcome {
    outcome(
        show,
        title,
        episode,
        State::Duplicate { of: of.into(), level: level.into(), via: of.into(), similarity: 1.0 },
    )
}

fn taken_down(show: &str, title: &str, episode: &str) -> Outcome {
    outcome(show, title, episode, State::TakenDown { revised_by: None })
}

/// An outcome in any state.
pub fn outcome(show: &str, title: &str, episode: &str, state: State) -> Outcome {
    let key = EpisodeKey { episode: EpisodeId::from(episode), revision: 0 };
    let stage = |name: &str, queued, computing| (name.to_owned(), StageTime { queued, computing });
    Outcome {
        audio_bytes: 9_600_123,
        weighed: None,
        episode: episode.into(),
        revision: 0,
        show: show.into(),
        title: title.into(),
        state,
        variant: Variant::Full,
        survived: Vec::new(),
        language: Some("eng".into()),
        timing: Some(Timing::Segments),
        models: vec![
            ModelUsed { name: "silero-vad".into(), version: "6.2.3".into(), sha256: "1a84c5".repeat(10) },
            ModelUsed { name: "all-minilm-l6-v2".into(), version: "c9745ed".into(), sha256: "53aa51".repeat(10) },
        ],
        layout: "fused".into(),
        ingested_at: 1_763_800_000.25,
        completed_at: 1_763_800_012.75,
        timings: [
            stage("fetch", 0.02, 0.31),
            stage("decode", 0.4, 1.9),
            stage("speech", 2.1, 3.05),
            stage("embed", 1.2, 2.2),
            stage("select", 0.0, 0.012),
            stage("cut", 0.03, 0.9),
        ]
        .into(),
        picture: picture(),
        announcement: Announcement {
            show: show.into(),
            title: title.into(),
            audio: Some("a.mp3".into()),
            ..Announcement::bare(key, String::new())
        },
    }
}

/// Twenty minutes: a musical opening, talk that rises and falls and pauses, two adverts.
fn picture() -> Picture {
    let level = (0..PICTURE_BINS).map(|bin| {
        let t = bin as f64;
        let syllables = 0.55 + 0.45 * (t * 2.39).sin() * (t * 0.71).cos();
        let breath = 0.75 + 0.25 * (t * 0.083).sin();
        let pause = if bin % 47 < 2 { 0.06 } else { 1.0 };
        let music = if !(22..=575).contains(&bin) { 0.35 + 0.2 * (t * 0.9).sin() } else { syllables * breath * pause };
        (100.0 * music).clamp(0.0, 100.0) as u8
    });
    let speech = (0..26).map(|turn| Span::new(44.0 + 43.0 * f64::from(turn), 83.0 + 43.0 * f64::from(turn)));
    Picture {
        seconds: 1200.0,
        level: level.collect(),
        speech: speech.collect(),
        music: vec![Span::new(0.0, 44.0), Span::new(1150.0, 1200.0)],
        adverts: vec![Span::new(210.0, 262.0), Span::new(800.0, 861.0)],
        repeated: [(0, 44), (210, 262), (1150, 1200)].map(part).into(),
    }
}

fn part((start, end): (u32, u32)) -> Part {
    Part { start: start * 1000, end: end * 1000, episodes: 7, rebroadcast: false }
}

/// Titles, shows, words and messages that try to break out of where they are put.
pub fn hostile() -> Vec<Outcome> {
    let long = "Überlänge ".repeat(1_000);
    let titles = [
        "<script>window.pwned = 1</script>",
        "\"><img src=x onerror=\"window.pwned = 2\">",
        "</title></style></script><script>window.pwned = 3</script>",
        "' onmouseover='window.pwned = 4' x='",
        "<!-- --!> ]]> <svg onload=window.pwned=5>",
        "first line\nsecond line\r\n\tthird \0 \u{1b}[31mred\u{7}",
        "\u{202e}gnp.exe \u{2066}\u{202d} and on it goes",
        "&lt;b&gt;&amp;&#60;script&#62;window.pwned=6&#60;/script&#62;",
        "{{constructor.constructor('window.pwned=7')()}} ${window.pwned=7}",
        "ﷺ\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307} Z\u{336}\u{337}a\u{338}lgo",
        &"W".repeat(10_000),
        &long,
        "",
    ];
    let mut outcomes: Vec<_> = titles
        .iter()
        .enumerate()
        .map(|(i, title)| {
            let mut hostile = published(title, title, &format!("{title}{i}"), title);
            hostile.language = Some((*title).to_owned());
            hostile.layout = (*title).to_owned();
            hostile.survived =
                vec![Fault { chain: vec![(*title).into()], ..Fault::retry(title, title, *title, *title) }];
            hostile.timings =
                BTreeMap::from([((*title).to_owned(), StageTime { queued: f64::NAN, computing: f64::INFINITY })]);
            hostile.models =
                vec![ModelUsed { name: (*title).into(), version: (*title).into(), sha256: (*title).into() }];
            let State::Published { selection, clips } = &mut hostile.state else { unreachable!() };
            selection.scores = BTreeMap::from([((*title).to_owned(), f64::NAN), ("huge".into(), 1e300)]);
            selection.gates = BTreeMap::from([(
                (*title).to_owned(),
                Gate { pass: false, measured: Some(f64::NEG_INFINITY), limit: (*title).into() },
            )]);
            clips[0].media_type = (*title).to_owned();
            clips[1].uri = format!("javascript:window.pwned={i}");
            hostile
        })
        .collect();
    for (i, title) in titles.iter().enumerate() {
        let fault = Fault { chain: vec![(*title).into()], ..Fault::poison(title, title, *title, *title) };
        outcomes.push(outcome(title, title, &format!("f{i}"), State::Failed { fault }));
        outcomes.push(duplicate(title, title, &format!("d{i}"), &format!("{title}{i}"), title));
        outcomes.push(duplicate(title, title, &format!("u{i}"), title, title));
    }
    outcomes
}
