//! Made-up sounds, and real music against real speech.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

const RATE: f64 = 16_000.0;

/// `seconds` of what `wave` says at each time, in -1..=1.
fn sound(seconds: f64, mut wave: impl FnMut(f64) -> f64) -> Vec<i16> {
    (0..(seconds * RATE) as usize).map(|n| (wave(n as f64 / RATE) * 12_000.0) as i16).collect()
}

fn noise() -> impl FnMut(f64) -> f64 {
    let mut state = 1u32;
    move |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 23) - 1.0
    }
}

/// Harmonics of a voice whose pitch moves as in speech, in syllables.
fn voice() -> impl FnMut(f64) -> f64 {
    let mut phase = 0.0;
    move |time| {
        let pitch = 140.0 + 35.0 * (5.1 * time).sin() + 25.0 * (13.7 * time).sin();
        phase += std::f64::consts::TAU * pitch / RATE;
        let syllable = (std::f64::consts::PI * 4.0 * time).sin().abs();
        (1..20).map(|n| (phase * f64::from(n)).sin() / f64::from(n)).sum::<f64>() * syllable * 0.4
    }
}

fn chords(time: f64) -> f64 {
    let roots = [220.0, 174.6, 261.6, 196.0];
    let root = roots[(time / 0.8) as usize % 4];
    let fade = (-(time % 0.8) * 2.0).exp();
    [1.0, 1.26, 1.5, 2.0].iter().map(|step| (std::f64::consts::TAU * root * step * time).sin()).sum::<f64>()
        * fade
        * 0.25
}

fn share_of_music(samples: &[i16]) -> f64 {
    let (_, music) = events(samples);
    music.iter().filter(|&&score| score >= MUSIC).count() as f64 / music.len().max(1) as f64
}

#[test]
fn chords_are_music_and_voices_noise_and_silence_are_not() {
    assert_eq!(share_of_music(&sound(20.0, chords)), 1.0);
    assert_eq!(share_of_music(&sound(20.0, voice())), 0.0);
    assert_eq!(share_of_music(&sound(20.0, noise())), 0.0);
    assert_eq!(share_of_music(&sound(20.0, |_| 0.0)), 0.0);
}

#[test]
fn music_is_found_where_it_is() {
    let mut speak = voice();
    let (_, music) = events(&sound(30.0, |time| if (10.0..20.0).contains(&time) { chords(time) } else { speak(time) }));
    assert!(music[..17].iter().chain(&music[43..]).all(|&score| score < MUSIC), "{music:?}");
    assert!(music[23..37].iter().all(|&score| score >= MUSIC), "{music:?}");
}

#[test]
fn levels_are_decibels_of_full_scale() {
    let (level, _) = events(&[i16::MIN; 160]);
    assert_eq!(level, [0]);
    let (level, _) = events(&[&[0i16; 160][..], &[3_277; 160], &[1; 7]].concat());
    assert_eq!(level, [-127, -20, -90]);
}

#[test]
fn pieces_count_up_to_the_last_sample() {
    for (samples, levels, scores) in
        [(0, 0, 0), (1, 1, 1), (160, 1, 1), (8_000, 50, 1), (8_001, 51, 2), (480_000, 3_000, 60)]
    {
        let (level, music) = events(&vec![100; samples]);
        assert_eq!((level.len(), music.len()), (levels, scores), "{samples} samples");
    }
}

#[test]
fn peaks_are_measured_over_the_higher_valley() {
    assert!((tallest(&[0.0, 0.5, 0.2, 0.2, 0.9, 0.9, 0.4]) - (0.3 + 0.5)).abs() < 1e-6);
    assert_eq!(tallest(&[0.3; 10]), 0.0);
    assert_eq!(tallest(&[0.0, 0.1, 0.2]), 0.0, "a slope that never falls is no peak");
}

#[test]
fn real_music_and_real_speech_are_told_apart() {
    let music = [
        ("data__Kevin_MacLeod_-_Vibe_Ace.hq.ogg", 0.0, 61.0),
        ("data__Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy.ogg", 0.0, 119.0),
        ("Weavercast__Song_Of_The_Windy_Mountains.mp3", 0.0, 136.0),
        ("podlove-web-player__podlove.mp3", 0.0, 9.0),
        ("inaSpeechSegmenter__musanmix.mp3", 0.0, 22.0),
    ];
    let other = [
        ("rfe-ep5_full-episode.m4a", 200.0, 800.0),
        ("rfe-ep6_full-episode.m4a", 200.0, 800.0),
        ("Weavercast__constructedlanguageascensorshipresistance.mp3", 0.0, 190.0),
        ("podcast_scraper__p02_e04.mp3", 0.0, 131.0),
        ("pyannote-audio__dev00.wav", 0.0, 30.0),
        ("data__5703-47212-0000.hq.ogg", 0.0, 14.0),
        ("whisper.cpp__jfk.wav", 0.0, 11.0),
        ("inaSpeechSegmenter__musanmix.mp3", 30.0, 52.0), // noise
    ];
    let (Some(hits), Some(alarms)) = (judged(&music), judged(&other)) else { return };
    println!("music found {hits:.4}, false alarms {alarms:.4}");
    assert!(hits >= 0.9, "{hits}");
    assert!(alarms <= 0.03, "{alarms}");
}

/// Share of half seconds louder than -60 dBFS that are called music; `None` where the material is absent.
fn judged(stretches: &[(&str, f64, f64)]) -> Option<f64> {
    let (mut called, mut all) = (0u32, 0u32);
    for &(file, from, until) in stretches {
        for window in decoded(file, from, until)?.chunks(30 * RATE as usize) {
            let (_, music) = events(window);
            for (score, piece) in music.iter().zip(window.chunks(MUSIC_FRAME)) {
                if decibels(piece) > QUIET {
                    all += 1;
                    called += u32::from(*score >= MUSIC);
                }
            }
        }
    }
    Some(f64::from(called) / f64::from(all))
}

fn decoded(file: &str, from: f64, until: f64) -> Option<Vec<i16>> {
    let root = std::env::var_os("HARK_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let path = root.join("audio").join(file);
    if !path.exists() {
        println!("SKIPPED: ../shared/data is absent");
        return None;
    }
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-ss", &from.to_string(), "-t", &(until - from).to_string(), "-i"])
        .arg(&path)
        .args(["-ar", "16000", "-ac", "1", "-f", "s16le", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    Some(output.stdout.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect())
}
