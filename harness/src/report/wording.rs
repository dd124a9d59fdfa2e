//! Numbers and foreign text as people read them.

/// `text` with control characters made visible as U+FFFD, cut after `limit` characters.
pub fn shown(text: &str, limit: usize) -> String {
    let mut shown: String = text.chars().take(limit).map(visible).collect();
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(letter: char) -> char {
    match letter {
        '\n' | '\t' | '\r' => ' ',
        control if control.is_control() => '\u{fffd}',
        other => other,
    }
}

/// A time in an episode: `3:07`, `1:02:09`.
pub fn clock(seconds: f64) -> String {
    let all = if seconds.is_finite() { seconds.max(0.0).round() as u64 } else { 0 };
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// How long something took: `0.4 ms`, `850 ms`, `12.5 s`, `3 min 20 s`, `2 h 5 min`.
pub fn took(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() || s <= 0.0 => "0 ms".into(),
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{} min {} s", s as u64 / 60, s as u64 % 60),
        s => format!("{} h {} min", s as u64 / 3600, s as u64 / 60 % 60),
    }
}

/// A measurement with as many digits as help: `57.6`, `0.93`, `-16.04`, `0.004`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "none".into();
    }
    if value.abs() >= 1e6 {
        return format!("{value:.1e}").replace('-', "\u{2212}");
    }
    let digits = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 20.0 => 1,
        size if size >= 0.1 || size == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.replace('-', "\u{2212}")
}

/// A length in bytes: `912 kB`, `1.2 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// `1 episode`, `2 episodes`, `10 000 episodes`.
pub fn count(amount: usize, thing: &str) -> String {
    format!("{} {thing}{}", grouped(amount), if amount == 1 { "" } else { "s" })
}

/// Thousands apart: `10 000`, by a narrow space that does not break.
pub fn grouped(amount: usize) -> String {
    let digits = amount.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A field's name as words: `speech_share` is `speech share`.
pub fn words(name: &str) -> String {
    shown(&name.replace('_', " "), 60)
}

/// The reference to a file beside the page, percent-encoded; `None` for anything that would lead
/// elsewhere: a scheme, an absolute path, a step up.
pub fn beside(uri: &str) -> Option<String> {
    let leads_away = uri.is_empty()
        || uri.starts_with('/')
        || uri.contains([':', '\\'])
        || uri.split('/').any(|step| step == ".." || step.is_empty());
    if leads_away {
        return None;
    }
    let mut href = String::with_capacity(uri.len());
    for byte in uri.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => href.push(byte as char),
            other => href.push_str(&format!("%{other:02X}")),
        }
    }
    Some(href)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_on_a_player() {
        assert_eq!(
            [0.0, 59.6, 187.0, 3729.2, f64::NAN, -3.0].map(clock),
            ["0:00", "1:00", "3:07", "1:02:09", "0:00", "0:00"]
        );
    }

    #[test]
    fn durations_read_at_every_scale() {
        let seconds = [0.0, 0.0004, 0.85, 0.9997, 12.5, 200.0, 7500.0];
        assert_eq!(seconds.map(took), ["0 ms", "0.4 ms", "850 ms", "1.0 s", "12.5 s", "3 min 20 s", "2 h 5 min"]);
    }

    #[test]
    fn numbers_keep_the_digits_that_help() {
        assert_eq!(
            [57.63, 0.93, -16.04, 0.004, 0.0, 1.0, 44100.0, 100.0, 1e300].map(number),
            ["57.6", "0.93", "−16.04", "0.004", "0", "1", "44100", "100", "1.0e300"]
        );
        assert_eq!(
            [1, 1000, 10_000, 1_234_567].map(grouped),
            ["1", "1\u{202f}000", "10\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
    }

    #[test]
    fn control_characters_are_shown_and_long_text_is_cut() {
        assert_eq!(shown("a\u{1b}[31m\nb\0", 99), "a\u{fffd}[31m b\u{fffd}");
        assert_eq!(shown("äöü", 2), "äö…");
    }

    #[test]
    fn only_files_beside_the_page_are_linked() {
        assert_eq!(beside("previews/ab/c d#?.m4a").as_deref(), Some("previews/ab/c%20d%23%3F.m4a"));
        for away in [
            "",
            "/etc/passwd",
            "https://a.example/x",
            "javascript:alert(1)",
            "../x",
            "a/../../x",
            "//a.example/x",
            "a\\b",
        ] {
            assert_eq!(beside(away), None, "{away}");
        }
    }
}
