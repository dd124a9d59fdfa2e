//! Every codec lies on ffmpeg's time line.

use super::bench::{decode, decoder, lag, media_files, reference, shared};

#[test]
fn every_file_is_aligned_with_ffmpeg_within_10_ms() {
    let Some(folder) = shared("audio") else { return };
    let decoder = decoder();
    let mut bad = Vec::new();
    for path in media_files(&folder) {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let theirs = reference(&path);
        let (media, ours) = match decode(&decoder, &path) {
            Ok(decoded) => decoded,
            Err(fault) => {
                bad.push(format!("{name}: {fault}"));
                continue;
            }
        };
        let longer = ours.len() as f64 - theirs.len() as f64;
        let found = lag(&ours, &theirs, 400);
        let line = format!(
            "{name}: {}/{} {} Hz x{}: {:+.1} ms longer than {:.2} s, {found:?} {:?}",
            media.container, media.codec, media.sample_rate, media.channels, longer / 16.0, theirs.len() as f64 / 16e3, media.warnings
        );
        println!("{line}");
        let aligned = found.is_none_or(|(late, alike)| late.abs() <= 160 && alike > 0.9);
        if !aligned || longer.abs() > 320.0 {
            bad.push(line);
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
