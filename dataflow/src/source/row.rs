//! An announcement as a JSON object or a Parquet row spells it.

use hark_operators::record::{Announcement, Deadline, EpisodeId, EpisodeKey, Priority, TranscriptSource};
use serde::Deserialize;

use super::date;

/// Names that are read, for messages and for choosing columns.
pub(super) const FIELDS: [&str; 14] = [
    "id",
    "show",
    "title",
    "description",
    "published",
    "audio",
    "transcript",
    "language",
    "duration",
    "priority",
    "deadline",
    "deadline_seconds",
    "revision",
    "withdrawn",
];

/// The fields of [`FIELDS`]; all but `id` may be absent or null, others are ignored.
#[derive(Deserialize)]
pub(super) struct Row {
    id: Option<Id>,
    show: Option<String>,
    title: Option<String>,
    description: Option<String>,
    published: Option<When>,
    audio: Option<String>,
    transcript: Option<Transcript>,
    language: Option<String>,
    duration: Option<Length>,
    priority: Option<String>,
    deadline: Option<When>,
    deadline_seconds: Option<f64>,
    revision: Option<u64>,
    withdrawn: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "id should be a text or a whole number")]
enum Id {
    Text(String),
    Number(i64),
    Large(u64),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "published and deadline should be an RFC 3339 text or seconds since 1970")]
enum When {
    Whole(i64),
    Seconds(f64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "duration should be seconds or a text like 1:02:03")]
enum Length {
    Seconds(f64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "transcript should be a path or URI, {\"uri\": ..., \"media_type\": ...} or {\"text\": ..., \"media_type\": ...}"
)]
enum Transcript {
    Path(String),
    Inline {
        text: String,
        #[serde(alias = "type")]
        media_type: Option<String>,
    },
    At {
        #[serde(alias = "url")]
        uri: String,
        #[serde(alias = "type")]
        media_type: Option<String>,
    },
}

/// What keeps a well-formed row from being an announcement.
pub(super) struct Refused {
    pub(super) what: String,
    pub(super) remedy: &'static str,
}

impl Row {
    /// The row's id, if it has one.
    pub(super) fn id(&self) -> Option<String> {
        match self.id.as_ref()? {
            Id::Text(text) => Some(text.trim().to_owned()).filter(|id| !id.is_empty()),
            Id::Number(number) => Some(number.to_string()),
            Id::Large(number) => Some(number.to_string()),
        }
    }

    /// The row, with this id if it has none.
    pub(super) fn or_named(mut self, name: Option<&str>) -> Self {
        if self.id().is_none() {
            self.id = name.map(|name| Id::Text(name.to_owned()));
        }
        self
    }

    /// The announcement; relative paths in it are relative to `base`.
    pub(super) fn announcement(self, base: &str) -> Result<Announcement, Refused> {
        let id = self.id().ok_or_else(|| Refused {
            what: "the field id is absent, null or empty".into(),
            remedy: "give every episode an id of its own that stays the same over revisions",
        })?;
        Ok(Announcement {
            key: EpisodeKey { episode: EpisodeId::from(id), revision: self.revision.unwrap_or(0) },
            show: self.show.unwrap_or_default(),
            title: self.title.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            published: self.published.map_or(Ok(0), |when| when.seconds("published"))?,
            audio: self.audio.and_then(filled),
            transcript: self.transcript.and_then(Transcript::source),
            language: self.language.and_then(filled),
            declared_seconds: self.duration.and_then(Length::seconds),
            priority: priority(self.priority.as_deref())?,
            deadline: deadline(self.deadline, self.deadline_seconds)?,
            withdrawn: self.withdrawn.unwrap_or(false),
            base: base.to_owned(),
        })
    }
}

fn filled(text: String) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn priority(name: Option<&str>) -> Result<Priority, Refused> {
    match name.map(|name| name.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "normal") => Ok(Priority::Normal),
        Some("urgent") => Ok(Priority::Urgent),
        Some("backfill") => Ok(Priority::Backfill),
        Some(other) => Err(Refused {
            what: format!("priority {other:?} is not known"),
            remedy: "write urgent, normal or backfill, or leave it out",
        }),
    }
}

/// A time, or seconds after the intake; the time counts where both are given.
fn deadline(at: Option<When>, within: Option<f64>) -> Result<Option<Deadline>, Refused> {
    let at = at.map_or(Ok(0), |when| when.seconds("deadline"))?;
    match within {
        _ if at != 0 => Ok(Some(Deadline::At(at))), // an empty text is none
        None => Ok(None),
        Some(seconds) if seconds > 0.0 && seconds.is_finite() => Ok(Some(Deadline::Within(seconds))),
        Some(seconds) => Err(Refused {
            what: format!("deadline_seconds {seconds} is no time to do anything in"),
            remedy: "write the seconds from the intake to the deadline, above 0, or leave it out",
        }),
    }
}

impl When {
    fn seconds(self, field: &str) -> Result<i64, Refused> {
        let (seconds, shown) = match self {
            When::Whole(number) => (Some(date::of_number(number)), number.to_string()),
            When::Seconds(number) => (number.is_finite().then_some(number.floor() as i64), number.to_string()),
            When::Text(text) if text.trim().is_empty() => (Some(0), text),
            When::Text(text) => (date::of_text(&text), text),
        };
        seconds.ok_or_else(|| Refused {
            what: format!("{field} {:?} is no time", shown.chars().take(60).collect::<String>()),
            remedy: "write it as RFC 3339 (2026-11-01T08:00:00Z) or as seconds since 1970",
        })
    }
}

impl Length {
    fn seconds(self) -> Option<f64> {
        match self {
            Length::Seconds(seconds) => date::sensible_length(seconds),
            Length::Text(text) => date::length(&text),
        }
    }
}

impl Transcript {
    fn source(self) -> Option<TranscriptSource> {
        match self {
            Transcript::Path(uri) => Some(TranscriptSource::At { uri: filled(uri)?, media_type: None }),
            Transcript::At { uri, media_type } => {
                Some(TranscriptSource::At { uri: filled(uri)?, media_type: media_type.and_then(filled) })
            }
            Transcript::Inline { text, media_type } => {
                let media_type = media_type.and_then(filled);
                (!text.trim().is_empty()).then_some(TranscriptSource::Inline { text, media_type })
            }
        }
    }
}
