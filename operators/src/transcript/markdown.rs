//! Markdown transcripts: `**Name:** text`, with headings, rules, links and front matter that are
//! not spoken.

use super::captions::lines;
use super::clock;
use super::draft::Drafts;
use super::limits::{MAX_LINE, line_too_long};
use super::prose::Gather;
use crate::fault::Fault;

/// Bold words at the start of a turn that are remarks, not speakers.
const REMARKS: [&str; 8] = ["break", "jingle", "outro", "intro", "music", "ad", "ads", "sponsor"];

/// Whether a text without other marks is Markdown: a bold name before a turn, a heading, or front
/// matter.
pub(super) fn looks_like(head: &str) -> bool {
    let bold = |line: &str| bold_name(line).is_some_and(|(_, rest)| !rest.trim().is_empty());
    let heading =
        |line: &str| line.trim_start_matches('#').len() < line.len() && line.trim_start_matches('#').starts_with(' ');
    head.starts_with("---\n") || head.lines().take(200).any(|line| bold(line) || heading(line))
}

/// Reads paragraphs into `drafts`.
pub(super) fn read(text: &str, drafts: &mut Drafts) -> Result<(), Fault> {
    let mut gather = Gather::default();
    let mut matter = false;
    let mut code = false;
    for (index, line) in lines(text).enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if line.len() > MAX_LINE {
            return Err(line_too_long(index + 1, MAX_LINE));
        }
        let line = line.trim();
        if line.starts_with("---") && line.trim_matches('-').is_empty() {
            // Front matter is a block between rules at the very top.
            matter = index == 0 || matter && !std::mem::take(&mut matter);
            gather.flush(drafts)?;
            continue;
        }
        code ^= line.starts_with("```");
        if matter || code || unspoken(line) {
            gather.flush(drafts)?;
            continue;
        }
        let line = line.trim_start_matches(['>', '-', '+', ' ']).trim_start_matches("* ");
        match bold_name(line) {
            Some((name, rest)) if REMARKS.contains(&name.trim_matches([':', ' ']).to_lowercase().as_str()) => {
                let time = rest.trim_matches(|c: char| !c.is_ascii_digit());
                match clock::parse_colons(time) {
                    Some(seconds) => gather.anchor(seconds, drafts)?,
                    None => gather.flush(drafts)?,
                }
            }
            Some((name, rest)) => {
                gather.speaker(name, drafts)?;
                gather.line(&inline(rest), number, drafts)?;
            }
            None => gather.line(&inline(line), number, drafts)?,
        }
    }
    gather.flush(drafts)
}

/// Headings, rules, pictures and tables.
fn unspoken(line: &str) -> bool {
    let rule = line.len() > 2 && line.bytes().all(|byte| b"*_-= ".contains(&byte));
    rule || line.starts_with(['#', '|']) || line.starts_with("```") || line.starts_with("![")
}

/// `**Name:** rest` and `**Name**: rest`.
fn bold_name(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("**")?.split_once("**")?;
    let colon = name.ends_with(':') || rest.starts_with(':') || REMARKS.contains(&name.to_lowercase().as_str());
    let plain =
        !name.is_empty() && name.len() <= 60 && name.split(' ').count() <= 6 && !name.contains(['[', ']', '!', '?']);
    (colon && plain).then(|| (name, rest.strip_prefix(':').unwrap_or(rest)))
}

/// A line without marks of emphasis, code and links; an escaped mark is itself.
fn inline(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.char_indices().peekable();
    // Past here no link can close, so that brackets do not make every search run to the end.
    let last_close = line.rfind("](").unwrap_or(0);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                if let Some((_, escaped)) = chars.next_if(|(_, next)| next.is_ascii_punctuation()) {
                    plain.push(escaped);
                } else {
                    plain.push(c);
                }
            }
            '*' | '`' => {}
            '_' if plain.ends_with(|before: char| before.is_alphanumeric())
                && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric()) =>
            {
                plain.push(c);
            }
            '_' => {}
            '!' if chars.peek().is_some_and(|(_, next)| *next == '[') && at < last_close => {}
            '[' if at < last_close => {}
            ']' if line[at..].starts_with("](") => while chars.next().is_some_and(|(_, c)| c != ')') {},
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{bold_name, inline};

    #[test]
    fn marks_go_and_words_stay() {
        for (marked, plain) in [
            ("see [the *page*](https://x.org/a) now", "see the page now"),
            ("a \\[laughs\\] b", "a [laughs] b"),
            ("snake_case and _slant_", "snake_case and slant"),
            ("`code` ** bold **", "code  bold "),
            ("[laughter] hm", "[laughter] hm"),
        ] {
            assert_eq!(inline(marked), plain, "{marked}");
        }
    }

    #[test]
    fn a_bold_name_needs_a_colon() {
        assert_eq!(bold_name("**Mat Ryer:** Hello"), Some(("Mat Ryer:", " Hello")));
        assert_eq!(bold_name("**Mat**: Hello"), Some(("Mat", " Hello")));
        assert_eq!(bold_name("**Important** thing"), None);
    }
}
