use std::sync::Arc;

use hark_operators::record::{Priority, TranscriptSource};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::super::{Input, SourceError, read};
use super::{entries, file, ids, sorted};

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// A Parquet file of this schema; `fill` writes the columns of each of `groups` row groups.
pub(super) fn table(schema: &str, groups: usize, fill: impl Fn(usize, &mut Group<'_>)) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::new())).unwrap();
    for index in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        fill(index, &mut group);
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

/// Writes the next column of texts; `None` is null.
pub(super) fn texts(group: &mut Group<'_>, values: &[Option<&str>]) {
    let mut column = group.next_column().unwrap().unwrap();
    let present: Vec<ByteArray> = values.iter().flatten().map(|text| ByteArray::from(*text)).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    column.typed::<ByteArrayType>().write_batch(&present, Some(&levels), None).unwrap();
    column.close().unwrap();
}

fn numbers(group: &mut Group<'_>, values: &[Option<i64>]) {
    let mut column = group.next_column().unwrap().unwrap();
    let present: Vec<i64> = values.iter().flatten().copied().collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    column.typed::<Int64Type>().write_batch(&present, Some(&levels), None).unwrap();
    column.close().unwrap();
}

#[test]
fn rows_of_all_row_groups_become_announcements() {
    let schema = "message episodes {
        optional binary id (UTF8); optional binary show (UTF8); optional binary title; optional int64 published (TIMESTAMP_MILLIS);
        optional binary audio (UTF8); optional binary transcript (UTF8); optional double duration;
        optional binary priority (UTF8); optional int64 revision; optional int64 internal_key; }";
    let bytes = table(schema, 2, |index, group| {
        let ids = [format!("{index}a"), format!("{index}b")];
        texts(group, &[Some(&ids[0]), Some(&ids[1])]);
        texts(group, &[Some("Show"), None]);
        texts(group, &[Some("Título"), None]);
        numbers(group, &[Some(1_793_520_000_999), None]);
        texts(group, &[Some("a.mp3"), None]);
        texts(group, &[None, Some("t.vtt")]);
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[61.5], Some(&[1, 0]), None).unwrap();
        column.close().unwrap();
        texts(group, &[Some("backfill"), None]);
        numbers(group, &[Some(2), None]);
        numbers(group, &[Some(9), Some(9)]);
    });
    let (good, bad) = sorted("in.parquet", bytes);
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(ids(&good), ["0a", "0b", "1a", "1b"]);
    let (full, empty) = (&good[2], &good[3]);
    assert_eq!((full.show.as_str(), full.title.as_str(), full.published), ("Show", "Título", 1_793_520_000));
    assert_eq!((full.audio.as_deref(), full.declared_seconds, full.key.revision), (Some("a.mp3"), Some(61.5), 2));
    assert_eq!(full.priority, Priority::Backfill);
    assert_eq!(empty.transcript, Some(TranscriptSource::At { uri: "t.vtt".into(), media_type: None }));
    assert_eq!((empty.published, empty.key.revision, empty.audio.as_deref()), (0, 0, None));
}

#[test]
fn times_may_have_any_unit() {
    let units = [
        ("int64", "(TIMESTAMP(MILLIS,true))", 1_594_612_800_999_i64),
        ("int64", "(TIMESTAMP(MICROS,true))", 1_594_612_800_999_999),
        ("int64", "(TIMESTAMP(NANOS,false))", 1_594_612_800_999_999_999),
        ("int64", "", 1_594_612_800),
    ];
    for (physical, logical, value) in units {
        let schema = format!("message m {{ optional binary id (UTF8); optional {physical} published {logical}; }}");
        let bytes = table(&schema, 1, |_, group| {
            texts(group, &[Some("a")]);
            numbers(group, &[Some(value)]);
        });
        let (good, bad) = sorted("in.parquet", bytes);
        assert_eq!(good.first().map(|entry| entry.published), Some(1_594_612_800), "{logical}: {bad:?}");
    }
    // Early dates in nanoseconds are told by the schema, not by their size.
    let bytes = table(
        "message m { optional binary id (UTF8); optional int64 published (TIMESTAMP(NANOS,true)); }",
        1,
        |_, group| {
            texts(group, &[Some("a")]);
            numbers(group, &[Some(5_000_000_000)]);
        },
    );
    assert_eq!(sorted("in.parquet", bytes).0[0].published, 5);
}

#[test]
fn a_transcript_column_may_be_a_struct() {
    let schema = "message m { optional binary id (UTF8); required group transcript { optional binary text (UTF8); optional binary media_type (UTF8); } }";
    let bytes = table(schema, 1, |_, group| {
        texts(group, &[Some("a"), Some("b")]);
        texts(group, &[Some("WEBVTT"), None]);
        texts(group, &[Some("text/vtt"), None]);
    });
    let (good, bad) = sorted("in.parquet", bytes);
    assert!(bad.is_empty(), "{bad:?}");
    let inline = TranscriptSource::Inline { text: "WEBVTT".into(), media_type: Some("text/vtt".into()) };
    assert_eq!((&good[0].transcript, &good[1].transcript), (&Some(inline), &None));
}

#[test]
fn a_row_without_an_id_names_its_number() {
    let bytes = table("message m { optional binary id (UTF8); optional binary priority (UTF8); }", 1, |_, group| {
        texts(group, &[Some("a"), None, Some("c"), Some("d")]);
        texts(group, &[None, None, Some("soonish"), None]);
    });
    let (good, bad) = sorted("in.parquet", bytes);
    assert_eq!(ids(&good), ["a", "d"]);
    assert!(bad[0].place.ends_with("in.parquet:2") && bad[0].id == bad[0].place, "{bad:?}");
    assert_eq!((bad[1].id.as_str(), bad[1].fault.code.as_str()), ("c", "source.field"));
}

#[test]
fn a_damaged_row_group_is_given_up_and_the_next_is_read() {
    let mut bytes = table("message m { optional binary id (UTF8); }", 3, |index, group| {
        let id = format!("identity-{index}");
        texts(group, &[Some(&id), Some(&id)]);
    });
    // The first page header of the second group's only column becomes nonsense.
    let (_folder, path) = file("whole.parquet", &bytes);
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let at = reader.metadata().row_group(1).column(0).byte_range().0 as usize;
    bytes[at..at + 8].fill(0xff);
    let (good, bad) = sorted("in.parquet", bytes);
    assert_eq!(ids(&good), ["identity-0", "identity-0", "identity-2", "identity-2"]);
    assert_eq!(bad.len(), 1);
    assert!(bad[0].place.ends_with("in.parquet:3"), "{}", bad[0].place);
    assert!(bad[0].fault.message.contains("rows 3 to 4"), "{}", bad[0].fault.message);
}

#[test]
fn wrong_columns_are_named_before_anything_is_read() {
    let (_folder, path) = file("a.parquet", table("message m { optional binary guid (UTF8); }", 0, |_, _| {}));
    let error = read(&Input::open(&path).unwrap()).err().expect("refused").to_string();
    assert!(error.contains("no column id") && error.contains("columns found: guid"), "{error}");

    let schema = "message m { optional binary id (UTF8); optional boolean title; }";
    let (_folder, path) = file("b.parquet", table(schema, 0, |_, _| {}));
    let error = read(&Input::open(&path).unwrap()).err().expect("refused").to_string();
    assert!(error.contains("column title"), "{error}");

    let (_folder, path) = file("c.parquet", b"PAR1 cut off");
    assert!(matches!(read(&Input::open(&path).unwrap()).err(), Some(SourceError::Parquet { .. })));
    let (_folder, path) = file("d.parquet", table("message m { optional binary id (UTF8); }", 0, |_, _| {}));
    assert!(entries(&path).is_empty());
}
