//! Dates and lengths as people write them into feeds and tables.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

/// Seconds since 1970 UTC of a number that may count seconds, milliseconds, microseconds or
/// nanoseconds: seconds of this millennium have eleven digits at most, and each finer unit three
/// more.
pub(super) fn of_number(number: i64) -> i64 {
    match number.unsigned_abs() {
        0..100_000_000_000 => number,
        100_000_000_000..100_000_000_000_000 => number.div_euclid(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => number.div_euclid(1_000_000),
        _ => number.div_euclid(1_000_000_000),
    }
}

/// Seconds since 1970 UTC of an RFC 3339 or RFC 2822 date, the common mistakes included: no
/// weekday or a wrong one, names of zones, no seconds, two-digit years, whole names of months, no
/// zone at all (taken for UTC). `None` if no date can be made out.
pub(super) fn of_text(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse::<Timestamp>()
        .map(Timestamp::as_second)
        .ok()
        .or_else(|| iso_without_zone(text))
        .or_else(|| in_words(text))
}

fn iso_without_zone(text: &str) -> Option<i64> {
    let utc = |time: DateTime| Offset::UTC.to_timestamp(time).ok().map(Timestamp::as_second);
    let date = || text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0));
    text.parse::<DateTime>().ok().or_else(date).and_then(utc)
}

/// The parts of a date in words, gathered in whatever order they come.
#[derive(Default)]
struct Parts {
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    /// Seconds since midnight.
    time: i64,
    /// Seconds east of UTC.
    zone: i64,
}

fn in_words(text: &str) -> Option<i64> {
    let mut parts = Parts::default();
    for token in text.split(|c: char| c.is_whitespace() || c == ',').filter(|token| !token.is_empty()).take(16) {
        // `13-Jul-2020`, but not the zone `-0700`.
        let dashed = token.matches('-').count() == 2;
        for token in token.split(|c| dashed && c == '-') {
            parts.put(token);
        }
    }
    let date = Date::new(parts.year?, parts.month?, parts.day?).ok()?;
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_second();
    Some(midnight + parts.time - parts.zone)
}

impl Parts {
    fn put(&mut self, token: &str) {
        let token = token.trim_matches(|c| matches!(c, '(' | ')' | '.'));
        if let Some(zone) = zone(token) {
            self.zone = zone;
        } else if token.contains(':') {
            self.time = clock(token).unwrap_or(self.time);
        } else if let Some(month) = month(token) {
            self.month = Some(month);
        } else if token.eq_ignore_ascii_case("pm") && self.time < 12 * 3600 {
            self.time += 12 * 3600;
        } else if token.eq_ignore_ascii_case("am") && self.time >= 12 * 3600 {
            self.time -= 12 * 3600;
        } else {
            self.number(token);
        }
    }

    fn number(&mut self, token: &str) {
        let digits = token.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let Ok(number) = digits.parse::<i16>() else { return };
        match digits.len() {
            1 | 2 if self.day.is_none() => self.day = i8::try_from(number).ok(),
            2 if self.year.is_none() => self.year = Some(if number < 70 { 2000 + number } else { 1900 + number }),
            4 if self.year.is_none() => self.year = Some(number),
            _ => {}
        }
    }
}

/// Seconds since midnight of `h:m` or `h:m:s`, fractions cut.
fn clock(token: &str) -> Option<i64> {
    let mut fields = token.split(':').map(|field| field.split('.').next().unwrap_or("").parse::<i64>().ok());
    let (hours, minutes) = (fields.next()??, fields.next()??);
    let seconds = fields.next().flatten().unwrap_or(0);
    let valid = (0..=24).contains(&hours) && (0..60).contains(&minutes) && (0..=60).contains(&seconds);
    valid.then_some(hours * 3600 + minutes * 60 + seconds)
}

/// Seconds east of UTC of `+0100`, `-05:00`, `GMT+2`, `EST` and the like. Names mean what
/// RFC 2822 says, others the zone of the greatest number of speakers.
fn zone(token: &str) -> Option<i64> {
    let upper = token.to_ascii_uppercase();
    let bare = upper.strip_prefix("GMT").or(upper.strip_prefix("UTC")).unwrap_or(&upper);
    if let Some(digits) = bare.strip_prefix(['+', '-']) {
        let digits = digits.replacen(':', "", 1);
        let number: i64 = digits.parse().ok().filter(|number| *number >= 0 && digits.len() <= 4)?;
        let seconds = if digits.len() <= 2 { number * 3600 } else { number / 100 * 3600 + number % 100 * 60 };
        return Some(if bare.starts_with('-') { -seconds } else { seconds });
    }
    let hours = match upper.as_str() {
        "UT" | "UTC" | "GMT" | "Z" | "WET" => 0.0,
        "BST" | "CET" | "WEST" | "MEZ" => 1.0,
        "CEST" | "EET" | "MESZ" => 2.0,
        "EEST" | "MSK" => 3.0,
        "IST" => 5.5,
        "JST" => 9.0,
        "AEST" => 10.0,
        "AEDT" => 11.0,
        "EDT" => -4.0,
        "EST" | "CDT" => -5.0,
        "CST" | "MDT" => -6.0,
        "MST" | "PDT" => -7.0,
        "PST" => -8.0,
        _ => return None,
    };
    Some((hours * 3600.0) as i64)
}

fn month(token: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = token.get(..3)?.to_ascii_lowercase();
    MONTHS.iter().position(|month| *month == start).and_then(|at| i8::try_from(at + 1).ok())
}

/// Seconds of `3723`, `62:03`, `1:02:03` or `1:02:03.5`; `None` for anything else and for 0, which
/// feeds write for "unknown".
pub(super) fn length(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    for (position, field) in text.trim().split(':').enumerate() {
        let number = field.trim().parse::<f64>().ok().filter(|number| *number >= 0.0 && position < 3)?;
        seconds = seconds * 60.0 + number;
    }
    sensible_length(seconds)
}

/// A length that some recording may have: above 0, below four months.
pub(super) fn sensible_length(seconds: f64) -> Option<f64> {
    (seconds > 0.0 && seconds < 1e7).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_with_the_mistakes_that_feeds_make() {
        // 2020-07-13T04:00:00Z
        let same = [
            "Mon, 13 Jul 2020 04:00:00 -0000",
            "Mon, 13 Jul 2020 04:00:00 GMT",
            "Fri, 13 Jul 2020 04:00:00 GMT", // it was a Monday
            "13 Jul 2020 04:00 UT",
            "Monday, 13 July 2020 04:00:00 UTC",
            "13 Jul 20 04:00:00",
            "13-Jul-2020 04:00:00",
            "Mon, 13 Jul 2020 00:00:00 EDT",
            "Sun, 12 Jul 2020 21:00:00 -0700",
            "Mon, 13 Jul 2020 06:00:00 GMT+2",
            "Mon, 13 Jul 2020 06:00:00 +02:00",
            "Mon, 13 Jul 2020 06:00:00 +0200 (CEST)",
            "July 13th, 2020 4:00 AM",
            "2020-07-13T04:00:00Z",
            "2020-07-13T06:00:00+02:00",
            "2020-07-13 04:00:00",
            " 2020-07-13T04:00:00.000Z ",
        ];
        for text in same {
            assert_eq!(of_text(text), Some(1_594_612_800), "{text}");
        }
        assert_eq!(of_text("2020-07-13"), Some(1_594_598_400));
        assert_eq!(of_text("Sun, 12 Jul 2020 24:00:00 GMT"), Some(1_594_598_400));
        for text in ["", "yesterday", "31 Feb 2020 00:00:00", "12:00", "Mon Jul 2020", "0000-00-00"] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_count_seconds_or_finer() {
        for number in [1_594_612_800, 1_594_612_800_123, 1_594_612_800_123_456, 1_594_612_800_123_456_789] {
            assert_eq!(of_number(number), 1_594_612_800, "{number}");
        }
        assert_eq!(of_number(-1), -1);
        assert_eq!(of_number(i64::MIN), -9_223_372_037);
    }

    #[test]
    fn lengths_are_read_as_seconds() {
        for (text, seconds) in
            [("3723", 3723.0), ("1:02:03", 3723.0), ("62:03", 3723.0), ("01:02:03.5", 3723.5), (" 90 ", 90.0)]
        {
            assert_eq!(length(text), Some(seconds), "{text}");
        }
        for text in ["", "0", "00:00:00", "soon", "1:2:3:4", "-5", "NaN", "inf", "1e300", "1:-2"] {
            assert_eq!(length(text), None, "{text}");
        }
    }
}
