//! The Podcasting 2.0 line that names the preview in a feed:
//! `<podcast:soundbite startTime="73.0" duration="60.0">title</podcast:soundbite>`.
//!
//! Follows the podcast namespace's `soundbite` tag: times in seconds with a decimal point, title of
//! at most 128 characters.

use super::encode::one_line;
use crate::units::Span;

/// Longest title, in characters.
const TITLE: usize = 128;

/// The tag for `span` of an episode; `title` is data from outside.
pub fn soundbite(span: Span, title: &str) -> String {
    let mut text = String::new();
    for c in one_line(title, TITLE).chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            other => text.push(other),
        }
    }
    let (start, duration) = (decimal(span.start.0), decimal(span.length()));
    format!(r#"<podcast:soundbite startTime="{start}" duration="{duration}">{text}</podcast:soundbite>"#)
}

/// Milliseconds at most, one decimal at least.
fn decimal(seconds: f64) -> String {
    let mut text = format!("{seconds:.3}");
    while text.ends_with('0') && !text.ends_with(".0") {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_as_the_namespace_shows_it() {
        let line = soundbite(Span::new(73.0, 133.0), "Why the Podcast Namespace Matters");
        assert_eq!(
            line,
            r#"<podcast:soundbite startTime="73.0" duration="60.0">Why the Podcast Namespace Matters</podcast:soundbite>"#
        );
        assert!(soundbite(Span::new(1.2344, 62.5), "").contains(r#"startTime="1.234" duration="61.266""#));
    }

    #[test]
    fn a_hostile_title_is_one_short_line_of_text() {
        let line = soundbite(Span::new(0.0, 30.0), "</podcast:soundbite>\u{0}\n<script>\u{202e}\"&'\u{ffff}");
        assert_eq!(line.matches('<').count(), 2);
        assert!(line.contains(">&lt;/podcast:soundbite&gt; &lt;script&gt; &quot;&amp;&apos;</"), "{line}");
    }

    #[test]
    fn a_long_title_ends_on_a_whole_character() {
        let line = soundbite(Span::new(0.0, 30.0), &"é".repeat(500));
        assert_eq!(line.matches('é').count(), TITLE);
    }
}
