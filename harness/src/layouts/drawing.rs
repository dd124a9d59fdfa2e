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

    fn of(layout: &Layout, operator: &OperatorSpec) -> Self {
        Self { crosses: crosses(operator), name: operator.name(), runs: runs(layout, operator) }
    }

    fn is_on_lanes(&self) -> bool {
        self.name.contains('@') && !self.name.ends_with("@worker")
    }
}

/// The graph in rows: whatever stands in one works at the same time on an episode, and gets what it takes from the
/// row above.
fn rows(layout: &Layout) -> Vec<Vec<Step>> {
    // Operators never reach over the seams: before the meeting, its pieces, what becomes of them, after gathering.
    let between = |from: Stage, to: Stage| {
        let of = |operator: &&OperatorSpec| (from..=to).contains(&operator.stages[0]);
        layout.operators.iter().filter(of).map(|operator| Step::of(layout, operator)).collect::<Vec<Step>>()
    };
    let one = |crosses: &str, name: &str, runs: &str| vec![Step::fixed(crosses, name, runs)];
    let mut rows = vec![
        one("", "intake", "one per worker, on its thread"),
        one("announced, to the holder of the id", "identity", "joins: seen before?"),
        between(Stage::Fetch, Stage::Fetch),
        one("fetched, to the holder of the digest", "digest", "joins: the same bytes?"),
        between(Stage::Decode, Stage::Transcript),
        one("heard, read: to the home worker", "meet", "audio and transcript of an episode"),
        one("known, to the holders of its bands", "likeness", "joins: a copy? repeated parts?"),
        between(Stage::Pieces, Stage::Pieces),
        between(Stage::Speech, Stage::Embed),
        one("whole, finding, unfound: to the home worker", "gather", "all pieces of an episode"),
    ];
    let after = layout.operators.iter().filter(|operator| operator.stages[0] >= Stage::Transcribe);
    rows.extend(after.map(|operator| vec![Step::of(layout, operator)]));
    rows.retain(|row| !row.is_empty());
    rows
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
    for row in rows(layout) {
        let (arrow, beside) = if row.len() > 1 { ("├▶", " │ ") } else { ("│", "") };
        for Step { crosses, name, runs } in row {
            if !crosses.is_empty() {
                let _infallible = writeln!(drawn, "   {arrow} {crosses}");
            }
            let _infallible = writeln!(drawn, "  {:<46} {runs}", format!("{beside}{name}"));
        }
    }
    drawn
}

const WIDTH: usize = 1300;
const BOX: usize = 62;
const GAP: usize = 30;
const TOP: usize = 50;
const SIDE: usize = 20;

/// Left edge and width of a box in a row of so many.
fn place(at: usize, of: usize) -> (usize, usize) {
    let width = (WIDTH - SIDE) / of;
    (SIDE + at * width, width - SIDE)
}

/// A picture that needs nothing beside it.
pub fn svg(layout: &Layout) -> String {
    let rows = rows(layout);
    let height = TOP + rows.len() * (BOX + GAP);
    let middle = |(left, width): (usize, usize)| left + width / 2;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH)
            font-family="system-ui, sans-serif" font-size="12" {
            rect width="100%" height="100%" fill="#ffffff" {}
            text x=(SIDE) y="28" font-size="18" font-weight="600" fill="#1d2430" { (layout.name) }
            @for (row, steps) in rows.iter().enumerate() {
                @let y = TOP + row * (BOX + GAP);
                @for (at, step) in steps.iter().enumerate() {
                    @let (left, width) = place(at, steps.len());
                    @if row > 0 {
                        @let above = rows[row - 1].len();
                        @for from in 0..above {
                            line x1=(middle(place(from, above))) y1=(y - GAP) x2=(left + width / 2) y2=(y - 7)
                                stroke="#98a2b3" stroke-width="1.5" {}
                        }
                        path d=(format!("M{} {} l10 0 l-5 8 Z", left + width / 2 - 5, y - 8)) fill="#667085" {}
                    }
                    rect x=(left) y=(y) width=(width) height=(BOX) rx="8"
                        fill=(if step.is_on_lanes() { "#e8f1fb" } else { "#f4f4f2" })
                        stroke=(if step.is_on_lanes() { "#2f6fb0" } else { "#98a2b3" }) {}
                    text x=(left + 14) y=(y + 18) font-size="11" fill="#667085" { (step.crosses) }
                    text x=(left + 14) y=(y + 35) font-weight="600" fill="#1d2430" { (step.name) }
                    text x=(left + 14) y=(y + 52) font-size="11" fill="#475467" { (step.runs) }
                }
            }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_shows_what_stands_beside_what_and_what_crosses_into_it() {
        let layout = Layout::open("throughput").expect("it is shipped");
        insta::assert_snapshot!(text(&layout));
        let names: Vec<Vec<String>> =
            rows(&layout).into_iter().map(|row| row.into_iter().map(|step| step.name).collect()).collect();
        assert!(names.contains(&vec!["decode@media".to_owned(), "transcript@worker".to_owned()]), "{names:?}");
        let models = names.iter().find(|row| row.len() == 3).expect("three models hear and read at one time");
        assert!(models[0].starts_with("speech@") && models[2].starts_with("embed@"), "{models:?}");
        let picture = svg(&layout);
        // From each box of a row to each of the next; those of models from `pieces` alone.
        let rows = rows(&layout);
        let arrows: usize = rows.windows(2).map(|pair| pair[0].len() * pair[1].len()).sum();
        assert_eq!(picture.matches("<line").count(), arrows);
        for operator in &layout.operators {
            assert!(picture.contains(&operator.name()), "{}", operator.name());
        }
    }

    #[test]
    fn every_operator_of_every_layout_stands_in_one_row() {
        for (name, _) in hark_dataflow::layout::SHIPPED {
            let layout = Layout::open(name).expect("it is shipped");
            let drawn: Vec<String> = rows(&layout).into_iter().flatten().map(|step| step.name).collect();
            for operator in &layout.operators {
                assert_eq!(drawn.iter().filter(|drawn| **drawn == operator.name()).count(), 1, "{name}: {drawn:?}");
            }
        }
    }
}
