//! Claims about every real transcript.

use hark_operators::likeness::text::{BANDS, FEWEST_SHINGLES, compare, same_episode};

use super::copies::{KINDS, advert, end};
use super::material::{Text, folder, texts};

#[test]
fn verbatim_and_readable_versions_are_one_episode_and_different_episodes_are_not() {
    let Some(folder) = folder() else { return };
    let texts = texts(&folder);
    assert!(texts.iter().filter(|text| text.is_talk()).count() >= 133, "{} texts", texts.len());
    let mut pairs = 0;
    for (n, one) in texts.iter().enumerate() {
        let bands = one.signature.bands();
        assert_eq!(bands.len(), if one.signature.shingles() < FEWEST_SHINGLES { 0 } else { BANDS }, "{}", one.name);
        for other in &texts[n + 1..] {
            let similarity = compare(&one.signature, &other.signature).expect("one version");
            let same = one.episode() == other.episode();
            assert_eq!(same_episode(&similarity), same, "{} {} {similarity:?}", one.name, other.name);
            let tied = other.signature.bands().iter().any(|band| bands.contains(band));
            assert!(tied || !same, "no band ties {} and {}", one.name, other.name);
            // Far from the thresholds, so that the next thousand files do not cross them by chance.
            if !same && one.is_talk() && other.is_talk() && similarity.shorter >= FEWEST_SHINGLES {
                assert!(similarity.jaccard < 0.15, "{} {} {similarity:?}", one.name, other.name);
            }
            pairs += usize::from(same);
        }
    }
    assert_eq!(pairs, 3, "Rev16's episodes in both versions");
}

#[test]
fn a_copy_is_found_whatever_its_format_its_cuts_its_adverts_and_one_word_in_twenty() {
    let Some(folder) = folder() else { return };
    let texts = texts(&folder);
    let advert = advert(&texts);
    let talks: Vec<_> =
        texts.iter().filter(|text| text.is_talk() && text.signature.shingles() >= FEWEST_SHINGLES).collect();
    let copies_of = |text: &Text| {
        let bands = text.signature.bands();
        let kinds = KINDS.iter().filter(|kind| kind.promised && end(&text.words) >= kind.least_seconds);
        kinds
            .map(|kind| {
                let copy = (kind.make)(&text.words, &advert);
                let similarity = compare(&text.signature, &copy).expect("one version");
                assert!(same_episode(&similarity), "{}: {} {similarity:?}", kind.name, text.name);
                let tied = copy.bands().iter().any(|band| bands.contains(band));
                assert!(tied, "{}: {} {similarity:?}", kind.name, text.name);
            })
            .count()
    };
    let copies: usize = std::thread::scope(|scope| {
        let (some, others) = talks.split_at(talks.len() / 2);
        let some = scope.spawn(|| some.iter().map(|text| copies_of(text)).sum::<usize>());
        others.iter().map(|text| copies_of(text)).sum::<usize>() + some.join().expect("each is found")
    });
    assert!(copies > 1000, "{copies} copies");
}
