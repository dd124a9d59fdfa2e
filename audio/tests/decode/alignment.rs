//! Every codec lies on ffmpeg's time line.

use std::path::Path;

use hark_audio::decoder::Decoder;
use hark_audio::media::Media;

use super::bench::{decode, decoder, folder, lag, media_files, reference, shared};
use super::generate::{CODECS, FOREIGN, encode, sound};

/// What is wrong with our decoding of a file, measured by ffmpeg's; and what it is.
fn compare(decoder: &Decoder, path: &Path) -> Result<(Media, Vec<i16>), String> {
    let name = path.file_name().expect("a file").to_string_lossy();
    let theirs = reference(path);
    let (media, ours) = decode(decoder, path).map_err(|fault| format!("{name}: {fault}"))?;
    let longer = (ours.len() as f64 - theirs.len() as f64) / 16.0;
    let found = lag(&ours, &theirs, 400);
    let aligned = found.is_none_or(|(late, alike)| late.abs() <= 160 && alike > 0.9);
    if aligned && longer.abs() < 20.0 && !theirs.is_empty() && media.samples.0 == ours.len() as u64 {
        return Ok((media, ours));
    }
    let seconds = theirs.len() as f64 / 16_000.0;
    Err(format!("{name}: {longer:+.1} ms longer than {seconds:.2} s, samples late and alike: {found:?}, {media:?}"))
}

#[test]
fn every_real_file_is_aligned_with_ffmpeg_within_10_ms() {
    let Some(folder) = shared("audio") else { return };
    let decoder = decoder();
    let bad: Vec<String> = media_files(&folder).iter().filter_map(|path| compare(&decoder, path).err()).collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn every_codec_is_aligned_with_ffmpeg_within_10_ms() {
    let folder = folder();
    let sound = sound(folder.path(), 7);
    let decoder = decoder();
    let all = CODECS.iter().chain(&FOREIGN).map(|(name, arguments)| encode(&sound, name, arguments));
    let bad: Vec<String> = all.filter_map(|path| compare(&decoder, &path).err()).collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn lossless_mono_at_16_khz_comes_out_bit_by_bit() {
    let folder = folder();
    let sound = sound(folder.path(), 2);
    for (name, arguments) in [("a.wav", "-ar 16000 -c:a pcm_s16le"), ("a.flac", "-ar 16000 -c:a flac")] {
        let path = encode(&sound, name, arguments);
        assert_eq!(decode(&decoder(), &path).unwrap().1, reference(&path), "{name}");
    }
}

#[test]
fn he_aac_is_decoded_at_its_full_rate_though_nothing_says_what_it_is() {
    let folder = folder();
    let decoder = decoder();
    for name in ["he-aac", "he-aac-v2"] {
        let adts = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/decode/files/{name}.aac"));
        let mp4 = folder.path().join(format!("{name}.m4a"));
        super::bench::ffmpeg(&["-i", adts.to_str().unwrap(), "-c", "copy", mp4.to_str().unwrap()]);
        for path in [adts, mp4] {
            let (media, samples) = compare(&decoder, &path).unwrap();
            assert_eq!(media.sample_rate, 44_100, "{media:?}");
            assert!(media.codec.starts_with("he-aac"), "{media:?}");
            assert!((31_000..34_000).contains(&samples.len()), "{}", samples.len());
        }
    }
}

#[test]
fn joined_mp3s_with_other_parameters_keep_time() {
    let folder = folder();
    let sound = sound(folder.path(), 3);
    let cover = folder.path().join("cover.png");
    super::bench::ffmpeg(&["-f", "lavfi", "-i", "mandelbrot=s=300x300", "-frames:v", "1", cover.to_str().unwrap()]);
    let cover = format!("-i {} -map 0:a -map 1:v -c:v copy -c:a libmp3lame -ac 1 -ar 22050", cover.display());
    let parts = [
        encode(&sound, "one.mp3", "-c:a libmp3lame -b:a 128k -ac 2"),
        encode(&sound, "two.mp3", &cover),
        encode(&sound, "three.mp3", "-c:a libmp3lame -b:a 64k -ar 48000"),
    ];
    let joined = folder.path().join("joined.mp3");
    let bytes: Vec<u8> = parts.iter().flat_map(|part| std::fs::read(part).unwrap()).collect();
    std::fs::write(&joined, bytes).unwrap();
    let (media, samples) = decode(&decoder(), &joined).unwrap();
    assert!((146_000..150_000).contains(&samples.len()), "{}", samples.len());
    assert_eq!(media.warnings, Vec::<String>::new());
    // The same sound three times, each where the frames before put it.
    let original = reference(&sound);
    for (nth, start) in [(0, 0.0), (1, 3.0), (2, 6.0)] {
        let start = (start * 16_000.0) as usize;
        let piece = &samples[start..(start + 40_000).min(samples.len())];
        let (late, alike) = lag(&original[..40_000], piece, 3_000).unwrap();
        // Delays and paddings that only the first part's marks cover: up to 0.1 s for each join.
        assert!(late <= 0 && late >= -1_700 * nth - 160 && alike > 0.8, "part {nth}: {late} {alike}");
    }
    let theirs = reference(&joined);
    let first = lag(&samples[..44_000], &theirs[..44_000], 400).unwrap();
    assert!(first.0.abs() <= 160, "{first:?}");
    // ffmpeg loses a frame where its filters are set up anew.
    assert!(samples.len().abs_diff(theirs.len()) < 800, "{} {}", samples.len(), theirs.len());
}

#[test]
fn joined_oggs_keep_time() {
    let folder = folder();
    let sound = sound(folder.path(), 3);
    let decoder = decoder();
    for (codec, rates) in [("libopus -b:a 32k", [48_000, 48_000]), ("libvorbis", [44_100, 22_050])] {
        let parts = rates.map(|rate| encode(&sound, &format!("{rate}.ogg"), &format!("-c:a {codec} -ar {rate}")));
        let joined = folder.path().join("joined.ogg");
        std::fs::write(&joined, parts.each_ref().map(|part| std::fs::read(part).unwrap()).concat()).unwrap();
        let (media, samples) = decode(&decoder, &joined).unwrap();
        assert!(samples.len().abs_diff(96_000) <= 1, "{codec}: {}", samples.len());
        assert_eq!(media.warnings, Vec::<String>::new());
        let original = reference(&sound);
        for part in [&samples[..48_000], &samples[48_000..]] {
            let (late, alike) = lag(&original[..part.len().min(48_000)], part, 400).unwrap();
            assert!(late.abs() <= 2 && alike > 0.95, "{codec}: {late} {alike}");
        }
    }
}
