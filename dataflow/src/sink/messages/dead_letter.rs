//! A dead letter: the message as it came, and why it came to nothing.

use hark_operators::Fault;
use hark_operators::record::Origin;
use hark_operators::record::outcome::Outcome;

use super::headers::named;
use super::outbox::Named;

/// Headers that a dead letter gains; taken off when it is replayed.
const GAINED: [&str; 10] = [
    "hark_topic",
    "hark_partition",
    "hark_offset",
    "hark_stage",
    "hark_code",
    "hark_message",
    "hark_remedy",
    "hark_episode",
    "hark_value_bytes",
    hark_operators::record::origin::REPLAY,
];

/// Says of a message which revision it is about; a tombstone may come with it.
pub(crate) const REVISION: &str = "hark_revision";

/// The message's own headers, without those that an earlier dead letter of it had gained.
pub(crate) fn own(headers: &[Named]) -> impl Iterator<Item = Named> {
    headers.iter().filter(|(name, _)| !GAINED.contains(&name.as_str())).cloned()
}

/// The headers of the dead letter of an outcome.
pub(super) fn headers(outcome: &Outcome, fault: &Fault, origin: Option<&Origin>) -> Vec<Named> {
    let mut headers: Vec<Named> = origin.iter().flat_map(|origin| own(&origin.headers)).collect();
    if let Some(origin) = origin {
        headers.push(named("hark_topic", &origin.topic));
        headers.push(named("hark_partition", &origin.partition.to_string()));
        headers.push(named("hark_offset", &origin.offset.to_string()));
    }
    headers.push(named("hark_stage", &fault.stage));
    headers.push(named("hark_code", &fault.code));
    headers.push(named("hark_message", &fault.message));
    headers.push(named("hark_remedy", &fault.remedy));
    headers.push(named("hark_episode", &outcome.episode));
    if !headers.iter().any(|(name, _)| name == REVISION) {
        headers.push(named(REVISION, &outcome.revision.to_string()));
    }
    headers
}

/// As much of a value as fits: a topic that takes less than the announcements' own says so.
pub(super) fn fitting<'a>(value: &'a [u8], headers: &mut Vec<Named>, limit: usize) -> &'a [u8] {
    let around: usize = headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len) + 16).sum();
    let room = limit.saturating_sub(around + 1024);
    if value.len() > room {
        headers.push(named("hark_value_bytes", &value.len().to_string()));
    }
    &value[..value.len().min(room)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::sample;
    use hark_operators::record::outcome::State;

    #[test]
    fn a_dead_letter_keeps_the_headers_that_came_and_names_place_and_fault() {
        let outcome = sample::failed("s", "e");
        let State::Failed { fault } = &outcome.state else { panic!("it failed") };
        let came = vec![named("trace", "1"), named("hark_code", "old"), named("hark_priority", "urgent")];
        let origin = Origin {
            topic: "ann".into(),
            partition: 2,
            offset: 17,
            timestamp_ms: None,
            key: None,
            value: None,
            headers: came,
        };
        let headers = headers(&outcome, fault, Some(&origin));
        let of = |name: &str| {
            let mut found = headers.iter().filter(|(key, _)| key == name);
            let value =
                found.next().and_then(|(_, value)| value.clone()).map(|value| String::from_utf8(value).unwrap());
            assert!(found.next().is_none(), "{name} stands there once");
            value
        };
        assert_eq!(of("trace").as_deref(), Some("1"));
        assert_eq!(of("hark_priority").as_deref(), Some("urgent"));
        assert_eq!(of("hark_code").as_deref(), Some("decode.truncated"));
        assert_eq!(of("hark_offset").as_deref(), Some("17"));
        assert_eq!(of("hark_revision").as_deref(), Some("0"));
    }

    #[test]
    fn a_value_is_cut_only_where_the_topic_takes_no_more_and_then_says_so() {
        let mut headers = vec![named("a", "b")];
        assert_eq!(fitting(&[1; 100], &mut headers, 10_000).len(), 100);
        assert_eq!(headers.len(), 1);
        assert!(fitting(&[1; 100], &mut headers, 1_100).len() < 100);
        assert_eq!(headers[1], named("hark_value_bytes", "100"));
    }
}
