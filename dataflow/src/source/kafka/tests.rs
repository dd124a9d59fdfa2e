//! What messages are read as; the brokers are met in the tests of the whole command.

use hark_operators::record::{Announcement, Origin, Priority};

use super::message::entry;
use crate::source::BadEntry;

const LONGEST: usize = 1 << 20;

fn message(key: Option<&str>, value: Option<&[u8]>, headers: &[(&str, &str)]) -> Origin {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())));
    Origin {
        topic: "ann".into(),
        partition: 3,
        offset: 41,
        timestamp_ms: Some(0),
        key: key.map(|key| key.as_bytes().to_vec()),
        value: value.map(<[u8]>::to_vec),
        headers: headers.collect(),
    }
}

fn read(key: &str, value: &str, headers: &[(&str, &str)]) -> Announcement {
    entry(&message(Some(key), Some(value.as_bytes()), headers), LONGEST, Priority::Normal).expect("it is one")
}

fn refused(origin: &Origin) -> BadEntry {
    let bad = entry(origin, LONGEST, Priority::Normal).expect_err("it is none");
    assert_eq!(bad.id, "ann/3@41", "known by its place");
    assert!(!bad.fault.remedy.is_empty());
    bad
}

#[test]
fn a_message_is_a_row_and_its_headers_may_say_more() {
    let events =
        [("ce_id", "1"), ("ce_type", "org.example.episode"), ("content-type", "application/json; charset=utf-8")];
    let plain = read("e", r#"{"id":"e","title":"T","audio":"https://x.org/a.mp3"}"#, &events);
    assert_eq!((plain.key.episode.as_str(), plain.priority, plain.base.as_str()), ("e", Priority::Normal, "kafka:ann"));
    assert_eq!(read("from key", r#"{"title":"T"}"#, &[]).key.episode.as_str(), "from key");
    let urgent = read("e", r#"{"id":"e","priority":"backfill"}"#, &[("hark_priority", "urgent")]);
    assert_eq!(urgent.priority, Priority::Urgent);
    let topic = entry(&message(None, Some(br#"{"id":"e"}"#), &[]), LONGEST, Priority::Urgent).expect("it is one");
    assert_eq!(topic.priority, Priority::Urgent);
}

#[test]
fn a_tombstone_withdraws_the_revision_that_its_header_names_and_no_other() {
    let gone = entry(&message(Some("e"), None, &[("hark_revision", "7")]), LONGEST, Priority::Normal);
    let gone = gone.expect("it is a withdrawal");
    assert_eq!((gone.key.episode.as_str(), gone.key.revision, gone.withdrawn), ("e", 7, true));
    assert_eq!(refused(&message(Some("e"), None, &[])).fault.code, "source.tombstone");
    assert_eq!(refused(&message(None, None, &[("hark_revision", "7")])).fault.code, "source.tombstone");
}

#[test]
fn what_cannot_be_read_is_refused_with_a_code_and_a_remedy() {
    let value = |bytes: &[u8]| message(Some("e"), Some(bytes), &[]);
    assert_eq!(refused(&value(b"")).fault.code, "source.json");
    assert_eq!(refused(&value(br#"{"id":"e""#)).fault.code, "source.json");
    assert_eq!(refused(&value(b"{\"id\":\"\xff\"}")).fault.code, "source.encoding");
    assert_eq!(refused(&value(br#"{"id":"e","audio":7}"#)).fault.code, "source.field");
    assert_eq!(refused(&value(&vec![b' '; LONGEST + 1])).fault.code, "source.too_long");
    let avro = message(Some("e"), Some(b"\0\0"), &[("content-type", "application/avro")]);
    assert_eq!(refused(&avro).fault.code, "source.content_type");
    let odd = message(Some("e"), Some(br#"{"id":"e"}"#), &[("hark_priority", "soon")]);
    assert_eq!(refused(&odd).fault.code, "source.header");
}
