//! The whole way, with the installed ffmpeg: levels, lengths and tags of what was encoded.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::units::Span;

fn settings() -> ClipSettings {
    ClipSettings::default()
}

fn tags() -> Tags {
    Tags { title: "A title".into(), show: "A show".into(), episode: "urn:episode:1".into() }
}

/// Noise in syllables of changing level with pauses, full scale times `amplitude`.
fn babble(rate: u32, channels: u16, seconds: f64, amplitude: f32) -> Vec<f32> {
    let mut state = 7u32;
    let mut low = 0f32;
    (0..(seconds * f64::from(rate)) as usize)
        .flat_map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            low += (white - low) * 0.2;
            let time = n as f64 / f64::from(rate);
            let syllable = (std::f64::consts::PI * 4.0 * time).sin().abs() as f32;
            let pause = if time % 2.5 > 2.1 { 0.001 } else { 1.0 };
            let voice = (std::f64::consts::TAU * 140.0 * time).sin() as f32;
            let sample = (low + 0.5 * voice) * syllable * pause * amplitude;
            (0..channels).map(move |channel| sample * (1.0 - 0.1 * f32::from(channel)))
        })
        .collect()
}

/// Asserts the gates on every clip, and that ffprobe and the measured length agree.
fn assert_gates(rendered: &Rendered, formats: usize) {
    assert_eq!(rendered.clips.len(), formats);
    for clip in &rendered.clips {
        let name = &clip.extension;
        assert!((clip.loudness_lufs + 16.0).abs() <= 1.0, "{name}: {} LUFS", clip.loudness_lufs);
        assert!(clip.true_peak_dbtp <= -1.0, "{name}: {} dBTP", clip.true_peak_dbtp);
        assert!((clip.seconds - rendered.span.length()).abs() <= 0.05, "{name}: {} s", clip.seconds);
        let probed: f64 = probe(clip, &["-show_entries", "format=duration"]).trim().parse().unwrap();
        assert!((probed - rendered.span.length()).abs() <= 0.05, "{name}: ffprobe says {probed} s");
    }
}

fn on_disk(clip: &EncodedClip) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(&format!(".{}", clip.extension)).tempfile().unwrap();
    std::fs::write(file.path(), &clip.bytes).unwrap();
    file
}

fn probe(clip: &EncodedClip, what: &[&str]) -> String {
    let file = on_disk(clip);
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "default=noprint_wrappers=1:nokey=1"])
        .args(what)
        .arg(file.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn render_babble(rate: u32, channels: u16, amplitude: f32) -> Result<Rendered, crate::fault::Fault> {
    let samples = babble(rate, channels, 18.0, amplitude);
    let pcm = Pcm { rate, channels, samples: &samples, start: Seconds(100.0) };
    render(pcm, &Cut::around(Span::new(101.0, 117.0)), &tags(), &settings())
}

#[test]
fn every_rate_and_channel_count_keeps_the_gates() {
    for (rate, channels, aac) in [
        (8_000, 1, "24000\n1\n"),
        (11_025, 1, "22050\n1\n"),
        (44_100, 2, "44100\n2\n"),
        (96_000, 2, "48000\n2\n"),
        (48_000, 6, "48000\n2\n"),
    ] {
        let rendered = render_babble(rate, channels, 0.3).unwrap();
        assert_gates(&rendered, 2);
        assert_eq!(probe(&rendered.clips[0], &["-show_entries", "stream=sample_rate,channels"]), aac);
        let opus = format!("48000\n{}\n", channels.min(2));
        assert_eq!(probe(&rendered.clips[1], &["-show_entries", "stream=sample_rate,channels"]), opus);
    }
}

#[test]
fn loud_clipped_material_is_brought_down_without_overshoot() {
    let samples: Vec<f32> = babble(44_100, 2, 18.0, 20.0).into_iter().map(|x| x.clamp(-1.0, 1.0)).collect();
    let pcm = Pcm { rate: 44_100, channels: 2, samples: &samples, start: Seconds(0.0) };
    assert_gates(&render(pcm, &Cut::around(Span::new(1.0, 17.0)), &tags(), &settings()).unwrap(), 2);
}

#[test]
fn peaky_material_is_limited_and_still_loud_enough() {
    let mut samples = babble(48_000, 1, 18.0, 0.05);
    for n in (24_000..samples.len()).step_by(36_000) {
        for (k, sample) in samples[n..n + 40].iter_mut().enumerate() {
            *sample = if k % 2 == 0 { 0.9 } else { -0.9 };
        }
    }
    let pcm = Pcm { rate: 48_000, channels: 1, samples: &samples, start: Seconds(0.0) };
    assert_gates(&render(pcm, &Cut::around(Span::new(1.0, 17.0)), &tags(), &settings()).unwrap(), 2);
}

#[test]
fn quiet_material_is_raised_and_what_is_too_quiet_is_a_fault() {
    assert_gates(&render_babble(44_100, 1, 0.02).unwrap(), 2);
    assert_eq!(render_babble(44_100, 1, 0.002).unwrap_err().code, "cut.quiet");
    assert_eq!(render_babble(44_100, 1, 0.0).unwrap_err().code, "cut.silent");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (render_babble(44_100, 2, 0.3).unwrap(), render_babble(44_100, 2, 0.3).unwrap());
    assert_eq!(one, two);
    assert_eq!(one.clips[0].sha256.len(), 64);
    assert_ne!(one.clips[0].sha256, one.clips[1].sha256);
}

#[test]
fn ffmpegs_own_meter_agrees_with_the_stated_levels() {
    for clip in render_babble(48_000, 2, 0.3).unwrap().clips {
        let file = on_disk(&clip);
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-hide_banner", "-i"])
            .arg(file.path())
            .args(["-af", "ebur128=peak=true", "-f", "null", "-"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let summary = &text[text.rfind("Summary:").unwrap()..];
        let number = |label: &str| -> f64 {
            let rest = &summary[summary.find(label).unwrap() + label.len()..];
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        assert!((number("I:") - clip.loudness_lufs).abs() < 0.2, "{summary}");
        assert!((number("Peak:") - clip.true_peak_dbtp).abs() < 0.3, "{summary}");
    }
}

#[test]
fn hostile_titles_are_only_titles() {
    let samples = babble(16_000, 1, 4.0, 0.3);
    let pcm = Pcm { rate: 16_000, channels: 1, samples: &samples, start: Seconds(0.0) };
    let title = "-y /etc/passwd;a=b\\\"'\n[FORMAT]\0 😀 <b>%s";
    let tags = Tags { title: title.into(), show: "=\u{1}=".into(), episode: "\n\n".into() };
    let rendered = render(pcm, &Cut::around(Span::new(0.5, 3.5)), &tags, &settings()).unwrap();
    for clip in &rendered.clips {
        let section = if clip.extension == "m4a" { "format_tags" } else { "stream_tags" };
        let seen = probe(clip, &["-show_entries", &format!("{section}=title,artist")]);
        assert_eq!(seen, "-y /etc/passwd;a=b\\\"' [FORMAT] 😀 <b>%s\n= =\n", "{}", clip.extension);
    }
}

#[test]
fn a_missing_encoder_is_retryable_and_a_hanging_one_is_killed() {
    let samples = babble(16_000, 1, 4.0, 0.3);
    let pcm = Pcm { rate: 16_000, channels: 1, samples: &samples, start: Seconds(0.0) };
    let cut = Cut::around(Span::new(0.5, 3.5));
    let missing = ClipSettings { ffmpeg: "/nonexistent/ffmpeg".into(), ..settings() };
    let fault = render(pcm, &cut, &tags(), &missing).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("cut.no_encoder", crate::fault::FaultKind::Retry));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hanging");
    std::fs::write(&path, "#!/bin/sh\nexec sleep 60\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut hanging = ClipSettings { ffmpeg: path, ..settings() };
    hanging.limits.wall = std::time::Duration::from_millis(300);
    assert_eq!(render(pcm, &cut, &tags(), &hanging).unwrap_err().code, "cut.timeout");
}

#[test]
fn real_speech_keeps_the_gates_and_its_edges_land_in_pauses() {
    // Sentence boundaries heard by ear would be better; a rough span must do as well.
    for (file, rate, channels, from, until) in [
        ("rfe-ep5_full-episode.m4a", 11_025, 1, 300.0, 316.0),
        ("rfe-ep6_full-episode.m4a", 44_100, 2, 600.0, 616.0),
        ("silero-vad__aepyx_8k.wav", 8_000, 1, 20.0, 36.0),
        ("Weavercast__constructedlanguageascensorshipresistance.mp3", 44_100, 2, 30.0, 46.0),
        ("columbia_reenc.opus", 48_000, 1, 50.0, 66.0),
    ] {
        let Some(samples) = real_audio(file, rate, channels, from - 1.0, until + 1.0) else { return };
        let pcm = Pcm { rate, channels, samples: &samples, start: Seconds(from - 1.0) };
        let rendered = render(pcm, &Cut::around(Span::new(from, until)), &tags(), &settings()).unwrap();
        assert_gates(&rendered, 2);
        assert!((rendered.span.start.0 - from).abs() <= 0.25 && (rendered.span.end.0 - until).abs() <= 0.25);
    }
}

/// Decoded by ffmpeg; `None`, said loudly, where the test material is absent.
fn real_audio(file: &str, rate: u32, channels: u16, from: f64, until: f64) -> Option<Vec<f32>> {
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
        .args(["-ar", &rate.to_string(), "-ac", &channels.to_string(), "-f", "f32le", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    Some(output.stdout.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect())
}
