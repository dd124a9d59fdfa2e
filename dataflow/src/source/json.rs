//! An announcement as a JSON object: a line of a file, or the value of a message.

use hark_operators::record::{Announcement, Deadline, TranscriptSource};
use serde_json::{Value, json};

use super::Entry;
use super::bad::BadEntry;
use super::row::Row;

const OBJECT: &str = "write one whole JSON object per line, with line feeds inside texts as \\n";

/// Reads the object at `place`; relative paths in it are relative to `base`.
pub(super) fn parse(text: &[u8], place: &str, base: &str) -> Entry {
    parse_named(text, place, base, None)
}

/// The same, of an object that may leave out its id because it comes with one.
pub(super) fn parse_named(text: &[u8], place: &str, base: &str, name: Option<&str>) -> Entry {
    if !text.starts_with(b"{") {
        return Err(BadEntry::new(place.to_owned(), "json", "the line is no JSON object", OBJECT).keeping(text));
    }
    let row: Row = serde_json::from_slice(text).map_err(|error| malformed(text, place, &error))?;
    let row = row.or_named(name);
    let id = row.id();
    row.announcement(base).map_err(|refused| {
        BadEntry::new(place.to_owned(), "field", &refused.what, refused.remedy).named(id).keeping(text)
    })
}

fn malformed(text: &[u8], place: &str, error: &serde_json::Error) -> BadEntry {
    let place = format!("{place}:{}", error.column().max(1));
    let (code, remedy) = if std::str::from_utf8(text).is_err() {
        ("encoding", "save the file as UTF-8")
    } else if error.is_data() {
        ("field", "give the field the type named in the message")
    } else {
        ("json", OBJECT)
    };
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    BadEntry::new(place, code, what, remedy).named(id_in(text)).keeping(text)
}

/// The id in a line that is no announcement: for its outcome to bear a name that people know.
pub(super) fn id_in(text: &[u8]) -> Option<String> {
    let key = b"\"id\"";
    let at = text.windows(key.len()).position(|window| window == key)? + key.len();
    let value = text[at..].trim_ascii_start().strip_prefix(b":")?;
    match serde_json::Deserializer::from_slice(value).into_iter::<Value>().next()?.ok()? {
        Value::String(id) => Some(id),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// An announcement as such an object, with paths that hold wherever it is read.
pub fn spelled(announcement: &Announcement) -> Value {
    let base = &announcement.base;
    let transcript = announcement.transcript.as_ref().map(|transcript| match transcript {
        TranscriptSource::At { uri, media_type } => json!({"uri": anywhere(uri, base), "media_type": media_type}),
        TranscriptSource::Inline { text, media_type } => json!({"text": text, "media_type": media_type}),
    });
    let (at, within) = match announcement.deadline {
        None => (None, None),
        Some(Deadline::At(at)) => (Some(at), None),
        Some(Deadline::Within(seconds)) => (None, Some(seconds)),
    };
    let all = json!({
        "id": announcement.key.episode.as_str(),
        "revision": announcement.key.revision,
        "show": announcement.show,
        "title": announcement.title,
        "description": announcement.description,
        "published": announcement.published,
        "audio": announcement.audio.as_ref().map(|uri| anywhere(uri, base)),
        "transcript": transcript,
        "language": announcement.language,
        "duration": announcement.declared_seconds,
        "priority": announcement.priority,
        "deadline": at,
        "deadline_seconds": within,
        "withdrawn": announcement.withdrawn,
    });
    let Value::Object(fields) = all else { unreachable!("it is written as an object") };
    Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// A path beside the announcement as one from the root; URIs and other paths stay.
fn anywhere(uri: &str, base: &str) -> String {
    let is_uri = uri.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    match std::path::absolute(base) {
        Ok(folder) if !is_uri && !base.is_empty() && !base.contains("://") => {
            folder.join(uri).to_string_lossy().into_owned()
        }
        _ => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_that_is_spelled_is_read_as_it_was() {
        let text = br#"{"id":"e","revision":3,"show":"s","title":"t","published":1700000000,"audio":"https://x.org/a.mp3",
            "transcript":{"text":"Words.","media_type":"text/plain"},"language":"en","duration":61.5,"priority":"urgent"}"#;
        let announcement = parse(text, "here:1", "/feeds").unwrap();
        let spelled = spelled(&announcement).to_string();
        assert_eq!(parse(spelled.as_bytes(), "there:1", "/feeds").unwrap(), announcement);
    }

    #[test]
    fn a_deadline_is_a_time_or_seconds_after_the_intake_and_survives_spelling() {
        let read = |field: &str| parse(format!(r#"{{"id":"e",{field}}}"#).as_bytes(), "here:1", "");
        for (field, deadline) in [
            (r#""deadline":"2026-11-01T08:00:00Z""#, Deadline::At(1_793_520_000)),
            (r#""deadline":1793520000"#, Deadline::At(1_793_520_000)),
            (r#""deadline_seconds":90"#, Deadline::Within(90.0)),
        ] {
            let announcement = read(field).unwrap();
            assert_eq!(announcement.deadline, Some(deadline), "{field}");
            assert_eq!(parse(spelled(&announcement).to_string().as_bytes(), "there:1", "").unwrap(), announcement);
        }
        assert_eq!(read(r#""deadline":"""#).unwrap().deadline, None);
        assert!(format!("{:?}", read(r#""deadline_seconds":-1"#).unwrap_err()).contains("above 0"));
        assert!(format!("{:?}", read(r#""deadline":"soon""#).unwrap_err()).contains("deadline"));
    }

    #[test]
    fn a_path_beside_the_announcement_holds_wherever_it_is_read() {
        assert_eq!(anywhere("audio/a b.mp3", "/feeds"), "/feeds/audio/a b.mp3");
        assert_eq!(anywhere("/audio/a.mp3", "/feeds"), "/audio/a.mp3");
        assert_eq!(anywhere("https://x.org/a.mp3", "/feeds"), "https://x.org/a.mp3");
        assert_eq!(anywhere("a.mp3", ""), "a.mp3");
    }
}
