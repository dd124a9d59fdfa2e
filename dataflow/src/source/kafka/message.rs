//! A message as an entry.
//!
//! The value is the JSON object of a JSON Lines row, the key its id. Headers may say more: CloudEvents in
//! binary mode is taken as it comes, `hark_priority` overrides the priority, and `hark_revision` makes a
//! tombstone a withdrawal.
//!
//! Invariant: a message that cannot be read is known by its place, not by an id that stands in it: an
//! episode of that id may have a preview already, or be announced rightly later.

use hark_operators::record::{Announcement, EpisodeId, EpisodeKey, Origin, Priority};

use crate::sink::messages::dead_letter::REVISION;
use crate::source::bad::BadEntry;
use crate::source::row::priority;
use crate::source::{Entry, json};

/// Overrides an announcement's priority.
pub(crate) const PRIORITY: &str = "hark_priority";

/// The entry that a message of a topic of this priority is.
pub(crate) fn entry(origin: &Origin, longest: usize, class: Priority) -> Entry {
    let place = origin.place();
    let read = read(origin, &place, longest, class);
    read.map_err(|bad| BadEntry { id: place, ..bad })
}

fn read(origin: &Origin, place: &str, longest: usize, class: Priority) -> Entry {
    let bad = |code: &str, what: &str, remedy: &str| BadEntry::new(place.to_owned(), code, what, remedy);
    let key = origin.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()).filter(|key| !key.is_empty());
    let base = format!("kafka:{}", origin.topic);
    let Some(value) = origin.value.as_deref() else {
        let revision = origin.header(REVISION).and_then(|revision| revision.parse().ok());
        return key.zip(revision).map(|(id, revision)| withdrawal(id, revision, base)).ok_or_else(|| {
            let remedy = "withdraw an episode by its id, its revision and \"withdrawn\": true, or give the tombstone the header hark_revision";
            bad("tombstone", "a message without a value does not say which revision is withdrawn", remedy)
        });
    };
    if value.len() > longest {
        let what = format!("the value has {} bytes, {longest} are read", value.len());
        return Err(bad("too_long", &what, "give the transcript as a URI instead of inline").keeping(value));
    }
    if let Some(kind) = origin.header("content-type").filter(|kind| !is_json(kind)) {
        let what = format!("the content type is {:?}", kind.chars().take(60).collect::<String>());
        let remedy = "send JSON; with CloudEvents, in binary content mode";
        return Err(bad("content_type", &what, remedy).keeping(value));
    }
    let mut announcement = json::parse_named(value.trim_ascii(), place, &base, key)?;
    if class == Priority::Urgent {
        announcement.priority = class;
    }
    if let Some(name) = origin.header(PRIORITY) {
        let refused = |what: &str, remedy: &str| bad("header", what, remedy).keeping(value);
        announcement.priority = priority(Some(name)).map_err(|why| refused(&why.what, why.remedy))?;
    }
    Ok(announcement)
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind == "application/octet-stream" || kind.is_empty()
}

fn withdrawal(id: &str, revision: u64, base: String) -> Announcement {
    let key = EpisodeKey { episode: EpisodeId::from(id), revision };
    Announcement { withdrawn: true, ..Announcement::bare(key, base) }
}
