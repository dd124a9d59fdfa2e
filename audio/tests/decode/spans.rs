//! A span is what decoding the whole file puts there.

use hark_audio::units::Span;

use super::bench::{decode, decoder, ffmpeg, folder, lag, shared};
use super::generate::{CODECS, FOREIGN, encode, sound};

#[test]
fn a_span_at_16_khz_is_what_decoding_puts_there() {
    let folder = folder();
    let sound = sound(folder.path(), 9);
    let decoder = decoder();
    for (name, arguments) in CODECS.iter().chain(&FOREIGN) {
        let path = encode(&sound, name, arguments);
        let (_, whole) = decode(&decoder, &path).unwrap();
        for (start, end) in [(0.0, 0.5), (4.321, 6.0), (8.5, 99.0)] {
            let span = Span::new(start, end);
            let piece = decoder.span_16k(&path, span).unwrap();
            let from = span.start.samples().0 as usize;
            let to = (span.end.samples().0 as usize).min(whole.len());
            assert!(piece.len().abs_diff(to - from) <= 1, "{name} {start}: {} of {}", piece.len(), to - from);
            // Rounding may differ by where the resampler's blocks begin; lossy decoders that start
            // anew may differ in the inaudible.
            let length = piece.len().min(to - from);
            let (late, alike) = lag(&piece[..length], &whole[from..from + length], 50).unwrap();
            assert!(late == 0 && alike > 0.995, "{name} {start}: {late} {alike}");
        }
    }
}

#[test]
fn a_span_at_the_files_own_rate_lies_where_ffmpeg_puts_it_to_a_sample() {
    let folder = folder();
    let sound = sound(folder.path(), 9);
    let decoder = decoder();
    for (name, arguments) in CODECS.iter().chain(&FOREIGN) {
        let path = encode(&sound, name, arguments);
        let span = decoder.span(&path, Span::new(5.4321, 7.0)).unwrap();
        // ffmpeg's own decoder of Opus puts speech 2 samples beside where the reference decoder does.
        let by = if name.contains("opus") { &["-c:a", "libopus"][..] } else { &[] };
        let whole = ffmpeg(&[by, &["-i", path.to_str().unwrap(), "-f", "f32le", "-"]].concat());
        let whole: Vec<f32> = whole.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
        let rate = f64::from(span.rate);
        let from = (span.start.0 * rate).round() as usize * usize::from(span.channels);
        let wanted = ((7.0 * rate).round() - (5.4321 * rate).round()) as usize * usize::from(span.channels);
        assert!((span.start.0 - 5.4321).abs() <= 0.5 / rate, "{name}: {}", span.start.0);
        assert_eq!(span.samples.len(), wanted, "{name}");
        let quantise = |samples: &[f32]| samples.iter().map(|s| (s * 32_767.0) as i16).collect::<Vec<_>>();
        let theirs = &whole[from..(from + wanted).min(whole.len())];
        let (late, alike) = lag(&quantise(&span.samples[..theirs.len()]), &quantise(theirs), 200).unwrap();
        // Matroska's time stamps move the start by less than a millisecond.
        let most = if name.ends_with(".webm") || name.ends_with(".mka") { 50 } else { 0 };
        assert!(late.abs() <= most && alike > 0.97, "{name}: {late} {alike}");
    }
}

#[test]
fn late_spans_of_real_episodes_lie_where_decoding_puts_them() {
    let Some(folder) = shared("audio") else { return };
    let decoder = decoder();
    for name in ["rfe-ep5_full-episode.m4a", "rfe-ep5_reenc.mp3", "columbia_reenc.opus", "podcast_scraper__p02_e04.mp3"]
    {
        let path = folder.join(name);
        let (media, whole) = decode(&decoder, &path).unwrap();
        let start = media.samples.seconds().0 - 40.0;
        let span = Span::new(start, start + 30.0);
        let piece = decoder.span_16k(&path, span).unwrap();
        let from = span.start.samples().0 as usize;
        let (late, alike) = lag(&piece, &whole[from..from + piece.len()], 50).unwrap();
        assert!(late == 0 && alike > 0.999, "{name}: {late} {alike}");
    }
}

#[test]
fn a_span_behind_the_end_is_a_fault_or_empty() {
    let folder = folder();
    let sound = sound(folder.path(), 2);
    let decoder = decoder();
    let fault = decoder.span(&sound, Span::new(5.0, 6.0)).unwrap_err();
    assert_eq!(fault.code, "decode.span", "{fault}");
    assert!(decoder.span_16k(&sound, Span::new(5.0, 6.0)).unwrap().is_empty());
    // Times that make no sense harm nobody.
    for (start, end) in [(1.0, 0.5), (f64::NAN, 1.0), (-1e300, 1e300), (0.0, f64::INFINITY)] {
        let _ = decoder.span(&sound, Span::new(start, end));
        let _ = decoder.span_16k(&sound, Span::new(start, end));
    }
    assert_eq!(decode(&decoder, &sound).unwrap().1.len(), 32_000);
}
