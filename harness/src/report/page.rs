//! `index.html`: static, one file, no network. Written card by card, so that its memory does not
//! grow with the number of episodes.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use hark_operators::record::outcome::{Outcome, State};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::card::{Drawing, Kin, Other, card, state_name};
use super::policy::policy;
use super::wording::{count, grouped};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A page of usual length.
const RICH: Drawing = Drawing { bars: 240, later: false };
/// A page of more than [`MANY`] episodes, where a card costs little until it is looked at.
const LEAN: Drawing = Drawing { bars: 180, later: true };
/// From here on cards are drawn lean.
const MANY: usize = 500;

/// The states in the order of the filter: class, and words.
const STATES: [(&str, &str); 4] =
    [("published", "Published"), ("duplicate", "Duplicates"), ("failed", "Failed"), ("taken-down", "Taken down")];

/// Writes `index.html` into the folder `output`, whole or not at all; its path. Cards come in the
/// order of `outcomes`; the clips' URIs are relative to the folder.
///
/// Errors: those of the file system.
pub fn write(outcomes: &[Outcome], output: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(output)?;
    let path = output.join("index.html");
    let beside = output.join(".index.html.part");
    let mut out = BufWriter::new(File::create(&beside)?);
    page(outcomes, &mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&beside, &path)?;
    Ok(path)
}

fn page(outcomes: &[Outcome], out: &mut impl Write) -> io::Result<()> {
    let anchors: Vec<_> = outcomes.iter().map(anchor).collect();
    let canonicals = canonicals(outcomes);
    let copies = copies(outcomes, &canonicals);
    let drawing = if outcomes.len() > MANY { LEAN } else { RICH };

    let head = head(outcomes.len()).into_string();
    write!(
        out,
        "{}<html lang=\"en\">{head}<body>{}<main id=\"episodes\">",
        DOCTYPE.into_string(),
        masthead(outcomes).into_string()
    )?;
    for (place, (outcome, anchor)) in outcomes.iter().zip(&anchors).enumerate() {
        let canonical = match &outcome.state {
            State::Duplicate { of, .. } => canonicals.get(of.as_str()),
            _ => None,
        };
        let other = |place: &usize| Other { anchor: &anchors[*place], outcome: &outcomes[*place] };
        let kin = Kin {
            canonical: canonical.map(other),
            copies: copies.get(&place).into_iter().flatten().map(other).collect(),
        };
        writeln!(out, "{}", card(outcome, anchor, &kin, drawing).into_string())?;
    }
    write!(out, "</main>{}</body></html>", foot(outcomes.is_empty()).into_string())
}

/// Id of an outcome's card: the same in every run, and no text from outside.
fn anchor(outcome: &Outcome) -> String {
    let mut hash = Sha256::new();
    hash.update(outcome.revision.to_le_bytes());
    hash.update(&outcome.episode);
    hash.finalize()[..8].iter().fold("e-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

/// Where each episode's card is: of several revisions the last that is not itself a duplicate.
fn canonicals(outcomes: &[Outcome]) -> HashMap<&str, usize> {
    let canonical = |outcome: &Outcome| !matches!(outcome.state, State::Duplicate { .. });
    let places = outcomes.iter().enumerate().filter(|(_, outcome)| canonical(outcome));
    places.map(|(place, outcome)| (outcome.episode.as_str(), place)).collect()
}

/// The places of each canonical episode's duplicates.
fn copies(outcomes: &[Outcome], canonicals: &HashMap<&str, usize>) -> HashMap<usize, Vec<usize>> {
    let mut copies: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, outcome) in outcomes.iter().enumerate() {
        if let State::Duplicate { of, .. } = &outcome.state
            && let Some(canonical) = canonicals.get(of.as_str())
        {
            copies.entry(*canonical).or_default().push(place);
        }
    }
    copies
}

fn head(episodes: usize) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy(STYLE, SCRIPT));
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { "hark: " (count(episodes, "episode")) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

fn masthead(outcomes: &[Outcome]) -> Markup {
    let shows: BTreeSet<_> = outcomes.iter().map(|outcome| &outcome.show).collect();
    html! {
        a class="skip" href="#episodes" { "To the episodes" }
        header class="masthead" {
            h1 { (mark()) "Previews" }
            p { (count(outcomes.len(), "episode")) " of " (count(shows.len(), "show")) }
            (legend())
        }
        div class="tools" role="search" {
            (filter(outcomes))
            label class="find" hidden {
                span class="unseen" { "Search titles, shows, words and reasons" }
                input type="search" id="find" placeholder="Search" autocomplete="off" spellcheck="false";
            }
            output id="found" aria-live="polite" {}
        }
    }
}

/// hark's mark: a waveform with its preview.
fn mark() -> Markup {
    html! {
        svg class="mark" viewBox="0 0 28 24" aria-hidden="true" {
            path class="level" d="M2 10v4M6 7v10M22 8v8M26 11v2" {}
            path class="level chosen" d="M10 4v16M14 8v8M18 2v20" {}
        }
    }
}

/// One radio button per state. Style alone filters by it, so it works without the script.
fn filter(outcomes: &[Outcome]) -> Markup {
    let amount = |class| outcomes.iter().filter(|outcome| state_name(&outcome.state) == class).count();
    html! {
        fieldset {
            legend class="unseen" { "Which episodes" }
            label { input type="radio" name="state" value="all" checked; span { "All " b { (grouped(outcomes.len())) } } }
            @for (class, words) in STATES {
                @let amount = amount(class);
                @if amount > 0 {
                    label class=(class) { input type="radio" name="state" value=(class); span { (words) " " b { (grouped(amount)) } } }
                }
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        ul class="legend" aria-label="Colours of the waveforms" {
            @for (class, words) in [("chosen", "preview"), ("speech", "speech"), ("music", "music"), ("adverts", "adverts"), ("repeated", "repeated elsewhere")] {
                li {
                    svg class="swatch" viewBox="0 0 16 12" aria-hidden="true" {
                        @if class == "chosen" { path class="level chosen" d="M2 4v4M6 1v10M10 3v6M14 5v2" {} }
                        @else { path class=(class) d="M0 6h16" {} }
                    }
                    (words)
                }
            }
        }
    }
}

fn foot(empty: bool) -> Markup {
    html! {
        p class="none" id="none" hidden[!empty] { "No episode here." }
        script { (PreEscaped(SCRIPT)) }
    }
}
