//! A layout's graph as text and as a picture.
//!
//! ```text
//! steps of the graph, in the order of an episode ─┬▶ lines
//!                                                 └▶ boxes and arrows
//! ```

use std::fmt::Write;

use hark_dataflow::Layout;
use hark_dataflow::layout::{OperatorSpec, Routing};
use hark_operators::stage::Stage;
use maud::html;

/// One operator: what crosses into it, its name, where it runs.
struct Step {
    crosses: String,
    name: String,
    runs: String,
}

impl Step {
    /// One that every layout has.
    fn fixed(crosses: &str, name: &str, runs: &str) -> Self {
        Self { crosses: crosses.to_owned(), name: name.to_owned(), runs: runs.to_owned() }
    }
}

fn steps(layout: &Layout) -> Vec<Step> {
    let mut steps = vec![Step::fixed("", "intake", "one per worker, on its thread")];
    steps.push(Step::fixed("announced, to the holder of the id", "identity", "joins: seen before?"));
    let (mut met, mut gathered) = (false, false);
    for operator in &layout.operators {
        if !met && operator.stages[0] >= Stage::Pieces {
            steps.push(Step::fixed("heard, read: to the home worker", "meet", "audio and transcript of an episode"));
            steps.push(Step::fixed("known, to the holders of its bands", "likeness", "joins: a copy? repeated parts?"));
            met = true;
        }
        if !gathered && operator.stages[0] >= Stage::Transcribe {
            steps.push(Step::fixed(
                "whole, finding, unfound: to the home worker",
                "gather",
                "all pieces of an episode",
            ));
            gathered = true;
        }
        steps.push(Step { crosses: crosses(operator), name: operator.name(), runs: runs(layout, operator) });
        if operator.stages == [Stage::Fetch] {
            steps.push(Step::fixed("fetched, to the holder of the digest", "digest", "joins: the same bytes?"));
        }
    }
    steps
}

fn crosses(operator: &OperatorSpec) -> String {
    let kinds: Vec<String> = operator.takes().iter().map(|kind| format!("{kind:?}").to_lowercase()).collect();
    let to = match operator.routing {
        Routing::Home => "to the home worker",
        Routing::Spread => "spread over all workers",
        Routing::LeastBacklog => "to the worker of a process with the least to do",
        Routing::ByLength => "to the worker of pieces of like length",
    };
    format!("{}: {to}", kinds.join(", "))
}

fn runs(layout: &Layout, operator: &OperatorSpec) -> String {
    let Some(lanes) = layout.lanes.get(&operator.on) else { return "on the worker's thread".to_owned() };
    let each = if lanes.shared { "in the process" } else { "per worker" };
    let mut told = format!("{} lane{} {each}", lanes.threads, if lanes.threads == 1 { "" } else { "s" });
    if let Some(device) = &lanes.device {
        let _infallible = write!(told, " on {device}");
    }
    if let Some(resident) = lanes.resident {
        let _infallible = write!(told, ", {resident} model{} at a time", if resident == 1 { "" } else { "s" });
    }
    if operator.max_items > 1 {
        let _infallible = write!(told, ", batches of {}", operator.max_items);
    }
    if let Some(seconds) = operator.max_audio_seconds {
        let _infallible = write!(told, " or {seconds} s of audio");
    }
    if let Some(tokens) = operator.max_tokens {
        let _infallible = write!(told, " or {tokens} word pieces");
    }
    if operator.max_wait_ms > 0 {
        let _infallible = write!(told, " filled for {} ms", operator.max_wait_ms);
    }
    if let Some(target) = operator.target_ms {
        let _infallible = write!(told, " that take {target} ms");
    }
    told
}

/// Lines for a terminal.
pub fn text(layout: &Layout) -> String {
    let mut drawn = format!("{}: {}\n\n", layout.name, layout.description);
    for Step { crosses, name, runs } in steps(layout) {
        if !crosses.is_empty() {
            let _infallible = writeln!(drawn, "   │ {crosses}");
        }
        let _infallible = writeln!(drawn, "  {name:<44} {runs}");
    }
    drawn
}

const WIDTH: usize = 560;
const BOX: usize = 46;
const GAP: usize = 34;
const TOP: usize = 50;

/// A picture that needs nothing beside it.
pub fn svg(layout: &Layout) -> String {
    let steps = steps(layout);
    let height = TOP + steps.len() * (BOX + GAP);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH)
            font-family="system-ui, sans-serif" font-size="12" {
            rect width="100%" height="100%" fill="#ffffff" {}
            text x="20" y="28" font-size="18" font-weight="600" fill="#1d2430" { (layout.name) }
            @for (at, step) in steps.iter().enumerate() {
                @let y = TOP + at * (BOX + GAP);
                @if !step.crosses.is_empty() {
                    line x1="60" x2="60" y1=(y - GAP) y2=(y - 7) stroke="#667085" stroke-width="1.5" {}
                    path d=(format!("M55 {} L65 {} L60 {} Z", y - 8, y - 8, y)) fill="#667085" {}
                    text x="72" y=(y - GAP / 2 + 4) fill="#475467" { (step.crosses) }
                }
                @let lanes = step.name.contains('@') && !step.name.ends_with("@worker");
                rect x="20" y=(y) width=(WIDTH - 40) height=(BOX) rx="8"
                    fill=(if lanes { "#e8f1fb" } else { "#f4f4f2" })
                    stroke=(if lanes { "#2f6fb0" } else { "#98a2b3" }) {}
                text x="34" y=(y + 19) font-weight="600" fill="#1d2430" { (step.name) }
                text x="34" y=(y + 36) fill="#475467" { (step.runs) }
            }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_names_every_operator_and_what_crosses_into_it() {
        let layout = Layout::open("throughput").expect("it is shipped");
        insta::assert_snapshot!(text(&layout));
        let picture = svg(&layout);
        for operator in &layout.operators {
            assert!(picture.contains(&operator.name()), "{}", operator.name());
        }
    }
}
