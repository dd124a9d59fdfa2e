//! Every feed of the shared test material: as many entries as a search without any parser finds
//! items, and of some of them the fields that were read by eye.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hark_operators::record::{Announcement, TranscriptSource};

use super::super::{Input, read};
use super::entries;

fn folder() -> Option<PathBuf> {
    let shared = std::env::var_os("HARK_SHARED_DATA").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data").into());
    let folder = shared.join("feeds");
    if !folder.is_dir() {
        eprintln!("SKIPPED: ../shared/data is absent");
        return None;
    }
    Some(folder)
}

/// Counted by hand with `grep -c`, to be sure of the counting below.
const COUNTED: [(&str, usize); 6] = [
    ("gnome_2018-01-20-LinuxUnplugged.xml", 232),
    ("gnome_2020-12-29-replyall.xml", 187),
    ("gnome_2022-series-i-cinema.xml", 50), // ISO-8859-1
    ("podcast-namespace__example.xml", 3),  // its live item is no episode
    ("podcastparser_no_enclosure.rss", 3),
    ("rfe_rss.xml", 12),
];

/// Start tags of items in the bytes, without any parsing.
fn start_tags(bytes: &[u8]) -> usize {
    let starts = |name: &[u8]| bytes.windows(name.len()).filter(|window| *window == name).count();
    [b"<item>".as_slice(), b"<item ", b"<entry>", b"<entry "].into_iter().map(starts).sum()
}

#[test]
fn all_feeds_give_as_many_entries_as_they_have_items() {
    let Some(folder) = folder() else { return };
    let mut counts = BTreeMap::new();
    let mut bad = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let items = start_tags(&std::fs::read(&path).unwrap());
        let (good, faults): (Vec<_>, Vec<_>) = read(&Input::Rss(path)).unwrap().partition(Result::is_ok);
        println!("{name}: {} announcements, {} bad entries", good.len(), faults.len());
        assert_eq!(good.len(), items, "{name}");
        counts.insert(name.clone(), good.len());
        bad.extend(faults.into_iter().map(|entry| format!("{name} {}", entry.unwrap_err().fault.code)));
    }
    assert_eq!((counts.len(), counts.values().sum::<usize>()), (97, 856));
    for (name, count) in COUNTED {
        assert_eq!(counts.get(name), Some(&count), "{name}");
    }
    // It is cut off behind its head.
    assert_eq!(bad, ["feed-rs__rss_2.0_invalid_1.xml source.truncated"]);
}

fn announcement(folder: &std::path::Path, feed: &str, index: usize) -> Announcement {
    entries(&folder.join(feed)).remove(index).unwrap()
}

#[test]
fn real_feeds_are_read_as_they_are_meant() {
    let Some(folder) = folder() else { return };
    let latin = announcement(&folder, "feed-rs__rss_2.0_encoding_1.xml", 0);
    assert_eq!(latin.title, "Revolução nas telas com pontos quânticos impressos em 3D");
    assert_eq!(
        (latin.show.as_str(), latin.language.as_deref()),
        ("RSS Feed do Site Inovação Tecnológica", Some("pt-br"))
    );
    assert_eq!((latin.published, latin.audio), (1_597_312_675, None)); // 06:57:55 -0300

    let example = announcement(&folder, "podcast-namespace__example.xml", 0);
    assert_eq!(example.key.episode.as_str(), "https://example.com/ep0003");
    assert_eq!(example.audio.as_deref(), Some("https://example.com/file-03.mp3"));
    assert_eq!(example.published, 1_602_217_838);
    // The WebVTT beside it is Spanish, the show is English.
    let plain = TranscriptSource::At {
        uri: "https://example.com/ep3/transcript.txt".into(),
        media_type: Some("text/plain".into()),
    };
    assert_eq!(example.transcript, Some(plain));

    assert_eq!(
        announcement(&folder, "podcastparser_image_and_audio.rss", 0).audio.as_deref(),
        Some("http://example.net/audio.mp3")
    );
    assert_eq!(
        announcement(&folder, "podcastparser_leading_space_url.rss", 0).audio.as_deref(),
        Some("http://example.com/example.mp3")
    );
    assert_eq!(
        announcement(&folder, "podcastparser_mediarss.rss", 0).audio.as_deref(),
        Some("http://example.org/example.mp3")
    );
    assert_eq!(announcement(&folder, "podcastparser_itunes_duration.rss", 0).declared_seconds, Some(1200.0));
    assert_eq!(announcement(&folder, "podcastparser_permalink.rss", 0).base, "http://example.com/podcast/");
    assert_eq!(announcement(&folder, "podcastparser_atom_published_updated.rss", 0).published, 1_071_340_202);
    assert_eq!(
        announcement(&folder, "podcastparser_no_guid.rss", 0).key.episode.as_str(),
        announcement(&folder, "podcastparser_no_guid.rss", 0).audio.unwrap()
    );
    assert_eq!(
        announcement(&folder, "podcastparser_html_in_description.rss", 0).description,
        "<h1>This is a <em>test</em></h1>"
    );
}
