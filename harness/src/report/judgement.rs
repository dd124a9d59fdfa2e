//! What spoke for the chosen span: scores as bars, gates as pass or fail with measure and limit.

use std::collections::BTreeMap;

use hark_operators::record::outcome::{Gate, Selection};
use maud::{Markup, html};

use super::wording::{count, number, shown, words};

/// Name of the score that sums up the others.
const TOTAL: &str = "total";

/// Each feature's score, the total first.
pub fn scores(selection: &Selection) -> Markup {
    let total = selection.scores.get_key_value(TOTAL);
    let others = selection.scores.iter().filter(|(name, _)| *name != TOTAL);
    html! {
        @if !selection.scores.is_empty() {
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

/// Each hard gate: verdict, measure and limit; those that did not pass first.
pub fn gates(gates: &BTreeMap<String, Gate>) -> Markup {
    let (passed, failed): (Vec<_>, Vec<_>) = gates.iter().partition(|(_, gate)| gate.pass);
    html! {
        @if !gates.is_empty() {
            div {
                h3 {
                    "Gates"
                    small { @if failed.is_empty() { "all " (gates.len()) " passed" } @else { (failed.len()) " of " (gates.len()) " not passed" } }
                }
                ul class="gates" { @for (name, gate) in failed.into_iter().chain(passed) { (verdict(name, gate)) } }
            }
        }
    }
}

/// A tick or a cross, in shape as in colour, and as a word for those who hear the page.
fn verdict(name: &str, gate: &Gate) -> Markup {
    let (class, word, mark) = match gate.pass {
        true => ("pass", "passed: ", "M3 8.5l3.5 3.5 6.5-8"),
        false => ("fail", "not passed: ", "M4 4l8 8m0-8l-8 8"),
    };
    html! {
        li class=(class) {
            svg class="verdict" viewBox="0 0 16 16" aria-hidden="true" { path d=(mark) {} }
            span class="unseen" { (word) }
            span class="name" { (words(name)) }
            " " @if let Some(measured) = gate.measured { b { (number(measured)) } } @else { i { "not measured" } }
            " " span class="limit" { (shown(&gate.limit, 60).replace("<=", "≤").replace(">=", "≥")) }
        }
    }
}
