//! How an outcome came about, folded away: time per stage, models, faults that were survived.

use std::collections::BTreeMap;

use hark_operators::Fault;
use hark_operators::record::outcome::{Clip, ModelUsed, Outcome, StageTime, State};
use hark_operators::record::piece::Timing;
use maud::{Markup, html};

use super::wording::{count, number, shown, took};

/// The folded part of a card; nothing where nothing is known.
pub fn making(outcome: &Outcome) -> Markup {
    html! {
        details class="making" {
            summary { "Details" }
            div class="columns" {
                @if !outcome.timings.is_empty() { (timings(&outcome.timings)) }
                div {
                    (facts(outcome))
                    @if !outcome.models.is_empty() { (models(&outcome.models)) }
                }
            }
            @if !outcome.survived.is_empty() {
                h3 { (count(outcome.survived.len(), "fault")) " survived" }
                ul class="faults" { @for fault in &outcome.survived { li { (fault_line(fault)) } } }
            }
        }
    }
}

fn facts(outcome: &Outcome) -> Markup {
    html! {
        dl class="facts" {
            div { dt { "Episode" } dd { code { bdi { (shown(&outcome.episode, 200)) } } @if outcome.revision > 0 { " revision " (outcome.revision) } } }
            @if let Some(timing) = outcome.timing { div { dt { "Times" } dd { (origin(timing)) } } }
            @if let State::Published { clips, .. } = &outcome.state {
                @for clip in clips { div { dt { "Clip" } dd { (loudness(clip)) } } }
            }
            @if !outcome.layout.is_empty() { div { dt { "Layout" } dd { (shown(&outcome.layout, 60)) } } }
        }
    }
}

/// Where the times of the words come from.
fn origin(timing: Timing) -> &'static str {
    match timing {
        Timing::Words => "of each word, from the transcript",
        Timing::Segments => "of segments, from the transcript; words in between by their length",
        Timing::Estimated => "estimated: the transcript has none",
    }
}

/// A rendering as it was measured after encoding.
fn loudness(clip: &Clip) -> String {
    let kind = shown(clip.media_type.trim_start_matches("audio/"), 20);
    let (loudness, peak) = (number(clip.loudness_lufs), number(clip.true_peak_dbtp));
    format!("{kind}, {}, {loudness} LUFS, true peak {peak} dBTP", took(clip.seconds))
}

fn timings(timings: &BTreeMap<String, StageTime>) -> Markup {
    let longest = timings.values().map(|time| time.queued + time.computing).fold(0.0, f64::max);
    html! {
        table class="timings" {
            thead { tr { th { "Stage" } th { "Queued" } th { "Computing" } th aria-hidden="true" {} } }
            tbody {
                @for (stage, time) in timings {
                    tr {
                        th scope="row" { (shown(stage, 60)) }
                        td { (took(time.queued)) }
                        td { (took(time.computing)) }
                        td { (split(*time, longest)) }
                    }
                }
            }
        }
    }
}

/// Queued and computing as one bar of two colours, in proportion to the longest stage.
fn split(time: StageTime, longest: f64) -> Markup {
    let part = |seconds: f64| {
        if longest > 0.0 && seconds.is_finite() {
            (seconds.max(0.0) / longest * 100.0).round().min(100.0) as u8
        } else {
            0
        }
    };
    let (queued, computing) = (part(time.queued), part(time.computing));
    html! {
        svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            path class="queued" d={ "M0 2h" (queued) } {}
            path d={ "M" (queued) " 2h" (computing) } {}
        }
    }
}

fn models(models: &[ModelUsed]) -> Markup {
    html! {
        dl class="facts" {
            @for model in models {
                div { dt { "Model" } dd { (shown(&model.name, 60)) " " (shown(&model.version, 40)) " " code class="muted" { (shown(&model.sha256, 12)) } } }
            }
        }
    }
}

/// Where, what and the causes of one fault.
fn fault_line(fault: &Fault) -> Markup {
    html! {
        code { (shown(&fault.code, 80)) } " " span dir="auto" { (shown(&fault.message, 500)) }
        (causes(&fault.chain))
    }
}

/// The causes of a fault, outermost first, folded.
pub fn causes(chain: &[String]) -> Markup {
    html! {
        @if !chain.is_empty() {
            details class="causes" {
                summary { (count(chain.len(), "cause")) }
                ol { @for cause in chain { li dir="auto" { (shown(cause, 500)) } } }
            }
        }
    }
}
