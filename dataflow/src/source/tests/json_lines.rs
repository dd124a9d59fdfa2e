use hark_operators::record::{Priority, TranscriptSource};

use super::super::{Input, SourceError};
use super::{entries, file, gzip, ids, sorted};

#[test]
fn every_field_is_read() {
    let line = r#"{"id":"e1","show":"S","title":"T","description":"D","published":"2026-11-01T08:00:00Z",
        "audio":"a.mp3","transcript":{"uri":"t.vtt","media_type":"text/vtt"},"language":"en","duration":"1:00:00",
        "priority":"urgent","revision":3,"unknown":[{}]}"#
        .replace('\n', " ");
    let (folder, path) = file("in.jsonl", line);
    let entry = entries(&path).remove(0).unwrap();
    assert_eq!((entry.key.episode.as_str(), entry.key.revision), ("e1", 3));
    assert_eq!((entry.show.as_str(), entry.title.as_str(), entry.description.as_str()), ("S", "T", "D"));
    assert_eq!(entry.published, 1_793_520_000);
    assert_eq!(entry.audio.as_deref(), Some("a.mp3"));
    assert_eq!(
        entry.transcript,
        Some(TranscriptSource::At { uri: "t.vtt".into(), media_type: Some("text/vtt".into()) })
    );
    assert_eq!((entry.language.as_deref(), entry.declared_seconds), (Some("en"), Some(3600.0)));
    assert_eq!(entry.priority, Priority::Urgent);
    assert_eq!(entry.base, folder.path().to_str().unwrap());
}

#[test]
fn everything_but_the_id_may_be_missing_or_null() {
    let lines = "{\"id\":7}\n{\"id\":\"b\",\"audio\":null,\"transcript\":null,\"published\":null,\"title\":null,\"priority\":null}\n";
    let (good, bad) = sorted("in.jsonl", lines);
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(ids(&good), ["7", "b"]);
    assert!(good.iter().all(|entry| entry.audio.is_none() && entry.transcript.is_none() && entry.published == 0));
}

#[test]
fn transcripts_may_be_paths_places_or_texts() {
    let lines = concat!(
        "{\"id\":\"a\",\"transcript\":\"t.srt\"}\n",
        "{\"id\":\"b\",\"transcript\":{\"text\":\"WEBVTT\\n\",\"media_type\":\"text/vtt\"}}\n",
        "{\"id\":\"c\",\"transcript\":{\"url\":\"https://a.example/t\",\"type\":\"text/html\"}}\n",
        "{\"id\":\"d\",\"transcript\":\"\"}\n",
    );
    let (good, _) = sorted("in.jsonl", lines);
    let at = |uri: &str, kind: Option<&str>| {
        Some(TranscriptSource::At { uri: uri.into(), media_type: kind.map(str::to_owned) })
    };
    assert_eq!(good[0].transcript, at("t.srt", None));
    let inline = TranscriptSource::Inline { text: "WEBVTT\n".into(), media_type: Some("text/vtt".into()) };
    assert_eq!(good[1].transcript, Some(inline));
    assert_eq!(good[2].transcript, at("https://a.example/t", Some("text/html")));
    assert_eq!(good[3].transcript, None);
}

#[test]
fn a_bad_line_stops_nobody_else_and_names_its_place() {
    let lines = concat!(
        "{\"id\":\"a\"}\n",
        "\n",
        "{\"id\":\"b\", \"title\": }\n",
        "{\"title\":\"no id\"}\n",
        "{\"id\":\"c\",\"revision\":-1}\n",
        "{\"id\":\"d\",\"published\":\"soon\"}\n",
        "{\"id\":\"e\",\"priority\":\"now\"}\n",
        "{\"id\":\"f\",\"transcript\":7}\n",
        "[1,2]\n",
        "{\"id\":\"g\"}",
    );
    let (good, bad) = sorted("in.jsonl", lines);
    assert_eq!(ids(&good), ["a", "g"]);
    let seen: Vec<_> = bad
        .iter()
        .map(|entry| {
            (entry.id.rsplit('/').next().unwrap(), entry.place.rsplit('/').next().unwrap(), entry.fault.code.as_str())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("b", "in.jsonl:3:21", "source.json"),
            ("in.jsonl:4", "in.jsonl:4", "source.field"),
            ("c", "in.jsonl:5:23", "source.field"),
            ("d", "in.jsonl:6", "source.field"),
            ("e", "in.jsonl:7", "source.field"),
            ("f", "in.jsonl:8:25", "source.field"),
            ("in.jsonl:9", "in.jsonl:9", "source.json"),
        ]
    );
    assert_eq!(bad[0].original, b"{\"id\":\"b\", \"title\": }");
    assert!(bad.iter().all(|entry| !entry.fault.remedy.is_empty() && entry.fault.message.starts_with(&entry.place)));
}

#[test]
fn bytes_that_are_no_utf8_are_named_as_such() {
    let (good, bad) = sorted("in.jsonl", b"{\"id\":\"a\",\"title\":\"caf\xe9\"}\n{\"id\":\"b\"}\n");
    assert_eq!((ids(&good), bad[0].id.as_str(), bad[0].fault.code.as_str()), (vec!["b"], "a", "source.encoding"));
}

#[test]
fn a_line_beyond_the_limit_is_given_up_and_the_next_is_read() {
    let mut bytes = b"{\"id\":\"long\",\"title\":\"".to_vec();
    bytes.resize(17 << 20, b'x');
    bytes.extend_from_slice(b"\"}\n{\"id\":\"next\"}\n");
    let (good, bad) = sorted("in.jsonl", bytes);
    assert_eq!(ids(&good), ["next"]);
    assert_eq!(
        (bad[0].id.as_str(), bad[0].fault.code.as_str(), bad[0].original.len()),
        ("long", "source.too_long", 65_536)
    );
}

#[test]
fn gzip_bom_crlf_and_utf16_are_undone() {
    let text = "{\"id\":\"é\"}\r\n{\"id\":\"b\"}\r\n";
    let mut bom = b"\xef\xbb\xbf".to_vec();
    bom.extend_from_slice(text.as_bytes());
    let wide: Vec<u8> = "\u{feff}".chars().chain(text.chars()).flat_map(|c| (c as u16).to_le_bytes()).collect();
    for (name, bytes) in [("a", gzip(text.as_bytes())), ("b", bom.clone()), ("c", gzip(&bom)), ("d", wide)] {
        let (good, bad) = sorted(name, bytes);
        assert!(bad.is_empty(), "{name}: {bad:?}");
        assert_eq!(ids(&good), ["é", "b"], "{name}");
    }
}

#[test]
fn a_damaged_archive_gives_what_it_holds_and_a_bad_entry() {
    let lines: String = (0..20_000).map(|n| format!("{{\"id\":\"{n}\",\"title\":\"{}\"}}\n", n * 7919)).collect();
    let mut bytes = gzip(lines.as_bytes());
    bytes.truncate(bytes.len() - 100);
    let (good, bad) = sorted("in.jsonl.gz", bytes);
    assert!(good.len() > 10_000, "{}", good.len());
    assert_eq!(bad.last().unwrap().fault.code, "source.damaged");
}

#[test]
fn an_empty_file_is_no_error_if_its_name_says_what_it_is() {
    assert_eq!(sorted("part-0.jsonl", ""), (vec![], vec![]));
    let (_folder, path) = file("part-0", "");
    assert!(matches!(Input::open(&path), Err(SourceError::UnknownFormat { .. })));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let (folder, path) = file("x.txt", "hello");
    assert!(matches!(Input::open(&path), Err(SourceError::UnknownFormat { .. })));
    assert!(matches!(Input::open(&folder.path().join("absent.jsonl")), Err(SourceError::Absent { .. })));
    let (folder, _) = file("README.md", "hello");
    assert!(matches!(Input::open(folder.path()), Err(SourceError::EmptyFolder { .. })));
}
