//! Claims about made texts.

use hark_operators::likeness::text::{FEWEST_SHINGLES, Signature, VersionMismatch, compare, same_episode};
use proptest::prelude::*;

fn sign(text: &str) -> Signature {
    Signature::of(text.split(' '))
}

/// `count` words that no other `seed` and place has.
fn talk(seed: u64, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("w{seed}x{n}")).collect()
}

fn sign_words(words: &[String]) -> Signature {
    Signature::of(words.iter().map(String::as_str))
}

/// Letters of a script from `first`, without a space: the frequent ones come more often, as in a language.
fn dense(first: u32, alphabet: u64, seed: u64, count: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = (state >> 20) % alphabet * ((state >> 40) % alphabet) / alphabet;
        char::from_u32(first + at as u32).expect("a letter")
    };
    (0..count).map(|_| letter()).collect()
}

fn tied(one: &Signature, other: &Signature) -> bool {
    one.bands().iter().any(|band| other.bands().contains(band))
}

fn same(one: &Signature, other: &Signature) -> bool {
    same_episode(&compare(one, other).expect("one version"))
}

#[test]
fn empty_and_short_transcripts_are_never_merged_and_make_no_bands() {
    let hallucinated = "Thank you. ".repeat(5000);
    let short = "This episode has no transcript yet. Please come back later, or write to us if you need one now.";
    let texts = ["", " ", "… ♪ — [ ]", "um uh, uh um", "one two three", short, &hallucinated];
    for one in texts.map(sign) {
        assert!(one.bands().is_empty() && one.shingles() < FEWEST_SHINGLES);
        for other in texts.map(sign) {
            assert!(!same(&one, &other));
        }
    }
}

#[test]
fn scripts_without_spaces_are_compared_letter_by_letter() {
    let scripts = [(0x4e00, 2000), (0x3042, 80), (0x30a2, 80), (0x0e01, 46), (0x1000, 42), (0x1780, 50)];
    for (first, alphabet) in scripts {
        let one = dense(first, alphabet, 1, 6000);
        let other = dense(first, alphabet, 2, 6000);
        let letters: Vec<String> = one.chars().map(String::from).collect();
        let lines: Vec<String> = letters.chunks(17).map(|letters| format!("「{}。", letters.concat())).collect();
        let whole = sign(&one);
        assert!(whole.shingles() > 0, "{first:x}");
        assert_eq!(whole, sign_words(&letters), "{first:x}");
        assert_eq!(whole, sign_words(&lines), "{first:x}");
        assert!(!same(&whole, &sign(&other)), "{first:x} {:?}", compare(&whole, &sign(&other)));
        let cut: String = one.chars().skip(600).collect();
        assert!(whole.shingles() < FEWEST_SHINGLES || same(&whole, &sign(&cut)), "{first:x}");
    }
}

#[test]
fn transcripts_of_different_languages_have_nothing_in_common() {
    let texts = [
        dense(0x4e00, 2000, 3, 3000),
        dense(0x3042, 80, 3, 3000),
        dense(0x0e01, 46, 3, 3000),
        talk(3, 3000).join(" "),
        talk(3, 3000).join(" ").replace('w', "ш"),
    ];
    let signatures: Vec<Signature> = texts.iter().map(|text| sign(text)).collect();
    for (n, one) in signatures.iter().enumerate() {
        for other in &signatures[n + 1..] {
            let similarity = compare(one, other).expect("one version");
            assert!(similarity.jaccard < 0.03 && !same_episode(&similarity) && !tied(one, other), "{similarity:?}");
        }
    }
}

#[test]
fn two_episodes_that_share_intro_outro_and_three_adverts_are_not_one() {
    let shared = talk(1, 5 * 160);
    let around = |seed| [&shared[..320], &talk(seed, 10 * 160)[..], &shared[320..]].concat();
    let similarity = compare(&sign_words(&around(2)), &sign_words(&around(3))).expect("one version");
    assert!(!same_episode(&similarity), "{similarity:?}");
    assert!((similarity.containment - 1.0 / 3.0).abs() < 0.15, "{similarity:?}");
}

#[test]
fn an_excerpt_and_the_episode_it_was_taken_from_are_not_one() {
    let talk = talk(1, 9000);
    let similarity = compare(&sign_words(&talk), &sign_words(&talk[2000..3000])).expect("one version");
    assert!(!same_episode(&similarity), "{similarity:?}");
    assert_eq!((similarity.shorter, similarity.longer), (997, 8997));
}

#[test]
fn a_closing_phrase_ties_few_of_a_thousand_episodes() {
    let closing = talk(1, 60);
    let signatures: Vec<Signature> =
        (2..302).map(|seed| sign_words(&[talk(seed, 1500), closing.clone()].concat())).collect();
    let mut buckets = std::collections::BTreeMap::<u64, usize>::new();
    signatures.iter().flat_map(Signature::bands).for_each(|band| *buckets.entry(band).or_default() += 1);
    let largest = buckets.values().max().expect("bands");
    assert!(*largest <= 6, "a bucket of {largest}");
}

#[test]
fn signatures_of_different_versions_are_refused_and_share_no_band() {
    let now = sign_words(&talk(1, 500));
    let mut stored = serde_json::to_value(&now).expect("JSON");
    assert_eq!(serde_json::from_value::<Signature>(stored.clone()).expect("a signature"), now);
    stored["version"] = (now.version() + 1).into();
    let later: Signature = serde_json::from_value(stored.clone()).expect("a signature");
    let mismatch = VersionMismatch { first: now.version(), second: later.version() };
    assert_eq!(compare(&now, &later), Err(mismatch));
    let fault = hark_operators::Fault::from(mismatch);
    assert_eq!(fault.code, "likeness.version");
    assert!(!tied(&now, &later));
    stored["minima"][0] = serde_json::json!([1, 2, 3]);
    assert!(serde_json::from_value::<Signature>(stored).is_err(), "a signature of another length");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_are_like_themselves_and_the_order_of_two_does_not_matter(
        one in prop::collection::vec("\\PC{0,9}", 0..400),
        other in prop::collection::vec("[a-c]{1,2}|\\PC{0,3}", 0..400),
    ) {
        let (one, other) = (sign_words(&one), sign_words(&other));
        let own = compare(&one, &one).expect("one version");
        let whole = if one.shingles() == 0 { 0.0 } else { 1.0 };
        prop_assert_eq!((own.jaccard, own.containment), (whole, whole));
        prop_assert_eq!(same_episode(&own), one.shingles() >= FEWEST_SHINGLES);
        let similarity = compare(&one, &other).expect("one version");
        prop_assert_eq!(similarity, compare(&other, &one).expect("one version"));
        prop_assert!((0.0..=1.0).contains(&similarity.jaccard) && (0.0..=1.0).contains(&similarity.containment));
    }

    #[test]
    fn an_estimate_is_near_the_truth(shared in 0_usize..2000, first in 1_usize..2000, second in 1_usize..2000) {
        // Four words at a seam belong to neither part: with unique words the truth is known.
        let common = talk(1, shared + 3);
        let one = sign_words(&[&talk(2, first)[..], &common].concat());
        let other = sign_words(&[&talk(3, second)[..], &common].concat());
        let similarity = compare(&one, &other).expect("one version");
        let jaccard = shared as f64 / (shared + first + second) as f64;
        // Five standard errors.
        let error = 5.0 * (jaccard * (1.0 - jaccard) / 128.0).sqrt() + 0.02;
        prop_assert!((similarity.jaccard - jaccard).abs() <= error, "{similarity:?} {jaccard}");
    }
}

#[test]
fn a_signature_is_the_same_on_every_machine() {
    let signature = sign(&(0..300).map(|n| format!("word{} café 你好", n % 150)).collect::<Vec<_>>().join(" "));
    let digest = blake3::hash(&serde_json::to_vec(&signature).expect("JSON")).to_hex();
    assert_eq!((signature.shingles(), &digest[..16]), (600, "8c496336b4b20292"), "raise SIGNATURE_VERSION with these");
    assert_eq!(
        blake3::hash(&serde_json::to_vec(&signature.bands()).expect("JSON")).to_hex()[..16],
        *"01e9ee443f27c53c"
    );
}
