//! The light recogniser on real speech: what it hears, what it must not hear, and that it hears the
//! same again.

#![allow(clippy::unwrap_used)] // a test that cannot read its material has failed

use std::path::{Path, PathBuf};
use std::{env, fs, thread};

use hark_models::sphinx::{MAX_SAMPLES, RecognisedWord, Recogniser, RecogniserError, SAMPLE_RATE};

fn model_dir() -> PathBuf {
    let home = env::var_os("HARK_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.hark"));
    home.join("pocketsphinx-5.1.1/model/en-us")
}

fn recogniser() -> Recogniser {
    Recogniser::load(&model_dir()).expect("make setup lays the recogniser's model")
}

/// The five LibriVox sentences as (samples, text); none where the test material is absent.
fn sentences() -> Vec<(Vec<i16>, String)> {
    let shared = env::var_os("HARK_SHARED_DATA").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let Ok(entries) = fs::read_dir(shared.join("audio")) else {
        println!("SKIPPED: ../shared/data is absent, no real speech to recognise");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("pocketsphinx__") && name.ends_with(".wav")
        })
        .collect();
    files.sort();
    assert_eq!(files.len(), 5, "the five sentences of the test material");
    files
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path.with_extension("txt")).unwrap();
            (samples_of(&fs::read(path).unwrap()), text)
        })
        .collect()
}

/// 16-bit samples of a WAV file: what follows the size field of its `data` chunk.
fn samples_of(wav: &[u8]) -> Vec<i16> {
    let data = wav.windows(4).position(|tag| tag == b"data").unwrap() + 8;
    let pairs = wav[data..].chunks_exact(2);
    pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Reproducible noise of the given peak.
fn noise(seconds: usize, peak: i32) -> Vec<i16> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let count = seconds * SAMPLE_RATE as usize;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as i32 % (2 * peak + 1) - peak) as i16
        })
        .collect()
}

/// Levenshtein distance between two word sequences.
fn word_errors(heard: &[&str], said: &[&str]) -> usize {
    let mut row: Vec<usize> = (0..=said.len()).collect();
    for (i, word) in heard.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in said.iter().enumerate() {
            let substituted = diagonal + usize::from(word != right);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[said.len()]
}

fn texts(words: &[RecognisedWord]) -> Vec<&str> {
    words.iter().map(|word| word.text.as_str()).collect()
}

#[test]
fn two_words_in_three_of_clear_speech_are_right() {
    let mut recogniser = recogniser();
    let (mut wrong, mut said_in_all) = (0, 0);
    for (samples, text) in sentences() {
        let words = recogniser.words(&samples).unwrap();
        let said: Vec<&str> = text.split_whitespace().collect();
        let errors = word_errors(&texts(&words), &said);
        println!("{errors} of {}: {:?}", said.len(), texts(&words));
        wrong += errors;
        said_in_all += said.len();
    }
    assert!(wrong * 100 <= said_in_all * 35, "{wrong} of {said_in_all} words wrong");
}

#[test]
fn words_follow_each_other_within_the_samples_with_a_probability_each() {
    let mut recogniser = recogniser();
    for (samples, _) in sentences() {
        let duration = samples.len() as f64 / f64::from(SAMPLE_RATE);
        let words = recogniser.words(&samples).unwrap();
        assert!(!words.is_empty());
        let mut now = 0.0;
        for word in &words {
            assert!(word.start >= now && word.end > word.start, "{word:?} at {now}");
            assert!((0.0..=1.0).contains(&word.confidence), "{word:?}");
            now = word.end;
        }
        assert!(now <= duration && now > duration - 1.0, "{now} of {duration}");
        assert!(words.iter().any(|word| word.confidence > 0.5));
    }
}

#[test]
fn the_same_samples_give_the_same_words_whatever_was_heard_before() {
    let sentences = sentences();
    let fresh: Vec<Vec<RecognisedWord>> =
        sentences.iter().map(|(samples, _)| recogniser().words(samples).unwrap()).collect();
    let mut worn = recogniser();
    for (at, (samples, _)) in sentences.iter().enumerate().rev() {
        worn.words(&noise(1 + at % 2, 12_000)).unwrap();
        assert_eq!(worn.words(samples).unwrap(), fresh[at], "sentence {at}");
    }
}

#[test]
fn silence_has_no_words() {
    let mut recogniser = recogniser();
    assert_eq!(recogniser.words(&[0; 5 * SAMPLE_RATE as usize]).unwrap(), []);
    for peak in [2, 40] {
        assert_eq!(recogniser.words(&noise(5, peak)).unwrap(), []);
    }
}

#[test]
fn noise_extremes_and_scraps_are_survived() {
    let mut recogniser = recogniser();
    recogniser.words(&noise(10, 32_000)).unwrap();
    recogniser.words(&[i16::MIN; 20_000]).unwrap();
    let square: Vec<i16> = (0..32_000).map(|at| if at / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    recogniser.words(&square).unwrap();
    for length in [0, 1, 410, 1_600, 3_199, 3_200, 3_201, 4_000] {
        recogniser.words(&noise(1, 3_000)[..length]).unwrap();
    }
}

#[test]
fn too_many_samples_are_refused_and_the_recogniser_lives_on() {
    let mut recogniser = recogniser();
    let refused = recogniser.words(&vec![0; MAX_SAMPLES + 1]);
    assert!(matches!(refused, Err(RecogniserError::TooLong { .. })));
    assert_eq!(recogniser.words(&[0; 16_000]).unwrap(), []);
}

#[test]
fn two_recognisers_in_two_threads_hear_what_one_hears_alone() {
    let sentences = sentences();
    let all = |sentences: &[(Vec<i16>, String)]| -> Vec<Vec<RecognisedWord>> {
        let mut recogniser = recogniser();
        sentences.iter().map(|(samples, _)| recogniser.words(samples).unwrap()).collect()
    };
    let alone = all(&sentences);
    thread::scope(|scope| {
        let lanes = [(); 2].map(|()| scope.spawn(|| all(&sentences)));
        for lane in lanes {
            assert_eq!(lane.join().unwrap(), alone);
        }
    });
}

#[test]
fn an_absent_model_is_named() {
    let nowhere = tempfile::tempdir().unwrap();
    let error = Recogniser::load(nowhere.path()).err().expect("nothing to load");
    assert!(error.to_string().contains("cmudict-en-us.dict"), "{error}");
    assert!(error.to_string().contains("make setup"), "{error}");
}

#[test]
fn a_model_with_one_changed_byte_is_refused_by_name() {
    let altered = tempfile::tempdir().unwrap();
    fs::create_dir(altered.path().join("en-us")).unwrap();
    for folder in ["", "en-us"] {
        for entry in fs::read_dir(model_dir().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, altered.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    let mdef = altered.path().join("en-us/mdef");
    let mut bytes = fs::read(&mdef).unwrap();
    bytes[100] ^= 1;
    fs::write(&mdef, bytes).unwrap();
    match Recogniser::load(altered.path()) {
        Err(RecogniserError::Damaged { path }) => assert_eq!(path, mdef),
        other => panic!("a changed model was taken: {:?}", other.err()),
    }
}
