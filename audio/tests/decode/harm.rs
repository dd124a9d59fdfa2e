//! Files that are damaged or mean harm: a result or one typed fault, and nobody else notices.

use std::ops::ControlFlow;
use std::path::Path;

use hark_audio::decoder::DecodeLimits;
use hark_audio::fault::FaultKind;

use super::bench::{decode, decoder, folder, limited, media_files, reference, shared};
use super::generate::{encode, greedy_caf, silent_flac, sound, wav};

const CODES: [&str; 9] =
    ["no_audio", "empty", "memory", "timeout", "crashed", "too_long", "channels", "rate", "missing"];

#[test]
fn every_damaged_file_ends_in_audio_or_one_stable_fault() {
    let Some(folder) = shared("corrupt") else { return };
    let decoder = decoder();
    let mut bad = Vec::new();
    for path in media_files(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match decode(&decoder, &path) {
            Ok((media, samples)) => {
                let theirs = reference(&path);
                let shorter = theirs.len() as f64 - samples.len() as f64;
                if media.samples.0 != samples.len() as u64
                    || samples.is_empty()
                    || shorter > 0.1 * theirs.len() as f64 + 800.0
                {
                    bad.push(format!("{name}: {} samples, ffmpeg {}, {media:?}", samples.len(), theirs.len()));
                }
            }
            Err(fault) => {
                let known = CODES.iter().any(|code| fault.code == format!("decode.{code}"));
                let named = fault.message.contains(&name) && !fault.remedy.is_empty();
                // What ffmpeg decodes with no complaint has to be audio here too.
                let excused = fault.code == "decode.no_audio" && reference(&path).is_empty();
                let killed = matches!(&*fault.code, "decode.memory" | "decode.crashed" | "decode.empty");
                if !known || !named || fault.kind != FaultKind::Poison || !(excused || killed) {
                    bad.push(format!("{name}: {fault}"));
                }
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_same_bad_file_fails_the_same_way_twice() {
    let Some(folder) = shared("corrupt") else { return };
    for name in ["mutant__asks_for_8GB.caf", "mutant__decoder_panics.mkv", "taglib__garbage.mp3", "taglib__w000.mp3"] {
        let path = folder.join(name);
        let outcome = || decode(&decoder(), &path).map_err(|fault| fault.to_string());
        assert_eq!(outcome(), outcome(), "{name}");
    }
}

#[test]
fn a_file_that_asks_for_eight_gigabytes_costs_one_child() {
    let folder = folder();
    let (greedy, good) = (folder.path().join("greedy.caf"), sound(folder.path(), 1));
    std::fs::write(&greedy, greedy_caf()).unwrap();
    let decoder = decoder();
    for _ in 0..2 {
        let fault = decode(&decoder, &greedy).unwrap_err();
        assert_eq!(fault.code, "decode.memory", "{fault}");
        assert_eq!(fault.kind, FaultKind::Poison);
        assert_eq!(decode(&decoder, &good).unwrap().1.len(), 16_000);
    }
}

#[test]
fn an_hour_of_silence_in_eight_channels_streams_through() {
    let folder = folder();
    let path = folder.path().join("bomb.flac");
    let bytes = silent_flac(3600);
    assert!(bytes.len() < 120_000, "a bomb is small: {}", bytes.len());
    std::fs::write(&path, bytes).unwrap();
    let (mut count, mut loudest) = (0, 0);
    let media = decoder().decode(&path, &mut |block| {
        count += block.len();
        loudest = block.iter().fold(loudest, |loudest, &sample| loudest.max(sample.unsigned_abs()));
        ControlFlow::Continue(())
    });
    let media = media.unwrap();
    assert_eq!((media.channels, media.sample_rate, loudest), (8, 48_000, 0));
    assert!((57_570_000..57_610_000).contains(&count), "{count}");
}

#[test]
fn what_is_too_long_stops_at_the_cap() {
    let folder = folder();
    let path = folder.path().join("bomb.flac");
    std::fs::write(&path, silent_flac(3600)).unwrap();
    let decoder = limited(DecodeLimits { max_seconds: 60.0, ..DecodeLimits::default() });
    let mut count = 0;
    let fault = decoder.decode(&path, &mut |block| {
        count += block.len();
        ControlFlow::Continue(())
    });
    let fault = fault.unwrap_err();
    assert_eq!(fault.code, "decode.too_long", "{fault}");
    assert!(count <= 62 * 16_000, "{count}");
    let foreign = encode(&sound(folder.path(), 90), "long.ac3", "-c:a ac3 -b:a 96k");
    assert_eq!(decode(&decoder, &foreign).unwrap_err().code, "decode.too_long");
}

#[test]
fn too_many_channels_and_too_high_a_rate_are_refused() {
    let folder = folder();
    let path = folder.path().join("odd.wav");
    std::fs::write(&path, wav(8_000, 17, &[0; 17 * 100])).unwrap();
    assert_eq!(decode(&decoder(), &path).unwrap_err().code, "decode.channels");
    std::fs::write(&path, wav(2_000_000, 1, &[0; 100])).unwrap();
    assert_eq!(decode(&decoder(), &path).unwrap_err().code, "decode.rate");
}

#[test]
fn what_is_no_file_of_audio_has_its_own_fault() {
    let folder = folder();
    let decoder = decoder();
    let code = |path: &Path| decode(&decoder, path).unwrap_err().code;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    assert_eq!(code(&folder.path().join("absent.mp3")), "decode.missing");
    assert_eq!(code(folder.path()), "decode.not_a_file");
    assert_eq!(code(Path::new("/dev/zero")), "decode.not_a_file");
    assert_eq!(code(&write("empty.mp3", b"")), "decode.empty");
    assert_eq!(code(&write("page.mp3", b"<!doctype html><title>404</title>not found")), "decode.no_audio");
    assert_eq!(code(&write("zeros.mp3", &[0; 100_000])), "decode.no_audio");
    // Lists of other files are not followed.
    assert_eq!(code(&write("list.m3u8", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")), "decode.no_audio");
    assert_eq!(code(&write("list.ffconcat", b"ffconcat version 1.0\nfile 'sound.wav'\n")), "decode.no_audio");
}

#[test]
fn names_that_look_like_options_or_addresses_are_files() {
    let folder = folder();
    let sound = sound(folder.path(), 1);
    for name in ["-i", "http:x", "pipe:0", "a b\n'ü.ac3", "concat:a|b"] {
        let path = folder.path().join(name);
        std::fs::copy(encode(&sound, "plain.ac3", "-c:a ac3"), &path).unwrap();
        assert!(decode(&decoder(), &path).unwrap().1.len() >= 16_000, "{name}");
    }
}

#[test]
fn truncated_files_give_what_they_hold_and_a_warning() {
    let folder = folder();
    let sound = sound(folder.path(), 20);
    let decoder = decoder();
    for (name, arguments) in [
        ("a.mp3", "-c:a libmp3lame -b:a 64k"),
        ("a.m4a", "-c:a aac -b:a 96k -movflags +faststart"),
        ("a.opus", "-c:a libopus -b:a 48k"),
        ("a.ogg", "-c:a libvorbis"),
        ("a.flac", "-c:a flac"),
        ("a.wav", "-c:a pcm_s16le"),
    ] {
        let path = encode(&sound, name, arguments);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).unwrap();
        let (media, samples) = decode(&decoder, &path).unwrap();
        assert!((150_000..250_000).contains(&samples.len()), "{name}: {}", samples.len());
        // Where ffmpeg had to help, the words are its own.
        assert!(!media.warnings.is_empty(), "{name}");
    }
}

#[test]
fn damage_in_the_middle_is_survived_in_place() {
    let folder = folder();
    let sound = sound(folder.path(), 20);
    let whole = reference(&sound);
    let decoder = decoder();
    for (name, arguments) in [
        ("a.mp3", "-c:a libmp3lame -b:a 64k"),
        ("a.m4a", "-c:a aac -b:a 96k"),
        ("a.opus", "-c:a libopus -b:a 48k"),
        ("a.flac", "-c:a flac"),
    ] {
        let path = encode(&sound, name, arguments);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        for (n, byte) in bytes[middle..middle + 3000].iter_mut().enumerate() {
            *byte = ((n * n * 31) >> 3) as u8;
        }
        std::fs::write(&path, bytes).unwrap();
        let (_, samples) = decode(&decoder, &path).unwrap();
        assert!(samples.len() > 16_000 * 17, "{name}: {}", samples.len());
        let (late, alike) = lag_of_start(&samples, &whole);
        assert!(late.abs() <= 160 && alike > 0.9, "{name}: {late} {alike}");
    }
}

fn lag_of_start(samples: &[i16], whole: &[i16]) -> (i64, f64) {
    super::bench::lag(&samples[..16_000 * 8], &whole[..16_000 * 8], 400).unwrap()
}
