//! The claims on real episodes with verified adverts; skipped, loudly, where they are absent.

use hark_operators::record::piece::Word;
use hark_operators::select::{Reading, Weights};
use hark_operators::units::Span;

use crate::material::{Material, ads, shared};

fn material() -> Vec<Material> {
    shared().map(|shared| ads(&shared)).unwrap_or_default()
}

fn seconds(spans: &[Span]) -> f64 {
    spans.iter().map(|span| span.length()).sum()
}

#[test]
fn no_preview_touches_a_second_of_a_verified_advert() {
    for episode in material() {
        let verdict = Reading::of(&episode.dossier, &Weights::default()).verdict().expect("a verdict");
        assert!(verdict.passes, "{} {:?}", episode.name, verdict.selection.gates);
        for advert in &episode.adverts {
            assert_eq!(verdict.selection.span.overlap(*advert), 0.0, "{} {advert:?}", episode.name);
        }
    }
}

#[test]
fn nine_tenths_of_the_verified_advert_seconds_are_found_with_four_fifths_precision() {
    let episodes = material();
    if episodes.is_empty() {
        return;
    }
    let (mut truth, mut found, mut both) = (0.0, 0.0, 0.0);
    for episode in &episodes {
        let spans = Reading::of(&episode.dossier, &Weights::default()).adverts().to_vec();
        truth += seconds(&episode.adverts);
        let shared = |others: &[Span]| spans.iter().flat_map(|a| others.iter().map(|b| a.overlap(*b))).sum::<f64>();
        // What only a machine marked is neither advert nor show.
        found += seconds(&spans) - shared(&episode.doubtful);
        both += shared(&episode.adverts);
    }
    assert!(both / truth >= 0.9, "recall {}", both / truth);
    assert!(both / found >= 0.8, "precision {}", both / found);
}

#[test]
fn an_episode_without_adverts_flags_none() {
    for episode in material().iter().filter(|e| e.adverts.is_empty()) {
        assert_eq!(Reading::of(&episode.dossier, &Weights::default()).adverts().to_vec(), [], "{}", episode.name);
    }
}

/// Exchanges the words of sentences with those of others far away, times kept.
fn shuffled(episode: &Material) -> Material {
    let mut dossier = episode.dossier.clone();
    let texts: Vec<(String, Vec<Word>)> = dossier.sentences.iter().map(|s| (s.text.clone(), s.words.clone())).collect();
    let count = texts.len();
    // A step that shares no factor with the count visits every sentence once.
    let step = (count / 3..count).find(|step| gcd(*step, count) == 1).unwrap_or(1);
    for (at, sentence) in dossier.sentences.iter_mut().enumerate() {
        (sentence.text, sentence.words) = texts[at * step % count].clone();
    }
    Material { name: episode.name.clone(), dossier, adverts: Vec::new(), doubtful: Vec::new() }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[test]
fn shuffled_sentences_score_lower_on_what_hangs_together() {
    // Mean over all spans of an episode: of how far each hangs together, and of all that order should lower.
    let means = |material: &Material| {
        let weights = Weights::default();
        let (mut count, mut coherence, mut all) = (0.0, 0.0, 0.0);
        for selection in Reading::of(&material.dossier, &weights).selections().expect("it has some") {
            let score = |feature| selection.scores.get(feature).copied().unwrap_or(0.0);
            count += 1.0;
            coherence += score("coherence");
            all += ["coherence", "self_contained", "topical", "representative"].map(score).iter().sum::<f64>();
        }
        (coherence / count, all / count)
    };
    for episode in material() {
        let (before, after) = std::thread::scope(|scope| {
            let after = scope.spawn(|| means(&shuffled(&episode)));
            (means(&episode), after.join().expect("it has verdicts"))
        });
        assert!(after.0 < before.0 - 0.05, "{} coherence {before:?} {after:?}", episode.name);
        assert!(after.1 < before.1, "{} all four {before:?} {after:?}", episode.name);
    }
}

#[test]
fn an_advert_injected_into_the_winning_window_moves_the_choice_of_real_episodes() {
    let advert: Vec<String> = crate::spoken::split(crate::spoken::ADVERT);
    for episode in material() {
        let before = Reading::of(&episode.dossier, &Weights::default()).verdict().expect("verdict").selection;
        let middle = (before.sentences.0 + before.sentences.1) as usize / 2;
        let at = episode.dossier.sentences[middle].span.start.0;
        let injected = crate::spoken::timed(at + 0.4, &advert);
        let shift = injected.last().expect("sentences").span.end.0 + 0.4 - at;
        let mut dossier = episode.dossier.clone();
        for sentence in &mut dossier.sentences[middle..] {
            for span in std::iter::once(&mut sentence.span).chain(sentence.words.iter_mut().map(|w| &mut w.span)) {
                *span = Span::new(span.start.0 + shift, span.end.0 + shift);
            }
        }
        dossier.sentences.splice(middle..middle, injected);
        let after = Reading::of(&dossier, &Weights::default()).verdict().expect("verdict").selection;
        let advert = Span::new(at + 0.4, at + shift - 0.4);
        assert_eq!(after.span.overlap(advert), 0.0, "{}: {:?} touches {advert:?}", episode.name, after.span);
        assert_ne!(before.transcript, after.transcript, "{}", episode.name);
    }
}

#[test]
fn noise_of_a_millionth_in_the_embeddings_does_not_change_the_choice() {
    // Embeddings that depend on the words: each word adds a fixed direction.
    let vector = |text: &str, noise: f32| {
        let mut sums = vec![0.0_f32; 48];
        for word in text.split_whitespace() {
            let mut state =
                word.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            for sum in &mut sums {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *sum += (state >> 8) as f32 / 8_388_608.0 - 1.0;
            }
        }
        let norm = sums.iter().map(|s| s * s).sum::<f32>().sqrt().max(1e-6);
        let wobble = |at: usize| noise * if (at * 7 + text.len()).is_multiple_of(2) { 1.0 } else { -1.0 };
        sums.iter().enumerate().map(|(at, s)| s / norm + wobble(at)).collect::<Vec<f32>>()
    };
    for mut episode in material() {
        let mut choice = |noise: f32| {
            let sentences = episode.dossier.sentences.clone();
            let passage = |(at, group): (usize, &[_])| {
                let texts: Vec<&str> =
                    group.iter().map(|s: &hark_operators::record::piece::Sentence| s.text.as_str()).collect();
                let from = at as u32 * 4;
                ((from, from + group.len() as u32), vector(&texts.join(" "), noise))
            };
            episode.dossier.embeddings = sentences.chunks(4).enumerate().map(passage).collect();
            Reading::of(&episode.dossier, &Weights::default()).verdict().expect("verdict").selection
        };
        let exact = choice(0.0);
        for noise in [1e-6, -1e-6, 5e-7] {
            assert_eq!(choice(noise).span, exact.span, "{}", episode.name);
        }
    }
}
