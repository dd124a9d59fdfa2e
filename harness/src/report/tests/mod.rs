//! The page as text; in a browser, see [`browser`].

mod browser;
#[path = "../../../tests/hark/chromium.rs"]
mod chromium;

use hark_operators::record::outcome::{Outcome, State};

use super::{sample, write};

/// The page of these outcomes.
fn page(outcomes: &[Outcome]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::read_to_string(write(outcomes, folder.path()).unwrap()).unwrap()
}

#[test]
fn no_text_from_outside_becomes_markup() {
    let page = page(&sample::hostile());
    // Markup of ours that the attacks imitate: the policy, the style, the script.
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert_eq!(page.matches("<style").count(), 1);
    // Titles and audio types become attributes nowhere, and text only behind an escaped bracket.
    for attack in ["<img", "<!--", "<svg onload", "=\"javascript", "\" onerror", "' onmouseover='\"", "\0", "\u{1b}"] {
        assert_eq!(page.find(attack), None, "{attack:?}");
    }
    assert!(page.contains("&lt;script&gt;window.pwned = 1&lt;/script&gt;"));
}

#[test]
fn the_page_names_no_host_and_forbids_all_loading_but_media_beside_it() {
    let page = page(&sample::varied());
    assert!(!page.contains("http:") && !page.contains("https:"));
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("unsafe") && !page.contains(" style=\""));
}

#[test]
fn every_outcome_has_one_card_and_every_duplicate_of_the_page_a_link() {
    let outcomes = sample::varied();
    let page = page(&outcomes);
    assert_eq!(page.matches("<article").count(), outcomes.len());
    let anchor = |title: &str| {
        let card = page.split("<article").find(|card| card.contains(title)).unwrap();
        card.split("id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    assert!(page.contains(&format!("href=\"#{}\"", anchor("who still keeps the lamps"))));
    assert!(page.contains("elsewhere:7"), "a canonical that is not on the page is named");
}

#[test]
fn a_failure_says_where_what_why_and_what_to_do() {
    let outcomes = sample::varied();
    let page = page(&outcomes);
    let State::Failed { fault } = &outcomes[3].state else { unreachable!() };
    for part in [&fault.stage, &fault.code, &fault.message, &fault.remedy, &fault.chain[1]] {
        assert!(page.contains(part.as_str()), "{part}");
    }
}

#[test]
fn an_episode_of_words_alone_has_a_card_without_a_player() {
    let mut outcome = sample::published("Show", "Words", "w", "Only words.");
    outcome.picture = Default::default();
    let State::Published { clips, .. } = &mut outcome.state else { unreachable!() };
    clips.clear();
    let page = page(&[outcome]);
    assert!(!page.contains("<audio") && page.contains("Only words.") && page.contains("no audio to cut"));
}

#[test]
fn a_clip_in_a_bucket_is_named_and_has_no_player_that_could_not_play_it() {
    let mut outcome = sample::published("Show", "Far away", "f", "Some words.");
    let State::Published { clips, .. } = &mut outcome.state else { unreachable!() };
    for clip in clips.iter_mut() {
        clip.uri = format!("s3://clips/of/<hark>/{}", clip.uri);
    }
    let page = page(&[outcome]);
    assert!(!page.contains("<audio") && !page.contains("no audio to cut"));
    assert!(page.contains("The clip lies elsewhere") && page.contains("s3://clips/of/&lt;hark&gt;/previews/"));
}

#[test]
fn no_outcome_at_all_is_a_page_too() {
    assert!(page(&[]).contains("No episode here."));
}

#[test]
fn ten_thousand_episodes_stay_under_twelve_kilobytes_each() {
    let sample = sample::varied();
    let outcomes: Vec<_> = sample
        .iter()
        .cycle()
        .take(10_000)
        .enumerate()
        .map(|(i, outcome)| Outcome { episode: format!("{}-{i}", outcome.episode), ..outcome.clone() })
        .collect();
    let bytes = page(&outcomes).len();
    assert!(bytes < 10_000 * 12_000, "{bytes}");
}
