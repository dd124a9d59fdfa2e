//! One episode on the page: what was chosen and how it sounds, or why there is nothing.

use hark_operators::Fault;
use hark_operators::fault::FaultKind;
use hark_operators::record::finding::Variant;
use hark_operators::record::outcome::{Clip, Outcome, Selection, State};
use hark_operators::record::piece::Timing;
use maud::{Markup, html};

use super::judgement::{gates, scores};
use super::making::{causes, making};
use super::wave::{percent, repeated, wave};
use super::wording::{beside, clock, count, shown, size, took};

/// A title is shown up to so many characters; the rest can be unfolded.
const TITLE: usize = 240;

/// Another episode on the page.
pub struct Other<'a> {
    /// Id of its card.
    pub anchor: &'a str,
    /// What became of it.
    pub outcome: &'a Outcome,
}

impl Other<'_> {
    fn link(&self) -> Markup {
        let Outcome { title, episode, .. } = self.outcome;
        html! { a href={ "#" (self.anchor) } { bdi { (shown(if title.trim().is_empty() { episode } else { title }, 120)) } } }
    }
}

/// The same episode under other names.
#[derive(Default)]
pub struct Kin<'a> {
    /// Of a duplicate: the canonical, where the page has it.
    pub canonical: Option<Other<'a>>,
    /// Of a canonical: its duplicates.
    pub copies: Vec<Other<'a>>,
}

/// Duplicates that are named on their canonical's card; the rest are counted.
const COPIES: usize = 20;

/// Name of a state: class of the card and value of the filter.
pub fn state_name(state: &State) -> &'static str {
    match state {
        State::Published { .. } => "published",
        State::Duplicate { .. } => "duplicate",
        State::Failed { .. } => "failed",
        State::TakenDown { .. } => "taken-down",
    }
}

/// How richly cards are drawn.
#[derive(Clone, Copy)]
pub struct Drawing {
    /// A waveform has at most so many bars.
    pub bars: usize,
    /// Everything below the heading is left to be built when the card comes into view. It stands in
    /// a `<noscript>`: one piece of text to a browser that runs the script, which builds it when
    /// needed, and plain markup to one that does not.
    pub later: bool,
}

/// The card of an outcome under the id `anchor`.
pub fn card(outcome: &Outcome, anchor: &str, kin: &Kin<'_>, drawing: Drawing) -> Markup {
    let body = html! {
        @match &outcome.state {
            State::Published { selection, clips } => (published(outcome, selection, clips, drawing.bars)),
            State::Failed { fault } => (failed(outcome, fault, drawing.bars)),
            State::Duplicate { of, level, via, similarity } => (duplicate(of, level, via, *similarity, kin.canonical.as_ref())),
            State::TakenDown { revised_by: None } => p class="reason" { "Withdrawn by its source." },
            State::TakenDown { revised_by: Some(by) } => p class="reason" { "Revision " (by) " took its place." },
        }
        (copies(&kin.copies))
        (making(outcome))
    };
    html! {
        article class={ "card " (state_name(&outcome.state)) } id=(anchor) {
            (heading(outcome))
            @if drawing.later { noscript { (body) } } @else { (body) }
        }
    }
}

fn heading(outcome: &Outcome) -> Markup {
    let title = if outcome.title.trim().is_empty() { &outcome.episode } else { &outcome.title };
    html! {
        header {
            @if !outcome.show.is_empty() { p class="show" dir="auto" { (shown(&outcome.show, TITLE)) } }
            h2 dir="auto" { (shown(title, TITLE)) }
            @if title.chars().nth(TITLE).is_some() {
                details class="whole" { summary { "Whole title" } p dir="auto" { (shown(title, usize::MAX)) } }
            }
            (marks(outcome))
        }
    }
}

/// State, variant, language, how the times came about, latency: one quiet line.
fn marks(outcome: &Outcome) -> Markup {
    html! {
        ul class="marks" {
            li class="state" { (match outcome.state {
                State::Published { .. } => "Published",
                State::Duplicate { .. } => "Duplicate",
                State::Failed { .. } => "Failed",
                State::TakenDown { .. } => "Taken down",
            }) }
            @if outcome.revision > 0 { li { "revision " (outcome.revision) } }
            @if let Some(language) = &outcome.language { li { abbr title="Language, ISO 639-3" { (shown(language, 12)) } } }
            @if let State::Published { selection, .. } = &outcome.state {
                @let missed = selection.gates.values().filter(|gate| !gate.pass).count();
                @if missed > 0 { li class="caution" { (count(missed, "gate")) " not passed" } }
                @if outcome.variant == Variant::Light { li class="caution" { "light variant" } }
                @if outcome.timing == Some(Timing::Estimated) { li class="caution" { "times estimated" } }
                li { "ready after " (took(outcome.completed_at - outcome.ingested_at)) }
            }
        }
    }
}

fn published(outcome: &Outcome, selection: &Selection, clips: &[Clip], bars: usize) -> Markup {
    html! {
        (figure(outcome, Some(selection), bars))
        (player(clips))
        div class="columns" {
            @if selection.transcript.trim().is_empty() { p class="muted" { "No words are known of this span." } }
            @else { blockquote dir="auto" { (shown(&selection.transcript, 4000)) } }
            div { (scores(selection)) }
        }
        (gates(&selection.gates))
    }
}

fn figure(outcome: &Outcome, selection: Option<&Selection>, bars: usize) -> Markup {
    let picture = &outcome.picture;
    let svg = wave(picture, selection.map(|selection| selection.span), bars);
    html! {
        figure {
            @if let Some(svg) = &svg { (svg) }
            figcaption {
                @if let Some(selection) = selection {
                    span class="span" { (clock(selection.span.start.0)) "–" (clock(selection.span.end.0)) }
                    @if picture.seconds > 0.0 { span { "of " (clock(picture.seconds)) } }
                } @else if picture.seconds > 0.0 {
                    span { (clock(picture.seconds)) }
                }
                @if svg.is_some() {
                    span { "speech " (format!("{:.0}", percent(&picture.speech, picture.seconds))) " %" }
                    @if !picture.music.is_empty() { span { "music " (format!("{:.0}", percent(&picture.music, picture.seconds))) " %" } }
                    @if !picture.adverts.is_empty() { span { "adverts " (format!("{:.0}", percent(&picture.adverts, picture.seconds))) " %" } }
                    @if !picture.repeated.is_empty() { span { "repeated " (format!("{:.0}", percent(&repeated(picture), picture.seconds))) " %" } }
                }
            }
        }
    }
}

fn player(clips: &[Clip]) -> Markup {
    let sources: Vec<_> = clips.iter().filter_map(|clip| Some((beside(&clip.uri)?, clip))).collect();
    html! {
        @if clips.is_empty() {
            p class="muted silent" { "Chosen from the transcript alone: there is no audio to cut a clip from." }
        } @else if sources.is_empty() {
            // A page without a network cannot play what lies elsewhere.
            p class="muted silent" {
                "The clip lies elsewhere:"
                @for clip in clips { br; code { (shown(&clip.uri, 400)) } " " (size(clip.bytes)) }
            }
        } @else {
            div class="player" {
                audio controls preload="none" {
                    @for (href, clip) in &sources { source src=(href) type=(shown(&clip.media_type, 60)); }
                }
                p class="files" {
                    @for (href, clip) in &sources {
                        a href=(href) download { (shown(clip.media_type.trim_start_matches("audio/"), 20)) " " (size(clip.bytes)) }
                    }
                }
            }
        }
    }
}

fn failed(outcome: &Outcome, fault: &Fault, bars: usize) -> Markup {
    html! {
        @if !outcome.picture.level.is_empty() { (figure(outcome, None, bars)) }
        div class="reason" {
            p class="where" { "at " b { (shown(&fault.stage, 60)) } " " code { (shown(&fault.code, 80)) } }
            p dir="auto" { (shown(&fault.message, 1000)) }
            @if !fault.remedy.is_empty() { p class="remedy" dir="auto" { b { "What to do: " } (shown(&fault.remedy, 1000)) } }
            @if fault.kind == FaultKind::Retry { p class="muted" { "Another try may succeed: " code { "hark replay --failed" } } }
            (causes(&fault.chain))
        }
    }
}

fn duplicate(of: &str, level: &str, via: &str, similarity: f64, canonical: Option<&Other<'_>>) -> Markup {
    html! {
        p class="reason" {
            "Same as "
            @if let Some(canonical) = canonical {
                (canonical.link())
            } @else {
                code { bdi { (shown(of, 120)) } }
            }
            span class="muted" {
                " · tied by " (shown(level, 40)) (format!(", {:.1} % alike", similarity * 100.0))
                @if via != of { " to " code { bdi { (shown(via, 120)) } } }
            }
        }
    }
}

fn copies(copies: &[Other<'_>]) -> Markup {
    html! {
        @if !copies.is_empty() {
            details class="copies" {
                summary { (count(copies.len(), "duplicate")) }
                ul {
                    @for copy in copies.iter().take(COPIES) {
                        li {
                            (copy.link())
                            @if let State::Duplicate { level, similarity, .. } = &copy.outcome.state {
                                span class="muted" { " · " (shown(level, 40)) (format!(", {:.1} % alike", similarity * 100.0)) }
                            }
                        }
                    }
                    @if copies.len() > COPIES { li class="muted" { "and " (copies.len() - COPIES) " more" } }
                }
            }
        }
    }
}
