//! Times as people and programs write them.

/// Later times than this are mistakes: 100 hours.
pub(super) const LATEST: f64 = 360_000.0;

/// `01:02:03.450`, `02:03,45`, `1:02:03:450`, `-00:00:01.000` or plain seconds; `None` if it is not
/// a time. Hours are optional; minutes and seconds may be above 59, as some writers have them.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    if digits.len() > 24 || !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || b":.,".contains(&byte)) {
        return None;
    }
    let (whole, fraction) = match digits.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    let mut fields: Vec<&str> = whole.split(':').collect();
    let mut fraction = fraction;
    if fields.len() == 4 && fraction.is_empty() {
        fraction = fields.pop()?;
    }
    if fields.len() > 3 || fraction.bytes().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    let mut seconds = 0.0;
    for field in fields {
        seconds = seconds * 60.0 + field.parse::<f64>().ok()?;
    }
    if !fraction.is_empty() {
        seconds += format!("0.{fraction}").parse::<f64>().ok()?;
    }
    known(sign * seconds)
}

/// `Some` for a time that can be meant: finite and no later than [`LATEST`].
pub(super) fn known(seconds: f64) -> Option<f64> {
    (seconds.is_finite() && seconds.abs() <= LATEST).then_some(seconds)
}

/// A time with a colon: what may stand for a time amid text, where plain numbers are numbers.
pub(super) fn parse_colons(text: &str) -> Option<f64> {
    let colons = text.bytes().filter(|byte| *byte == b':').count();
    (1..=2).contains(&colons).then(|| parse(text)).flatten().filter(|seconds| *seconds >= 0.0)
}

/// `start --> end settings`: each side that can be read, `None` if neither can.
pub(super) fn timing_line(line: &str) -> Option<(Option<f64>, Option<f64>)> {
    let (left, right) = line.split_once("-->")?;
    let start = left.split_whitespace().next_back().and_then(parse);
    let end = right.split_whitespace().next().and_then(parse);
    (start.is_some() || end.is_some()).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::{parse, timing_line};

    #[test]
    fn times_are_read_in_every_way_they_are_written() {
        for (text, seconds) in [
            ("00:00:01.200", 1.2),
            ("00:00:01,2", 1.2),
            ("01:02.5", 62.5),
            ("100:00:01.000", 360_001.0 - 360_000.0 + 360_000.0),
            ("1:02:03", 3723.0),
            ("00:00:01:500", 1.5),
            ("-00:00:01.000", -1.0),
            ("12.5", 12.5),
            ("00:75:00", 4500.0),
        ] {
            let expected = (seconds <= super::LATEST).then_some(seconds);
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in ["", "abc", "1:2:3:4:5", "1e5", "١٢:٣٤", "::", "NaN", "00:00:0x.1", "99999999999999999999999999"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_timing_line_gives_the_side_that_can_be_read() {
        assert_eq!(timing_line("00:01.000 --> 00:02.000 align:start"), Some((Some(1.0), Some(2.0))));
        assert_eq!(timing_line("00:01.000 --> later"), Some((Some(1.0), None)));
        assert_eq!(timing_line("a --> b"), None);
        assert_eq!(timing_line("00:01.000"), None);
    }
}
