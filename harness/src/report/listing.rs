//! `hark outcomes`: what became of each episode, for eyes and for scripts.

use hark_operators::record::outcome::{Outcome, State};
use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::wording::shown;

/// Columns of the terminal that an episode's id and title may take.
const ID: usize = 28;
const TITLE: usize = 40;

/// One line of `hark outcomes --json`.
#[derive(Serialize)]
struct Line<'a> {
    episode: &'a str,
    revision: u64,
    state: &'static str,
    /// Of a failure: where.
    stage: Option<&'a str>,
    /// Of a failure: its stable code. Of a duplicate: the rule that tied it to the canonical one.
    reason: Option<&'a str>,
    message: Option<&'a str>,
    remedy: Option<&'a str>,
    duplicate_of: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let bare = Self {
            episode: &outcome.episode,
            revision: outcome.revision,
            state: "",
            stage: None,
            reason: None,
            message: None,
            remedy: None,
            duplicate_of: None,
        };
        match &outcome.state {
            State::Published { .. } => Self { state: "published", ..bare },
            State::TakenDown { .. } => Self { state: "taken_down", ..bare },
            State::Duplicate { of, level, .. } => {
                Self { state: "duplicate", reason: Some(level), duplicate_of: Some(of), ..bare }
            }
            State::Failed { fault } => Self {
                state: "failed",
                stage: Some(&fault.stage),
                reason: Some(&fault.code),
                message: Some(&fault.message),
                remedy: Some(&fault.remedy),
                ..bare
            },
        }
    }

    /// Stage and reason in one cell.
    fn why(&self) -> String {
        match (self.reason, self.message, self.duplicate_of) {
            (Some(level), _, Some(of)) => format!("of {} by {}", plain(of, 80), plain(level, 40)),
            (Some(code), Some(message), None) => format!("{}: {}", plain(code, 80), plain(message, 300)),
            _ => String::new(),
        }
    }
}

/// One line of JSON, without its end: `episode`, `revision`, `state`, and for those without a
/// preview `stage`, `reason`, `message`, `remedy`, `duplicate_of`, each `null` where it has no
/// meaning.
pub fn json_line(outcome: &Outcome) -> String {
    serde_json::to_string(&Line::of(outcome)).expect("a line has text keys and plain values")
}

/// An aligned table with a line of names, one line per outcome. No control character of a title
/// reaches the terminal.
pub fn text(outcomes: &[Outcome]) -> String {
    let head = ["STATE", "EPISODE", "TITLE", "REASON"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(outcomes.iter().map(row)).collect();
    let widest = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths = [widest(0), widest(1), widest(2)];
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line += cell;
            line += &" ".repeat(width - cell.width() + 2);
        }
        line += &row[3];
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn row(outcome: &Outcome) -> [String; 4] {
    let line = Line::of(outcome);
    let revision = if outcome.revision > 0 { format!(" r{}", outcome.revision) } else { String::new() };
    let id = format!("{}{revision}", fit(&outcome.episode, ID - revision.len().min(ID)));
    [line.state.replace('_', " "), id, fit(&outcome.title, TITLE), line.why()]
}

/// `text` on one line, without what moves the terminal or reorders the rest of the line.
pub fn plain(text: &str, limit: usize) -> String {
    shown(text, limit).chars().filter(|letter| !reorders(*letter)).collect()
}

/// [`plain`] in at most `width` columns.
fn fit(text: &str, width: usize) -> String {
    let text = plain(text, 4 * width);
    if text.width() <= width {
        return text;
    }
    let mut fitted = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > width {
            break;
        }
        fitted.push(letter);
    }
    fitted + "…"
}

/// Marks that change the direction of what follows, beyond the cell they stand in.
fn reorders(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_listing_is_aligned_and_one_line_each() {
        let text = text(&sample::varied());
        assert_eq!(text.lines().count(), sample::varied().len() + 1);
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_json_line_names_stage_and_reason() {
        let varied = sample::varied();
        let line = |state: &str| {
            let outcome = varied.iter().find(|outcome| Line::of(outcome).state == state).unwrap();
            json_line(outcome)
        };
        insta::assert_snapshot!([line("published"), line("failed"), line("duplicate"), line("taken_down")].join("\n"));
    }
}
