//! Claims about parts that other episodes hold too.

use hark_operators::record::finding::{Dossier, Media};
use hark_operators::record::part::{Claim, Part, claim};
use hark_operators::select::{Reading, Verdict, Weights, shortlist};
use hark_operators::units::Span;
use proptest::prelude::*;

use super::spoken::{episode, heard, talk};

fn chosen(dossier: &Dossier) -> Verdict {
    Reading::of(dossier, &Weights::default()).verdict().expect("a verdict")
}

fn spoken(sentences: usize) -> Dossier {
    Dossier { media: Some(Media::default()), ..heard(episode(&talk(sentences))) }
}

fn with(dossier: &Dossier, parts: &[Part]) -> Dossier {
    Dossier { repeated: parts.into(), ..dossier.clone() }
}

fn part(span: Span, rebroadcast: bool) -> Part {
    let at = |seconds: f64| (seconds * 1000.0) as u32;
    Part { start: at(span.start.0), end: at(span.end.0), episodes: 3, rebroadcast }
}

#[test]
fn a_jingle_in_the_winning_span_moves_the_choice_out_of_it() {
    let dossier = spoken(120);
    let alone = chosen(&dossier).selection.span;
    let middle = f64::midpoint(alone.start.0, alone.end.0);
    let jingle = part(Span::new(middle, middle + 8.0), false);
    let verdict = chosen(&with(&dossier, &[jingle]));
    assert!(verdict.passes, "{:?}", verdict.selection.gates);
    assert_eq!(claim(verdict.selection.span, &[jingle], 1.0), Claim::Own);
    assert!(verdict.weighed.before.contains(&alone));
}

#[test]
fn material_that_was_broadcast_before_comes_last_but_is_not_lost() {
    let dossier = spoken(120);
    let alone = chosen(&dossier).selection.span;
    let most = part(Span::new(0.0, alone.end.0 + 1.0), true);
    let verdict = chosen(&with(&dossier, &[most]));
    assert_eq!(claim(verdict.selection.span, &[most], 1.0), Claim::Own);
    let all = part(Span::new(0.0, 10_000.0), true);
    let verdict = chosen(&with(&dossier, &[all]));
    assert!(verdict.passes);
    assert_eq!(verdict.selection.span, alone);
}

#[test]
fn an_episode_of_nothing_but_adverts_fails_the_gate_and_says_how_much_is_repeated() {
    let dossier = spoken(60);
    let verdict = chosen(&with(&dossier, &[part(Span::new(0.0, 10_000.0), false)]));
    let gate = &verdict.selection.gates["repeated"];
    assert!(!verdict.passes && !gate.pass);
    assert!((gate.measured.expect("measured") - verdict.selection.span.length()).abs() < 0.01);
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    prop::collection::vec((0..600_u32, 1..120_u32, prop::bool::ANY), 0..4).prop_map(|mut parts| {
        parts.sort_unstable();
        let (mut end, mut disjoint) = (0, Vec::new());
        for (start, length, rebroadcast) in parts {
            if start >= end {
                end = start + length;
                disjoint.push(Part { start: start * 1000, end: end * 1000, episodes: 1, rebroadcast });
            }
        }
        disjoint
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn where_a_choice_is_said_to_stand_choosing_again_gives_the_same(before in parts(), after in parts()) {
        let dossier = spoken(100);
        let first = chosen(&with(&dossier, &before));
        if first.weighed.stands_with(&after) {
            prop_assert_eq!(first.selection.span, chosen(&with(&dossier, &after)).selection.span);
        }
    }

    #[test]
    fn where_a_shortlist_stands_listing_again_gives_the_same(before in parts(), after in parts()) {
        let dossier = Dossier { sentences: Vec::new(), timing: None, ..spoken(100) };
        let list = |parts: &[Part]| shortlist(&with(&dossier, parts), &Weights::default(), 2);
        let first = list(&before);
        let same = |span: &Span| claim(*span, &before, 1.0) == claim(*span, &after, 1.0);
        if first.weighed.iter().all(same) {
            prop_assert_eq!(first.spans, list(&after).spans);
        }
    }
}
