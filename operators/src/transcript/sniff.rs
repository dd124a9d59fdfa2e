//! Which format the text is in: the content decides, the hint breaks ties.

use super::clock;
use super::markdown;
use crate::fault::Fault;

/// Format of a transcript, as found in its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// WebVTT captions.
    WebVtt,
    /// SubRip captions.
    Srt,
    /// Podcasting 2.0 JSON: `segments` with `startTime`, `endTime`, `body`.
    PodcastJson,
    /// A recogniser's JSON: `start`, `end`, `text` and perhaps `words`.
    WhisperJson,
    /// HTML, with or without `<cite>` and `<time>`.
    Html,
    /// Markdown with `**Name:**` before each turn.
    Markdown,
    /// Plain text.
    Plain,
    /// Rev's table of words, one to a line, columns divided by `|`.
    RevNlp,
}

impl Format {
    /// What a place in a file of this format counts.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Format::PodcastJson | Format::WhisperJson => "segment",
            _ => "line",
        }
    }

    /// Whether segments are cues, which end anywhere in a sentence.
    pub(super) fn is_captions(self) -> bool {
        matches!(self, Format::WebVtt | Format::Srt)
    }

    /// Whether segments are paragraphs, which end where a sentence ends.
    pub(super) fn is_prose(self) -> bool {
        matches!(self, Format::Html | Format::Markdown | Format::Plain)
    }
}

/// Bytes that are looked at.
const HEAD: usize = 64 << 10;

/// Finds the format of a text that is not blank.
pub(super) fn sniff(text: &str, hint: Option<&str>) -> Result<Format, Fault> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let head = &text[..text.floor_char_boundary(HEAD)];
    let hint = hint.unwrap_or_default().to_ascii_lowercase();
    if text.starts_with("WEBVTT") {
        return Ok(Format::WebVtt);
    }
    if text.starts_with("token|speaker|") {
        return Ok(Format::RevNlp);
    }
    if looks_like_json(head) {
        // The reader takes the names of both; the label follows the names that come first.
        let podcast = head.contains("\"startTime\"") || head.contains("\"body\"");
        return Ok(if podcast { Format::PodcastJson } else { Format::WhisperJson });
    }
    if let Some(line) = head.lines().find(|line| line.contains("-->") && clock::timing_line(line).is_some()) {
        let vtt = hint.contains("vtt") || !line.contains(',') && !hint.contains("srt") && !hint.contains("subrip");
        return Ok(if vtt { Format::WebVtt } else { Format::Srt });
    }
    if looks_like_html(head) || hint.contains("html") && head.contains("</") {
        return Ok(Format::Html);
    }
    if hint.contains("markdown") || hint.ends_with(".md") || markdown::looks_like(head) {
        return Ok(Format::Markdown);
    }
    Ok(Format::Plain)
}

/// `{"`, `[{` and the like; `[Amit]: ...` and `{\an8}` are text.
fn looks_like_json(head: &str) -> bool {
    let mut marks = head.chars().filter(|c| !c.is_whitespace());
    match (marks.next(), marks.next()) {
        (Some('{'), next) => matches!(next, Some('"' | '}') | None),
        (Some('['), next) => matches!(next, Some('{' | '[' | ']' | '"') | None),
        _ => false,
    }
}

fn looks_like_html(head: &str) -> bool {
    const TAGS: [&str; 14] = [
        "!doctype", "!--", "html", "head", "body", "div", "p>", "p ", "cite", "time", "span", "section", "article",
        "h1",
    ];
    let lower = head[..head.floor_char_boundary(256)].to_ascii_lowercase();
    lower.strip_prefix('<').is_some_and(|rest| TAGS.iter().any(|tag| rest.starts_with(tag)))
}
