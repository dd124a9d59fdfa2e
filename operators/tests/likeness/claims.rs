//! Claims that need no recording.

use hark_operators::likeness::acoustic::{
    BANDS, CANDIDATE_BANDS, Fingerprinter, Landmark, Print, Shared, align, repeated, same_episode,
};
use hark_operators::units::Seconds;
use proptest::prelude::*;

use super::generated::{Random, copied, generated};

/// Something like talk: a few tones whose strengths wander.
fn babble(seed: u64, seconds: usize) -> Vec<i16> {
    let mut random = Random(seed | 1);
    let mut voices: Vec<(f64, f64, f64, f64)> = (0..12).map(|n| (300.0 * 1.2_f64.powi(n), 0.0, 0.0, 0.5)).collect();
    (0..seconds * 16_000)
        .map(|n| {
            let mut sum = 0.0;
            for (hertz, phase, strength, aim) in &mut voices {
                if n % 800 == 0 && random.within(0, 4) == 0 {
                    *aim = random.within(0, 1000) as f64 / 1000.0;
                }
                *strength += (*aim - *strength) * 0.0005;
                *phase += *hertz / 16_000.0;
                sum += (*phase * std::f64::consts::TAU).sin() * *strength * *strength;
            }
            (sum * 2000.0) as i16
        })
        .collect()
}

fn print(samples: &[i16]) -> Print {
    let mut printer = Fingerprinter::new();
    printer.take(samples);
    printer.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_size_of_the_blocks_does_not_matter(seed in 1u64.., sizes in prop::collection::vec(1usize..40_000, 1..40)) {
        let samples = babble(seed, 8);
        let mut printer = Fingerprinter::new();
        let mut rest = samples.as_slice();
        for size in sizes {
            let (block, after) = rest.split_at(size.min(rest.len()));
            printer.take(block);
            rest = after;
        }
        printer.take(rest);
        prop_assert_eq!(printer.finish(), print(&samples));
    }

    #[test]
    fn a_cut_start_moves_landmarks_and_changes_none(seed in 1u64.., hops in 1usize..300) {
        let samples = babble(seed, 16);
        let (whole, cut) = (print(&samples), print(&samples[hops * 512..]));
        // What the cut itself touches: a second of context and the filter's own length.
        let moved: Vec<Landmark> = whole
            .landmarks()
            .iter()
            .filter(|mark| mark.at as usize >= hops + 40)
            .map(|mark| Landmark { at: mark.at - hops as u32, ..*mark })
            .collect();
        let kept: Vec<Landmark> = cut.landmarks().iter().filter(|mark| mark.at >= 40).copied().collect();
        prop_assert!(!kept.is_empty());
        prop_assert_eq!(kept, moved);
    }

    #[test]
    fn a_cut_at_any_sample_keeps_the_moments_and_most_keys(seed in 1u64.., cut in 1usize..60_000) {
        let samples = babble(seed, 20);
        let alignment = align(&print(&samples), &print(&samples[cut..])).expect("one version");
        prop_assert!(same_episode(&alignment), "{:?}", alignment);
        let offset = alignment.shared[0].a_start.0 - alignment.shared[0].b_start.0;
        prop_assert!((offset - cut as f64 / 16_000.0).abs() < 0.1, "{} {}", offset, cut as f64 / 16_000.0);
    }

    #[test]
    fn loudness_does_not_matter(seed in 1u64.., halvings in 1i16..3) {
        let samples = babble(seed, 20);
        let quiet: Vec<i16> = samples.iter().map(|sample| sample >> halvings).collect();
        let alignment = align(&print(&samples), &print(&quiet)).expect("one version");
        prop_assert!(alignment.of_longer > 0.9, "{:?}", alignment);
    }

    #[test]
    fn an_alignment_is_the_same_from_both_sides(seed in 1u64.., cut in 0.0..60.0f64) {
        let mut random = Random(seed);
        let print = generated(&mut random, 200.0);
        let copy = copied(&mut random, &print, cut);
        let (there, back) = (align(&print, &copy).expect("one version"), align(&copy, &print).expect("one version"));
        let exchanged: Vec<Shared> = back
            .shared
            .iter()
            .map(|span| Shared { a_start: span.b_start, b_start: span.a_start, seconds: span.seconds })
            .collect();
        prop_assert_eq!(there.overlap, back.overlap);
        prop_assert_eq!((there.of_shorter, there.of_longer), (back.of_shorter, back.of_longer));
        prop_assert!(there.shared.iter().all(|span| exchanged.contains(span)) && there.shared.len() == exchanged.len());
    }

    #[test]
    fn repeated_parts_do_not_overlap_and_do_not_depend_on_order(
        spans in prop::collection::vec((0u8..5, 0.0..500.0f64, 3.0..60.0f64), 0..30), turn in 0usize..30,
    ) {
        let mut shared: Vec<(u8, Shared)> = spans
            .into_iter()
            .map(|(other, start, seconds)| (other, Shared { a_start: Seconds(start), b_start: Seconds(0.0), seconds: Seconds(seconds) }))
            .collect();
        let parts = repeated(&shared);
        prop_assert!(parts.windows(2).all(|pair| pair[0].span.end.0 <= pair[1].span.start.0));
        prop_assert!(parts.iter().all(|part| part.span.length() > 0.0 && (1..=5).contains(&part.episodes)));
        let turn = turn.min(shared.len());
        shared.rotate_left(turn);
        prop_assert_eq!(repeated(&shared), parts);
    }
}

#[test]
fn a_self_comparison_is_whole() {
    let print = print(&babble(7, 60));
    let alignment = align(&print, &print).expect("one version");
    assert!(alignment.of_longer > 0.99 && same_episode(&alignment), "{alignment:?}");
}

#[test]
fn silence_a_steady_tone_and_hum_have_no_landmarks() {
    let tone = |hertz: f64, strength: f64| -> Vec<i16> {
        (0..320_000)
            .map(|n| ((f64::from(n) * hertz / 16_000.0 * std::f64::consts::TAU).sin() * strength) as i16)
            .collect()
    };
    for samples in [vec![0; 320_000], tone(1000.0, 8000.0), tone(440.0, 20_000.0), tone(50.0, 3000.0)] {
        assert_eq!(print(&samples).landmarks(), []);
    }
    let mut random = Random(3);
    let dither: Vec<i16> = (0..320_000).map(|_| random.within(0, 3) as i16 - 1).collect();
    assert_eq!(print(&dither).landmarks(), []);
}

#[test]
fn two_recordings_of_noise_share_no_band() {
    let noise = |seed: u64| -> Vec<i16> {
        let mut random = Random(seed);
        (0..960_000).map(|_| random.within(0, 16_000) as i16 - 8000).collect()
    };
    let (one, other) = (print(&noise(1)), print(&noise(2)));
    assert_eq!(one.bands().iter().filter(|band| other.bands().contains(band)).count(), 0);
    assert!(!same_episode(&align(&one, &other).expect("one version")));
}

#[test]
fn prints_of_different_versions_are_refused_with_their_numbers() {
    let print = generated(&mut Random(5), 60.0);
    let mut json = serde_json::to_value(&print).expect("a print is data");
    json["version"] = 7.into();
    let other: Print = serde_json::from_value(json).expect("a print of another version can be read");
    let fault = align(&print, &other).expect_err("they must not be compared");
    assert_eq!(fault.code, "likeness.version");
    assert!(fault.message.contains('1') && fault.message.contains('7'), "{fault}");
    assert!(!print.bands().iter().any(|band| other.bands().contains(band)), "nor found by their bands");
}

#[test]
fn a_print_survives_being_written_and_read() {
    let print = generated(&mut Random(9), 90.0);
    let text = serde_json::to_string(&print).expect("a print is data");
    assert_eq!(serde_json::from_str::<Print>(&text).expect("what was written"), print);
}

#[test]
fn ten_thousand_generated_episodes_are_all_distinct_and_their_copies_are_found() {
    let mut random = Random(42);
    let prints: Vec<Print> = (0..10_000)
        .map(|_| {
            let seconds = random.within(60, 1200) as f64;
            generated(&mut random, seconds)
        })
        .collect();
    let mut bands: Vec<(u64, usize)> =
        prints.iter().enumerate().flat_map(|(n, print)| print.bands().into_iter().map(move |band| (band, n))).collect();
    bands.sort_unstable();
    let mut wrong = 0;
    for group in bands.chunk_by(|one, other| one.0 == other.0) {
        for (n, one) in group.iter().enumerate() {
            let pairs = group[..n].iter().map(|other| align(&prints[one.1], &prints[other.1]).expect("one version"));
            wrong += pairs.filter(same_episode).count();
        }
    }
    // Few candidates come from bands: so pairs that no band brought together are aligned as well.
    for pair in prints.windows(2) {
        wrong += usize::from(same_episode(&align(&pair[0], &pair[1]).expect("one version")));
    }
    assert_eq!(wrong, 0);
    for print in prints.iter().step_by(50) {
        let copy = copied(&mut random, print, 17.3);
        let common = copy.bands().iter().filter(|band| print.bands().contains(band)).count();
        assert!(common >= CANDIDATE_BANDS && same_episode(&align(print, &copy).expect("one version")), "{common}");
        assert!(copy.bands().len() <= BANDS);
    }
}

#[test]
fn an_inserted_advert_splits_the_shared_part_and_is_not_in_it() {
    let mut random = Random(11);
    let (talk, advert) = (generated(&mut random, 600.0), generated(&mut random, 30.0));
    let marks = |print: &Print, from: u32, to: u32, shift: u32| -> Vec<Landmark> {
        let inside = print.landmarks().iter().filter(|mark| (from..to).contains(&mark.at));
        inside.map(|mark| Landmark { at: mark.at + shift, ..*mark }).collect()
    };
    let (third, length) = (200 * 125 / 4, 30 * 125 / 4);
    let with =
        [marks(&talk, 0, third, 0), marks(&advert, 0, length, third), marks(&talk, third, u32::MAX, length)].concat();
    let alignment = align(&talk, &Print::new(Seconds(630.0), with)).expect("one version");
    assert!(same_episode(&alignment));
    let [before, after] = alignment.shared[..] else { panic!("{alignment:?}") };
    assert!((before.in_b().end.0 - 200.0).abs() < 1.0 && (after.in_b().start.0 - 230.0).abs() < 1.0, "{alignment:?}");
}

#[test]
fn an_excerpt_is_not_the_episode() {
    let mut random = Random(13);
    let whole = generated(&mut random, 1800.0);
    let inside = whole.landmarks().iter().filter(|mark| (10_000..20_000).contains(&mark.at));
    let excerpt = Print::new(Seconds(320.0), inside.map(|mark| Landmark { at: mark.at - 10_000, ..*mark }).collect());
    let alignment = align(&whole, &excerpt).expect("one version");
    assert!(alignment.of_shorter > 0.95 && !same_episode(&alignment), "{alignment:?}");
}

#[test]
fn parts_are_counted_by_episodes_and_their_edges_settled() {
    let span =
        |start: f64, seconds: f64| Shared { a_start: Seconds(start), b_start: Seconds(0.0), seconds: Seconds(seconds) };
    // An intro that three share, an advert right behind it that one of them shares, twice found.
    let shared = [("b", span(0.0, 20.1)), ("c", span(0.2, 19.6)), ("d", span(0.0, 50.0)), ("d", span(0.1, 49.8))];
    let parts = repeated(&shared);
    let found: Vec<(f64, f64, usize)> =
        parts.iter().map(|part| (part.span.start.0.round(), part.span.end.0.round(), part.episodes)).collect();
    assert_eq!(found, [(0.0, 20.0, 3), (20.0, 50.0, 1)]);
}
