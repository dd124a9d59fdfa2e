//! Claims about real recordings.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use hark_operators::likeness::acoustic::{CANDIDATE_BANDS, align, repeated, same_episode};
use hark_operators::units::Span;

use super::copies::{ADVERTS, Group, KINDS, Kind, Tally, judge, originals};
use super::recordings::files;
use super::show::{Episode, episode};
use super::sound::{RATE, load, material, print_of_file};

#[test]
fn the_hardest_copies_of_real_speech_are_found_again_and_nothing_else_is() {
    let Some(audio) = material() else { return };
    let hard = [
        "MP3 32 kbit/s, stereo",
        "AAC 32 kbit/s",
        "+6 dB",
        "3.33 s off the start, Opus 32 kbit/s",
        "30 s off the end, MP3 32 kbit/s",
        "two adverts of 60 s, MP3 32 kbit/s",
    ];
    // A few voices and lengths, so that the suite stays short; the example takes all.
    let wanted = [
        "rfe-ep6_full-episode.m4a 60",
        "rfe-ep6_full-episode.m4a 260",
        "pyAudioAnalysis__diar",
        "data__5703",
        "whisper__jfk",
        "pyannote-audio__dev00",
    ];
    let originals = originals(&audio, |name| wanted.iter().any(|start| name.starts_with(start)));
    let (file, from, seconds) = ADVERTS;
    let adverts = load(&audio.join(file), RATE, from, seconds);
    let kinds: Vec<_> = KINDS.iter().filter(|kind| hard.contains(&kind.name)).collect();
    assert_eq!(kinds.len(), hard.len());
    let judged = |kinds: &[&'static Kind]| -> Vec<(&'static Kind, Tally)> {
        kinds.iter().map(|kind| (*kind, judge(kind, &originals, &adverts))).collect()
    };
    let tallies = std::thread::scope(|scope| {
        let (some, others) = kinds.split_at(kinds.len() / 2);
        let some = scope.spawn(|| judged(some));
        let mut tallies = judged(others);
        tallies.extend(some.join().expect("each copy is judged"));
        tallies
    });
    let mut groups: BTreeMap<Group, Tally> = BTreeMap::new();
    for (kind, tally) in tallies {
        assert_eq!(tally.wrong, 0, "{}: other recordings were taken for the same", kind.name);
        let group = groups.entry(kind.group).or_default();
        group.copies += tally.copies;
        group.found += tally.found;
        group.missed.extend(tally.missed.iter().map(|missed| format!("{}: {missed}", kind.name)));
    }
    for (group, tally) in groups {
        assert!(tally.copies > 0);
        assert!(tally.found as f64 >= group.aim() * tally.copies as f64, "{}: {:#?}", tally.copies, tally.missed);
    }
}

#[test]
fn no_two_distinct_real_files_are_merged_and_files_of_one_recording_are() {
    let Some(audio) = material() else { return };
    let files = files(&audio);
    let prints: Vec<_> = files.iter().map(|file| print_of_file(&audio.join(&file.name))).collect();
    let mut merged = Vec::new();
    let mut split = Vec::new();
    for (n, one) in files.iter().enumerate() {
        for (m, other) in files.iter().enumerate().take(n) {
            let same = same_episode(&align(&prints[n], &prints[m]).expect("one version"));
            match (same, one.recording == other.recording) {
                (true, false) => merged.push((&one.name, &other.name)),
                (false, true) if one.seconds >= 10.0 => split.push((&one.name, &other.name)),
                _ => {}
            }
        }
    }
    assert!(merged.is_empty(), "{merged:#?}");
    assert!(split.is_empty(), "{split:#?}");
}

#[test]
fn silence_has_no_landmarks() {
    let Some(audio) = material() else { return };
    let silent = files(&audio).into_iter().filter(|file| {
        ["30sec", "auphonic", "nero", "hindenburg", "silence2sec"].iter().any(|name| file.name.contains(name))
    });
    for file in silent {
        assert_eq!(print_of_file(&audio.join(&file.name)).landmarks(), [], "{}", file.name);
    }
}

/// Made once: encoding is what these tests cost.
fn two_episodes() -> Option<&'static (Episode, Episode)> {
    static EPISODES: OnceLock<Option<(Episode, Episode)>> = OnceLock::new();
    EPISODES.get_or_init(make_two_episodes).as_ref()
}

fn make_two_episodes() -> Option<(Episode, Episode)> {
    let audio = material()?;
    let mp3 = ["-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"];
    let opus = ["-c:a", "libopus", "-b:a", "32k", "-f", "ogg"];
    let one = episode(&audio, "rfe-ep5_full-episode.m4a", [95.3, 260.7, 400.1, 480.0], 0.0, &mp3);
    let other = episode(&audio, "rfe-ep6_full-episode.m4a", [60.9, 150.2, 333.3, 420.0], 0.0, &opus);
    Some((one, other))
}

#[test]
fn two_episodes_of_one_show_are_not_merged_and_what_they_share_is_found_within_a_second() {
    let Some((one, other)) = two_episodes() else { return };
    let alignment = align(&one.print, &other.print).expect("one version");
    assert!(!same_episode(&alignment), "{alignment:#?}");
    let near = |found: Span, real: Span| {
        (found.start.0 - real.start.0).abs() <= 1.0 && (found.end.0 - real.end.0).abs() <= 1.0
    };
    for (n, (in_one, in_other)) in one.parts.iter().zip(&other.parts).enumerate() {
        let found = alignment.shared.iter().any(|span| near(span.in_a(), *in_one) && near(span.in_b(), *in_other));
        assert!(found, "part {n} at {in_one:?} and {in_other:?}: {:#?}", alignment.shared);
    }
    assert_eq!(alignment.shared.len(), one.parts.len(), "{:#?}", alignment.shared);
    let spans: Vec<_> = alignment.shared.iter().map(|span| ("other", *span)).collect();
    let parts = repeated(&spans);
    assert_eq!(parts.len(), one.parts.len());
    assert!(
        parts.iter().zip(&one.parts).all(|(part, real)| near(part.span, *real) && part.episodes == 1),
        "{parts:#?}"
    );
}

#[test]
fn a_real_copy_shares_far_more_bands_than_an_episode_with_the_same_adverts() {
    let Some((one, other)) = two_episodes() else { return };
    let common = |a: &[u64], b: &[u64]| a.iter().filter(|band| b.contains(band)).count();
    let (bands, others) = (one.print.bands(), other.print.bands());
    assert!(common(&bands, &others) < 24, "{}", common(&bands, &others));
    assert!(bands.len() > 10 * CANDIDATE_BANDS);
}
