//! What spoke for the chosen span: scores as bars, gates as pass or fail with measure and limit.

use std::collections::BTreeMap;

use hark_operators::record::outcome::{Gate, Selection};
use maud::{Markup, html};

use super::wording::{count, number, shown, words};

/// Name of the score that sums up the others.
const TOTAL: &str = "total";

/// Scores and gates of a selection.
pub fn judgement(selection: &Selection) -> Markup {
    html! {
        div class="judgement" {
            @if !selection.scores.is_empty() { (scores(selection)) }
            @if !selection.gates.is_empty() { (gates(&selection.gates)) }
        }
    }
}

fn scores(selection: &Selection) -> Markup {
    let total = selection.scores.get_key_value(TOTAL);
    let others = selection.scores.iter().filter(|(name, _)| *name != TOTAL);
    html! {
        h3 { "Scores" @if selection.candidates > 0 { small { "best of " (count(selection.candidates as usize, "candidate")) } } }
        dl class="scores" {
            @for (name, score) in total.into_iter().chain(others) {
                div class=[(name == TOTAL).then_some(TOTAL)] {
                    dt { (words(name)) }
                    dd { (bar(*score)) span { (number(*score)) } }
                }
            }
        }
    }
}

/// A score in 0..=1 as a bar; beyond is drawn as the end.
fn bar(score: f64) -> Markup {
    let filled = if score.is_finite() { (score.clamp(0.0, 1.0) * 100.0).round() as u8 } else { 0 };
    html! {
        svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            path class="track" d="M0 2h100" {}
            path d={ "M0 2h" (filled) } {}
        }
    }
}

fn gates(gates: &BTreeMap<String, Gate>) -> Markup {
    let failed = gates.values().filter(|gate| !gate.pass).count();
    html! {
        h3 {
            "Gates"
            small { @if failed == 0 { "all " (gates.len()) " passed" } @else { (failed) " of " (gates.len()) " not passed" } }
        }
        table class="gates" {
            thead class="unseen" { tr { th { "Gate" } th { "Measured" } th { "Asked for" } } }
            tbody {
                @for (name, gate) in gates {
                    tr class=(if gate.pass { "pass" } else { "fail" }) {
                        th scope="row" { (verdict(gate.pass)) (words(name)) }
                        td { @if let Some(measured) = gate.measured { (number(measured)) } @else { span class="muted" { "not measured" } } }
                        td { (shown(&gate.limit, 60)) }
                    }
                }
            }
        }
    }
}

/// A tick or a cross, in shape as in colour, and as a word for those who hear the page.
fn verdict(pass: bool) -> Markup {
    html! {
        svg class="verdict" viewBox="0 0 16 16" aria-hidden="true" {
            path d=(if pass { "M3 8.5l3.5 3.5 6.5-8" } else { "M4 4l8 8m0-8l-8 8" }) {}
        }
        span class="unseen" { (if pass { "passed: " } else { "not passed: " }) }
    }
}
