use std::fs;

use super::super::{Input, read};
use super::{entries, gzip};

#[test]
fn partitions_are_read_in_the_order_of_their_names_and_other_files_left_aside() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    put("date=2026-11-02/b.jsonl.gz", &gzip(b"{\"id\":\"4\"}\n"));
    put("date=2026-11-02/a/deep.ndjson", b"{\"id\":\"3\"}\n");
    put("date=2026-11-01/a.jsonl", b"{\"id\":\"1\"}\n");
    put("date=2026-11-01/b.xml", b"<rss><channel><item><guid>2</guid></item></channel></rss>");
    put("date=2026-11-02/c.parquet", b"PAR1 but no Parquet file PAR1");
    put("date=2026-11-03/empty.jsonl", b"");
    put("date=2026-11-03/z.jsonl", b"{\"id\":\"5\"}\n");
    put("date=2026-11-01/.hidden.jsonl", b"{\"id\":\"hidden\"}\n");
    put("date=2026-11-01/_SUCCESS", b"");
    put("_temporary/a.jsonl", b"{\"id\":\"temporary\"}\n");
    put("date=2026-11-01/cover.jpg", b"\xff\xd8");
    put("date=2026-11-01/transcript.json", b"{\"version\":\"1.0.0\"}");

    let seen: Vec<String> = entries(folder.path())
        .into_iter()
        .map(|entry| match entry {
            Ok(entry) => format!("{} in {}", entry.key.episode, entry.base.rsplit('/').next().unwrap()),
            Err(bad) => format!("{} {}", bad.place.rsplit('/').next().unwrap(), bad.fault.code),
        })
        .collect();
    assert_eq!(
        seen,
        [
            "1 in date=2026-11-01",
            "2 in date=2026-11-01",
            "3 in a",
            "4 in date=2026-11-02",
            "c.parquet source.file",
            "5 in date=2026-11-03",
        ]
    );
}

#[test]
fn a_file_that_vanishes_after_opening_is_a_bad_entry() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jsonl", "b.jsonl"] {
        fs::write(folder.path().join(name), format!("{{\"id\":\"{name}\"}}\n")).unwrap();
    }
    let input = Input::open(folder.path()).unwrap();
    fs::remove_file(folder.path().join("a.jsonl")).unwrap();
    let entries: Vec<_> = read(&input).unwrap().collect();
    assert_eq!(entries[0].as_ref().unwrap_err().fault.code, "source.file");
    assert_eq!(entries[1].as_ref().unwrap().key.episode.as_str(), "b.jsonl");
}
