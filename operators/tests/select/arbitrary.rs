//! Whatever a dossier holds, selection does not panic, and what it chooses lies inside the episode.

use hark_operators::record::finding::Dossier;
use hark_operators::record::piece::{Sentence, Timing, Word};
use hark_operators::select::{Reading, Weights, shortlist};
use hark_operators::units::Span;
use proptest::prelude::*;

use crate::material;

fn time() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0..400.0,
        1 => -50.0..0.0,
        1 => prop::sample::select(vec![0.0, -0.0, 1e9, -1e9, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NAN]),
    ]
}

fn sentence() -> impl Strategy<Value = Sentence> {
    let words = prop::sample::select(vec![
        "And",
        "harbour",
        "promo",
        "code",
        "brought",
        "to",
        "you",
        "by",
        "Brindle",
        "brindle.com",
        "slash",
        "why?",
        "no.",
        "$5",
        "20%",
        "…",
        "—",
        "شكرا",
        "漢字。",
        "",
        "welcome",
        "thanks",
        "for",
        "listening.",
        "um",
    ]);
    let text = prop::collection::vec(words, 0..12).prop_map(|words| words.join(" "));
    let speaker = prop::option::of(prop::sample::select(vec!["A".to_owned(), "B".to_owned()]));
    (time(), time(), text, speaker, any::<bool>()).prop_map(|(start, second, text, speaker, length)| {
        let end = if length { start + second.rem_euclid(20.0) } else { second };
        let span = Span::new(start, end);
        let words = text.split_whitespace().map(|word| Word { span, text: word.to_owned() }).collect();
        Sentence { span, speaker, text, words }
    })
}

fn dossier() -> impl Strategy<Value = Dossier> {
    let timing = prop::option::of(prop::sample::select(vec![Timing::Words, Timing::Segments, Timing::Estimated]));
    let vector = prop_oneof![prop::collection::vec(-1.0_f32..1.0, 4), prop::collection::vec(Just(f32::NAN), 0..5),];
    // Runs of frames, so that speech and music come in stretches.
    let runs = |most: usize| {
        prop::collection::vec((any::<u8>(), 1..most), 0..40)
            .prop_map(|runs| runs.into_iter().flat_map(|(value, n)| std::iter::repeat_n(value, n)).collect::<Vec<u8>>())
    };
    (
        prop::collection::vec(sentence(), 0..80),
        runs(400),
        runs(1000),
        runs(30),
        prop::collection::vec(((0_u32..100, 0_u32..100), vector), 0..20),
        timing,
        ".{0,20}",
    )
        .prop_map(|(sentences, speech, level, music, embeddings, timing, title)| {
            let mut dossier = material::dossier("arbitrary", &title, "<p>harbour &amp; brindle", sentences);
            dossier.speech = speech;
            dossier.level = level.into_iter().map(|l| -((l / 2) as i8)).collect();
            dossier.music = music;
            dossier.embeddings = embeddings;
            dossier.timing = timing;
            dossier
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_dossier_gives_a_span_inside_the_episode_or_a_fault(dossier in dossier()) {
        let seconds = Reading::of(&dossier, &Weights::default()).picture().seconds;
        let inside = |span: Span| span.start.0 >= 0.0 && span.start.0 < span.end.0 && span.end.0 <= seconds;
        if let Ok(verdict) = Reading::of(&dossier, &Weights::default()).verdict() {
            let (selection, limits) = (&verdict.selection, verdict.cut_limits);
            prop_assert!(inside(selection.span), "{:?} of {seconds}", selection.span);
            prop_assert!(selection.scores.values().all(|score| (0.0..=1.0).contains(score)), "{:?}", selection.scores);
            prop_assert!(selection.gates.values().all(|gate| gate.measured.is_none_or(f64::is_finite)));
            prop_assert_eq!(verdict.passes, selection.gates.values().all(|gate| gate.pass));
            prop_assert!((selection.sentences.1 as usize) <= dossier.sentences.len());
            prop_assert!(0.0 <= limits.start_min && limits.start_min <= limits.start_max);
            prop_assert!(limits.start_max < limits.end_min && limits.end_min <= limits.end_max && limits.end_max <= seconds);
            prop_assert_eq!(&verdict, &Reading::of(&dossier, &Weights::default()).verdict().expect("the same again"));
        }
        for span in shortlist(&dossier, &Weights::default(), 3).spans {
            prop_assert!(inside(span) && span.length() <= 75.0 + 1e-9, "{span:?} of {seconds}");
        }
        let adverts = Reading::of(&dossier, &Weights::default()).adverts().to_vec();
        prop_assert!(adverts.iter().all(|span| inside(*span)));
        prop_assert!(adverts.windows(2).all(|pair| pair[0].end.0 <= pair[1].start.0));
        let picture = Reading::of(&dossier, &Weights::default()).picture();
        prop_assert!(picture.level.len() <= 600 && picture.speech.iter().chain(&picture.music).all(|span| inside(*span)));
    }
}
