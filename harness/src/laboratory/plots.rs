//! The plots of a report, as SVG without script.

use maud::{Markup, html};

use super::experiment::{Against, Arm, Compared};
use super::measured::Distribution;

/// Colours of arms, told apart by all kinds of sight (after Okabe and Ito).
const COLOURS: [&str; 8] = ["#0067a5", "#b97800", "#008f68", "#b3427f", "#d55e00", "#7a6a58", "#56b4e9", "#444a55"];

/// Of the arm at this place.
pub fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 240.0;
/// Room for axes.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 18.0;
const BOTTOM: f64 = 26.0;

/// An axis from `low` to `high`, perhaps logarithmic.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Axis {
    /// Over these values, with some room.
    fn over(values: impl Iterator<Item = f64>, logarithmic: bool) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: 0.1, high: 1.0, logarithmic };
        }
        if logarithmic {
            return Self { low: low.max(1e-6) / 1.3, high: high.max(1e-6) * 1.3, logarithmic };
        }
        let room = ((high - low) * 0.12).max(high.abs() * 0.02);
        Self { low: (low - room).max(0.0_f64.min(low)), high: high + room, logarithmic }
    }

    /// Where a value lies, 0 to 1.
    fn at(self, value: f64) -> f64 {
        let place = if self.logarithmic {
            (value.max(1e-9) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.clamp(0.0, 1.0)
    }

    fn ticks(self) -> Vec<f64> {
        (0..5)
            .map(|at| {
                let share = f64::from(at) / 4.0;
                if self.logarithmic {
                    self.low * (self.high / self.low).powf(share)
                } else {
                    self.low + share * (self.high - self.low)
                }
            })
            .collect()
    }
}

pub fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A plot's frame with ticks on both axes.
fn plot(x: Option<Axis>, y: Axis, inner: &Markup) -> Markup {
    let across = |share: f64| LEFT + share * (WIDTH - LEFT - RIGHT);
    let up = |share: f64| HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 10.0);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" {
            @for tick in y.ticks() {
                @let at = up(y.at(tick));
                line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(at) y2=(at) {}
                text.tick x=(LEFT - 6.0) y=(at + 4.0) text-anchor="end" { (number(tick)) }
            }
            @if let Some(x) = x {
                @for tick in x.ticks() {
                    @let at = across(x.at(tick));
                    line.grid x1=(at) x2=(at) y1=(up(0.0)) y2=(up(1.0)) {}
                    text.tick x=(at) y=(HEIGHT - 8.0) text-anchor="middle" { (number(tick)) }
                }
            }
            (inner)
        }
    }
}

fn across(axis: Axis, value: f64) -> f64 {
    LEFT + axis.at(value) * (WIDTH - LEFT - RIGHT)
}

fn up(axis: Axis, value: f64) -> f64 {
    HEIGHT - BOTTOM - axis.at(value) * (HEIGHT - BOTTOM - 10.0)
}

/// The place of arm `at` of `count` side by side.
fn column(at: usize, count: usize) -> (f64, f64) {
    let width = (WIDTH - LEFT - RIGHT) / count as f64;
    (LEFT + width * (at as f64 + 0.5), width)
}

pub fn throughput(arms: &[Compared]) -> Markup {
    let tops = arms.iter().map(|compared| compared.throughput.mean + compared.throughput.half.unwrap_or(0.0));
    let y = Axis { low: 0.0, high: tops.fold(1.0, f64::max) * 1.08, logarithmic: false };
    let inner = html! {
        @for (at, compared) in arms.iter().enumerate() {
            @let (middle, width) = column(at, arms.len());
            @let top = up(y, compared.throughput.mean);
            rect x=(middle - width * 0.3) width=(width * 0.6) y=(top) height=(HEIGHT - BOTTOM - top) fill=(colour(at)) fill-opacity="0.75" {}
            @for run in &compared.runs { circle cx=(middle) cy=(up(y, run.throughput())) r="2.5" fill="#1d1e21" fill-opacity="0.5" {} }
            @if let Some((low, high)) = compared.throughput.interval() {
                line x1=(middle) x2=(middle) y1=(up(y, low)) y2=(up(y, high)) stroke="#1d1e21" stroke-width="1.5" {}
            }
            text.tick x=(middle) y=(HEIGHT - 8.0) text-anchor="middle" { (short(compared)) }
        }
    };
    plot(None, y, &inner)
}

/// Ratio and interval; nothing of one that did nothing.
fn throughput_against(compared: &Compared) -> Option<(f64, f64, f64)> {
    let Against { ratio, interval } = compared.against_first.get("throughput")?;
    let (low, high) = interval.unwrap_or((*ratio, *ratio));
    Some((low, *ratio, high))
}

pub fn ratios(arms: &[Compared]) -> Markup {
    let values = arms.iter().filter_map(throughput_against).flat_map(|(low, _, high)| [low, high]);
    let y = Axis::over(values.chain([1.0]), false);
    let inner = html! {
        line x1=(LEFT) x2=(WIDTH - RIGHT) y1=(up(y, 1.0)) y2=(up(y, 1.0)) stroke="#63666d" stroke-dasharray="4 3" {}
        @for (at, compared) in arms.iter().enumerate() {
            @let (middle, _) = column(at, arms.len());
            @if let Some((low, ratio, high)) = throughput_against(compared) {
                line x1=(middle) x2=(middle) y1=(up(y, low)) y2=(up(y, high)) stroke=(colour(at)) stroke-width="3" {}
                circle cx=(middle) cy=(up(y, ratio)) r="5" fill=(colour(at)) {}
            }
            text.tick x=(middle) y=(HEIGHT - 8.0) text-anchor="middle" { (short(compared)) }
        }
    };
    plot(None, y, &inner)
}

/// Cumulative distributions.
pub fn distributions(arms: &[Compared]) -> Markup {
    let ends = arms.iter().flat_map(|compared| [compared.preview.at(0.0), compared.preview.at(1.0)]).flatten();
    let x = Axis::over(ends, true);
    let y = Axis { low: 0.0, high: 1.0, logarithmic: false };
    let curve = |preview: &Distribution| {
        let points = (0..=200).filter_map(|step| {
            let share = f64::from(step) / 200.0;
            Some(format!("{:.1},{:.1}", across(x, preview.at(share)?), up(y, share)))
        });
        points.collect::<Vec<_>>().join(" ")
    };
    let inner = html! {
        @for (at, compared) in arms.iter().enumerate() {
            polyline points=(curve(&compared.preview)) fill="none" stroke=(colour(at)) stroke-width="2"
                stroke-dasharray=[compared.arm.is_modelled().then_some("5 3")] {}
        }
    };
    plot(Some(x), y, &inner)
}

pub fn front(arms: &[Compared]) -> Markup {
    let p99 = |compared: &Compared| compared.preview.at(0.99).unwrap_or(f64::NAN);
    let x = Axis::over(arms.iter().map(|compared| compared.throughput.mean), false);
    let y = Axis::over(arms.iter().map(p99), false);
    let inner = html! {
        @for (at, compared) in arms.iter().enumerate() {
            @let (cx, cy) = (across(x, compared.throughput.mean), up(y, p99(compared)));
            @if cy.is_finite() {
                circle cx=(cx) cy=(cy) r="6" stroke=(colour(at)) stroke-width="2"
                    fill=(if compared.on_front { colour(at) } else { "none" }) {}
                text.tick x=(cx) y=(cy - 10.0) text-anchor=(if cx > WIDTH * 0.75 { "end" } else { "middle" }) { (short(compared)) }
            }
        }
    };
    plot(Some(x), y, &inner)
}

pub fn short(compared: &Compared) -> String {
    let Arm { layout, workers, processes, .. } = &compared.arm;
    let processes = if *processes == 1 { String::new() } else { format!("{processes}×") };
    format!("{layout} ×{processes}{workers}")
}

/// Mean queueing and computing by stage, as bars beside each other.
pub fn stages(compared: &Compared) -> Markup {
    let count: u64 = compared.runs.iter().map(|run| run.preview.0.len()).sum();
    let sum = |stage: &str, of: fn(&super::measured::StageTimes) -> &Distribution| {
        compared.runs.iter().filter_map(|run| run.stages.get(stage)).map(|times| of(times).sum()).sum::<f64>()
            / count.max(1) as f64
    };
    let names: Vec<&String> = compared.runs[0].stages.keys().collect();
    let rows: Vec<(&str, f64, f64)> = names
        .iter()
        .map(|name| (name.as_str(), sum(name, |times| &times.queued), sum(name, |times| &times.computing)))
        .collect();
    let longest = rows.iter().map(|(_, queued, computing)| queued + computing).fold(1e-9, f64::max);
    let height = 18.0 * rows.len() as f64 + 8.0;
    let scale = (WIDTH - 170.0) / longest;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" {
            @for (at, (name, queued, computing)) in rows.iter().enumerate() {
                @let y = 4.0 + 18.0 * at as f64;
                text.tick x="78" y=(y + 11.0) text-anchor="end" { (name) }
                rect x="84" y=(y) height="13" width=(queued * scale) fill="#0067a5" fill-opacity="0.3" {}
                rect x=(84.0 + queued * scale) y=(y) height="13" width=(computing * scale) fill="#0067a5" {}
                text.tick x=(90.0 + (queued + computing) * scale) y=(y + 11.0) { (number(*queued)) " + " (number(*computing)) }
            }
        }
    }
}
