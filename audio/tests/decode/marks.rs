//! Tags and chapter marks.

use super::bench::{decode, decoder, ffmpeg, folder, media_files, shared};
use super::generate::sound;

#[test]
fn chapters_of_real_files_are_read() {
    let Some(folder) = shared("audio") else { return };
    let decoder = decoder();
    let mut seen = 0;
    for path in media_files(&folder) {
        let expected = folder.join(format!("{}.chapters.json", path.file_name().unwrap().to_string_lossy()));
        let Ok(expected) = std::fs::read(expected) else { continue };
        let expected: Vec<serde_json::Value> = serde_json::from_slice(&expected).unwrap();
        let (media, _) = decode(&decoder, &path).unwrap();
        let found: Vec<(i64, String)> = media
            .chapters
            .iter()
            .map(|chapter| ((chapter.start.0 * 1000.0).round() as i64, chapter.title.clone()))
            .collect();
        let expected: Vec<(i64, String)> = expected
            .iter()
            .map(|chapter| {
                let start = (chapter["start"].as_f64().unwrap() * 1000.0).round() as i64;
                (start, chapter["title"].as_str().unwrap().trim().to_string())
            })
            .collect();
        assert_eq!(found, expected, "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn tags_and_chapters_are_read_from_every_container() {
    let folder = folder();
    let sound = sound(folder.path(), 3);
    let marks = folder.path().join("marks.txt");
    let text = ";FFMETADATA1\ntitle=Überraschung\nartist=Zwei Stimmen\n\
                [CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=Anfang\n\
                [CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=3000\ntitle=爱 & Ende\n";
    std::fs::write(&marks, text).unwrap();
    // ffmpeg writes chapters as comments into Opus only; other programs do into all that have them.
    let comments =
        ["CHAPTER000=00:00:00.000", "CHAPTER000NAME=Anfang", "CHAPTER001=00:00:01", "CHAPTER001NAME=爱 & Ende"];
    let comments: Vec<&str> = comments.iter().flat_map(|comment| ["-metadata", comment]).collect();
    let decoder = decoder();
    for name in ["a.mp3", "a.m4a", "a.opus", "a.ogg", "a.flac", "a.mka"] {
        let path = folder.path().join(name);
        let (sound, marks) = (sound.to_str().unwrap(), marks.to_str().unwrap());
        let mut arguments = vec!["-i", sound, "-i", marks, "-map_metadata", "1", "-map_chapters", "1"];
        if name == "a.ogg" || name == "a.flac" {
            arguments.extend(&comments);
        }
        ffmpeg(&[&arguments[..], &[path.to_str().unwrap()]].concat());
        let (media, _) = decode(&decoder, &path).unwrap();
        let tag = |name: &str| {
            let found = media.tags.iter().find(|(key, _)| key == name);
            found.unwrap_or_else(|| panic!("no {name} in {:?}", media.tags)).1.clone()
        };
        assert_eq!((tag("title").as_str(), tag("artist").as_str()), ("Überraschung", "Zwei Stimmen"), "{path:?}");
        let chapters: Vec<(f64, &str)> =
            media.chapters.iter().map(|chapter| (chapter.start.0, chapter.title.as_str())).collect();
        assert_eq!(chapters, [(0.0, "Anfang"), (1.0, "爱 & Ende")], "{path:?}");
    }
}
