//! Claims about the selection: on made-up talk always, on real transcripts where they are.

mod arbitrary;
mod material;
mod real;
mod repeated;
mod spoken;

use hark_operators::record::finding::Dossier;
use hark_operators::record::outcome::Selection;
use hark_operators::record::piece::{Sentence, Timing};
use hark_operators::select::{Reading, Verdict, Weights, shortlist};
use hark_operators::units::Span;
use spoken::{ADVERT, episode, heard, split, talk, timed};

fn chosen(dossier: &Dossier) -> Verdict {
    Reading::of(dossier, &Weights::default()).verdict().expect("a verdict")
}

/// The talk with an advert in front of sentence `at`.
fn with_advert(at: usize, count: usize) -> (Dossier, Span) {
    let (talk, advert) = (talk(count), split(ADVERT));
    let dossier = episode(&[&talk[..at], &advert, &talk[at..]].concat());
    let span = Span { start: dossier.sentences[at].span.start, end: dossier.sentences[at + advert.len() - 1].span.end };
    (dossier, span)
}

#[test]
fn a_preview_is_about_a_minute_of_whole_sentences_and_passes_every_gate() {
    let dossier = heard(episode(&talk(120)));
    let verdict = chosen(&dossier);
    let Selection { span, sentences: (from, to), .. } = &verdict.selection;
    assert!(verdict.passes, "{:?}", verdict.selection.gates);
    assert!((50.0..=70.0).contains(&span.length()), "{span:?}");
    assert_eq!(dossier.sentences[*from as usize].span.start, span.start);
    assert_eq!(dossier.sentences[*to as usize - 1].span.end, span.end);
    assert!(verdict.selection.scores.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
}

#[test]
fn a_host_read_advert_is_found_whole_and_nothing_else_is() {
    let (dossier, advert) = with_advert(60, 120);
    let found = Reading::of(&dossier, &Weights::default()).adverts().to_vec();
    assert_eq!(found, [advert]);
}

#[test]
fn talk_without_adverts_has_none() {
    assert_eq!(Reading::of(&episode(&talk(200)), &Weights::default()).adverts().to_vec(), []);
}

#[test]
fn an_advert_injected_into_the_winning_window_moves_the_choice() {
    let dossier = heard(episode(&talk(120)));
    let before = chosen(&dossier).selection;
    let middle = (before.sentences.0 + before.sentences.1) as usize / 2;
    let (with, advert) = with_advert(middle, 120);
    let after = chosen(&heard(with)).selection;
    assert!(after.span.overlap(advert) == 0.0, "{:?} touches {advert:?}", after.span);
    assert_ne!(before.transcript, after.transcript);
}

#[test]
fn the_first_choice_fails_no_more_gates_than_any_other_candidate() {
    let (dossier, _) = with_advert(20, 60);
    let weights = Weights::default();
    let reading = Reading::of(&dossier, &weights);
    let selections: Vec<Selection> = reading.selections().expect("it has some").collect();
    let failed = |one: &Selection| one.gates.values().filter(|gate| !gate.pass).count();
    assert_eq!(failed(&selections[0]), selections.iter().map(failed).min().expect("some"));
    assert_eq!(selections.len(), selections[0].candidates as usize);
    assert_eq!(selections[0], chosen(&dossier).selection);
}

#[test]
fn an_opening_connective_and_a_closing_question_cost_self_containedness() {
    let score = |texts: &[String]| {
        let dossier = episode(texts);
        chosen(&dossier).selection.scores["self_contained"]
    };
    let plain = talk(14);
    let mut leaning = plain.clone();
    leaning[0] = format!("And that {}", leaning[0].to_lowercase());
    leaning[13] = "But why did the keeper leave the lighthouse?".to_owned();
    // Short enough that every candidate has one of the two.
    assert!(score(&leaning) < score(&plain), "{} {}", score(&leaning), score(&plain));
}

#[test]
fn music_under_the_whole_episode_fails_its_gate_and_says_what_was_measured() {
    let mut dossier = heard(episode(&talk(60)));
    dossier.music.fill(250);
    let verdict = chosen(&dossier);
    let gate = &verdict.selection.gates["music_share"];
    assert!(!verdict.passes && !gate.pass);
    assert_eq!((gate.measured, gate.limit.as_str()), (Some(1.0), "<= 0.05"));
}

#[test]
fn music_in_a_part_drives_the_choice_out_of_it() {
    let mut dossier = heard(episode(&talk(120)));
    let before = chosen(&dossier).selection.span;
    dossier.music[(before.start.0 * 2.0) as usize..=(before.end.0 * 2.0) as usize].fill(250);
    let after = chosen(&dossier);
    assert!(after.passes && after.selection.span.overlap(before) < 5.0, "{before:?} {:?}", after.selection.span);
}

#[test]
fn the_light_variant_chooses_by_transcript_level_and_position_and_says_what_it_could_not_measure() {
    let mut dossier = heard(episode(&talk(120)));
    dossier.speech.clear();
    dossier.music.clear();
    let verdict = chosen(&dossier);
    assert!(verdict.passes);
    let gate = &verdict.selection.gates["speech_share"];
    assert_eq!((gate.measured, gate.limit.as_str()), (None, "not applicable: no speech model"));
    assert!(!verdict.selection.scores.contains_key("speech"));
    assert!(verdict.selection.scores.contains_key("steady"));
}

#[test]
fn without_words_the_edges_lie_in_pauses_of_the_speech() {
    let mut dossier = heard(episode(&talk(120)));
    let sentences = std::mem::take(&mut dossier.sentences);
    dossier.timing = None;
    let verdict = chosen(&dossier);
    assert!(verdict.passes && verdict.selection.sentences == (0, 0) && verdict.selection.transcript.is_empty());
    assert!((30.0..=75.0).contains(&verdict.selection.span.length()));
    let cuts = |at: f64| sentences.iter().any(|s| s.span.start.0 + 0.05 < at && at < s.span.end.0 - 0.05);
    assert!(!cuts(verdict.selection.span.start.0) && !cuts(verdict.selection.span.end.0));
}

#[test]
fn a_shortlist_holds_spans_of_speech_that_do_not_overlap_with_edges_in_pauses() {
    let mut dossier = heard(episode(&talk(200)));
    let sentences = std::mem::take(&mut dossier.sentences);
    let half = dossier.music.len() / 2;
    dossier.music[..half].fill(255);
    let spans = shortlist(&dossier, &Weights::default(), 3).spans;
    assert_eq!(spans.len(), 3);
    for (at, span) in spans.iter().enumerate() {
        assert!(span.length() <= 75.0 && spans[..at].iter().all(|other| other.overlap(*span) == 0.0));
        assert!(span.start.0 >= half as f64 / 2.0 - 5.0, "music was preferred: {span:?}");
        let cuts = |at: f64| sentences.iter().any(|s| s.span.start.0 + 0.05 < at && at < s.span.end.0 - 0.05);
        assert!(!cuts(span.start.0) && !cuts(span.end.0));
    }
}

#[test]
fn level_alone_stands_in_for_the_speech_model() {
    let mut dossier = heard(episode(&talk(80)));
    dossier.speech.clear();
    dossier.sentences.clear();
    assert!((30.0..=75.0).contains(&chosen(&dossier).selection.span.length()));
    assert_eq!(shortlist(&dossier, &Weights::default(), 2).spans.len(), 2);
}

#[test]
fn an_episode_with_less_than_fifteen_seconds_of_speech_is_its_own_preview() {
    let dossier = heard(episode(&talk(3)));
    let verdict = chosen(&dossier);
    let seconds = dossier.speech.len() as f64 * 0.032;
    assert!((verdict.selection.span.start.0, verdict.selection.gates["duration"].pass) == (0.0, true));
    assert!((verdict.selection.span.end.0 - seconds).abs() < 0.1);
}

#[test]
fn an_episode_that_holds_nothing_is_a_fault_with_a_remedy() {
    let mut dossier = episode(&[]);
    let fault = Reading::of(&dossier, &Weights::default()).verdict().expect_err("nothing to choose from");
    assert_eq!((fault.stage.as_str(), fault.code.as_str()), ("select", "select.nothing_to_choose"));
    dossier.speech = vec![0; 1000];
    dossier.level = vec![-127; 3200];
    assert!(Reading::of(&dossier, &Weights::default()).verdict().is_err());
    assert_eq!(shortlist(&dossier, &Weights::default(), 3).spans, []);
}

#[test]
fn the_cut_may_move_edges_into_silence_but_never_into_a_word() {
    let dossier = episode(&talk(120));
    let verdict = chosen(&dossier);
    let (limits, span) = (verdict.cut_limits, verdict.selection.span);
    assert!((span.start.0 - limits.start_min - 0.25).abs() < 1e-9 && limits.start_max == span.start.0);
    assert!((limits.end_max - span.end.0 - 0.25).abs() < 1e-9 && limits.end_min == span.end.0);
    let crossing = |at: f64| dossier.sentences.iter().any(|s| s.span.start.0 < at && at < s.span.end.0);
    assert!(!crossing(limits.start_min) && !crossing(limits.end_max));
}

#[test]
fn estimated_times_are_moved_into_pauses_that_were_heard() {
    let mut dossier = heard(episode(&talk(120)));
    // Times that are off by a second, as estimates are.
    for sentence in &mut dossier.sentences {
        sentence.span.start.0 += 1.0;
        sentence.span.end.0 += 1.0;
    }
    dossier.timing = Some(Timing::Estimated);
    let verdict = chosen(&dossier);
    assert!(verdict.passes, "{:?}", verdict.selection.gates);
    let frame = |at: f64| dossier.speech[((at / 0.032) as usize).min(dossier.speech.len() - 1)];
    assert!(frame(verdict.selection.span.start.0 - 0.1) < 128 && frame(verdict.selection.span.end.0 + 0.1) < 128);
}

#[test]
fn embeddings_draw_the_choice_to_what_the_episode_is_about() {
    // Without embeddings all of this talk is alike; with them, sentences 60 to 89 are the matter
    // that most of the episode's other passages lean to.
    let mut dossier = episode(&talk(120));
    let toward = |n: u32| if (60..90).contains(&n) { 0.95_f32 } else { 0.5 };
    let vector = |n: u32| {
        let along = toward(n);
        let mut vector = vec![0.0_f32; 8];
        vector[0] = along;
        vector[1 + (n / 3 % 7) as usize] = (1.0 - along * along).sqrt();
        vector
    };
    dossier.embeddings = (0..40).map(|p| ((p * 3, p * 3 + 3), vector(p * 3))).collect();
    let weights = Weights::parse("[rank]\nrepresentative = 50.0").expect("weights");
    let (from, to) = Reading::of(&dossier, &weights).verdict().expect("verdict").selection.sentences;
    assert!(from >= 60 && to <= 90, "{from}..{to}");
}

#[test]
fn a_picture_has_at_most_six_hundred_bins_and_marks_speech_music_and_adverts() {
    let (dossier, advert) = with_advert(60, 300);
    let mut dossier = heard(dossier);
    dossier.music[..20].fill(255);
    let picture = Reading::of(&dossier, &Weights::default()).picture();
    assert_eq!(picture.level.len(), 600);
    assert!(picture.level.iter().all(|level| *level <= 100));
    assert_eq!(
        (picture.music.as_slice(), picture.adverts.as_slice()),
        ([Span::new(0.0, 10.0)].as_slice(), [advert].as_slice())
    );
    let speech: f64 = picture.speech.iter().map(|span| span.length()).sum();
    let said: f64 = dossier.sentences.iter().map(|s| s.span.length()).sum();
    assert!((speech / said - 1.0).abs() < 0.05);
}

#[test]
fn sentences_out_of_order_choose_the_same_words_as_in_order() {
    let dossier = episode(&talk(80));
    let mut disordered = dossier.clone();
    disordered.sentences.swap(3, 40);
    assert_eq!(chosen(&dossier).selection.transcript, chosen(&disordered).selection.transcript);
}

#[test]
fn greetings_goodbyes_and_credits_are_kept_out() {
    let mut texts = talk(80);
    texts[0] = "Hello and welcome to the harbour show.".to_owned();
    texts[78] = "Thanks for listening and see you next week.".to_owned();
    texts[79] = "This episode was edited by the keeper.".to_owned();
    let dossier = episode(&texts);
    let weights = Weights::default();
    for selection in Reading::of(&dossier, &weights).selections().expect("it has some") {
        let (from, to) = selection.sentences;
        assert_eq!(selection.gates["boilerplate"].pass, from > 0 && to <= 78, "{from}..{to}");
    }
}

#[test]
fn thousands_of_sentences_in_one_second_give_a_span_of_at_least_something() {
    let crowd: Vec<Sentence> =
        (0..5000).flat_map(|n| timed(10.0 + f64::from(n) * 1e-4, &["Yes.".to_owned()])).collect();
    let verdict = chosen(&material::dossier("crowd", "", "", crowd));
    assert!(verdict.selection.span.length() > 0.0);
}
