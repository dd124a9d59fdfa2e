//! An experiment as one page with plots: no script, no network.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::experiment::{Against, Arm, Compared, Experiment, MEASURES};
use super::measured::{Distribution, Measured, StageBatches};

const STYLE: &str = include_str!("page.css");

/// Colours of arms, told apart by all kinds of sight (after Okabe and Ito).
const COLOURS: [&str; 8] = ["#0067a5", "#b97800", "#008f68", "#b3427f", "#d55e00", "#7a6a58", "#56b4e9", "#444a55"];

/// The page.
pub fn html(experiment: &Experiment) -> Markup {
    let machine = &experiment.machine;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "hark bench: " (experiment.arms.len()) " layouts" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Layouts compared" }
                p.muted {
                    (experiment.repeat) " runs each in turns on " (experiment.input) " (" (&experiment.input_sha256[..12])
                    "), arrivals " (experiment.arrivals) ", seed " (experiment.seed) "; " (machine.processor) ", "
                    (machine.cores) " cores, " (format!("{:.0}", machine.memory_gb)) " GB, " (machine.devices) ", hark "
                    (machine.hark) "."
                }
                @if !experiment.same_outcomes {
                    p.warning { "Not comparable: the runs ended episodes in different ways." }
                }
                @for compared in experiment.arms.iter().filter(|compared| compared.arm.is_modelled()) {
                    p.warning {
                        "Modelled: the lanes of " (compared.arm.name()) " took time and memory of a curve, their previews are "
                        "stand-ins (" (compared.arm.modelled.join("; ")) ")."
                    }
                }
                (legend(&experiment.arms))
                section { (table(experiment)) }
                div.plots {
                    figure { figcaption { "Throughput, seconds of audio per second; bars reach over the 95 % interval" } (throughput(&experiment.arms)) }
                    figure { figcaption { "Throughput against the first layout, run by run, with the 95 % interval" } (ratios(&experiment.arms)) }
                    figure { figcaption { "Preview latency: share of previews that took at most so long (seconds, logarithmic); dashed: modelled" } (distributions(&experiment.arms)) }
                    figure { figcaption { "Throughput and p99 of preview latency; filled: nobody is better in throughput, latency and memory" } (front(&experiment.arms)) }
                }
                h2 { "Against the first layout, run by run, with 95 % intervals" }
                section { (differences(experiment)) }
                h2 { "Where the time goes, per episode" }
                div.plots {
                    @for compared in &experiment.arms {
                        figure { figcaption { (compared.arm.name()) ": queueing (light) and computing (dark), mean seconds by stage, those of an episode's pieces added up" } (stages(compared)) }
                    }
                }
                h2 { "Operators" }
                @for (at, compared) in experiment.arms.iter().enumerate() { (operators(at, compared)) }
                h2 { "Epochs: seconds from the end of a tick until an operator had done all of it, p50 / p99" }
                section { (epochs(experiment)) }
                h2 { "The same again" }
                pre { (experiment.command) }
                p.muted {
                    "Layouts by content: "
                    @for (layout, sha256) in layouts(experiment) { (layout) " " code { (&sha256[..12]) } " " }
                }
            }
        }
    }
}

/// Names and digests of the layouts that were run, each once however many workers had it.
fn layouts(experiment: &Experiment) -> BTreeSet<(&str, &str)> {
    experiment.arms.iter().map(|compared| (&*compared.arm.layout, &*compared.arm.layout_sha256)).collect()
}

fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

fn legend(arms: &[Compared]) -> Markup {
    html! {
        ul.legend {
            @for (at, compared) in arms.iter().enumerate() {
                li { span style=(format!("background:{}", colour(at))) {} (compared.arm.name()) }
            }
        }
    }
}

fn table(experiment: &Experiment) -> Markup {
    let seconds = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
    html! {
        table {
            thead { tr {
                th { "layout" } th { "audio-s/s" } th { "to the first" } th { "p50 s" } th { "p90 s" } th { "p99 s" }
                th { "CPU s per episode" } th { "GPU s per episode" } th { "host MB" } th { "GPU MB" } th { "GPU busy" } th { "cost per 1000" }
            } }
            tbody {
                @for (at, compared) in experiment.arms.iter().enumerate() {
                    @let device = compared.runs.iter().filter_map(|run| run.device.as_ref()).max_by_key(|device| device.peak_bytes);
                    tr {
                        td { span.swatch style=(format!("background:{}", colour(at))) {} (short(compared)) @if compared.on_front { " ●" } }
                        td { (format!("{:.0}", compared.throughput.mean)) @if let Some(half) = compared.throughput.half { small { (format!(" ±{half:.0}")) } } }
                        td { (compared.against_first.get("throughput").map_or("–".to_owned(), |against| format!("{:.3}", against.ratio))) }
                        td { (seconds(compared.preview.at(0.5))) }
                        td { (seconds(compared.preview.at(0.9))) }
                        td { (seconds(compared.preview.at(0.99))) }
                        td { (format!("{:.2}", mean(compared, Measured::cpu_per_episode))) }
                        td { (compared.gpu_per_episode().map_or("–".to_owned(), |seconds| format!("{seconds:.3}"))) }
                        td { (format!("{:.0}", compared.runs.iter().map(|run| run.host_bytes() as f64 / 1e6).fold(0.0, f64::max))) }
                        td { (compared.device_bytes().map_or("–".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1e6))) }
                        td { (device.map_or("–".to_owned(), |device| format!("{:.0} %", device.utilisation * 100.0))) }
                        td { (format!("{:.4}", compared.cost)) }
                    }
                }
            }
        }
    }
}

/// By what factor an arm differs from the first.
fn against(compared: &Compared, measure: &str) -> Markup {
    html! {
        @match compared.against_first.get(measure) {
            Some(Against { ratio, interval }) => {
                (format!("{ratio:.3}"))
                @if let Some((low, high)) = interval { br; small { (format!("{low:.3} to {high:.3}")) } }
            }
            None => "–",
        }
    }
}

/// Every measure against the first arm, run by run.
fn differences(experiment: &Experiment) -> Markup {
    html! {
        table {
            thead { tr { th { "layout" } @for (name, _) in MEASURES { th { (name) } } } }
            tbody {
                @for (at, compared) in experiment.arms.iter().enumerate() {
                    tr {
                        td { span.swatch style=(format!("background:{}", colour(at))) {} (short(compared)) }
                        @for (name, _) in MEASURES { td { (against(compared, name)) } }
                    }
                }
            }
        }
    }
}

/// How long after the end of a tick an operator was done with all that had come in it.
fn epochs(experiment: &Experiment) -> Markup {
    let names: BTreeSet<&str> =
        experiment.arms.iter().flat_map(|compared| &compared.runs[0].epochs).map(|(name, _)| &**name).collect();
    let merged = |compared: &Compared, name: &str| {
        let of =
            |run: &Measured| run.epochs.iter().find(|(known, _)| known == name).map(|(_, latency)| latency.clone());
        compared.runs.iter().filter_map(of).reduce(|mut all, more| {
            all.merge(&more);
            all
        })
    };
    let told = |latency: Option<Distribution>| match latency.and_then(|all| Some((all.at(0.5)?, all.at(0.99)?))) {
        Some((p50, p99)) => format!("{} / {}", number(p50), number(p99)),
        None => "–".to_owned(),
    };
    html! {
        table {
            thead { tr { th { "done with a tick" } @for compared in &experiment.arms { th { (short(compared)) } } } }
            tbody {
                @for name in names {
                    tr { td { code { (name) } } @for compared in &experiment.arms { td { (told(merged(compared, name))) } } }
                }
            }
        }
    }
}

fn mean(compared: &Compared, of: impl Fn(&Measured) -> f64) -> f64 {
    compared.runs.iter().map(of).sum::<f64>() / compared.runs.len() as f64
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 240.0;
/// Room for axes.
const LEFT: f64 = 52.0;
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

fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A plot's frame with ticks on both axes.
fn plot(x: Option<Axis>, y: Axis, inner: &Markup) -> Markup {
    let across = |share: f64| LEFT + share * (WIDTH - LEFT - 10.0);
    let up = |share: f64| HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 10.0);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" {
            @for tick in y.ticks() {
                @let at = up(y.at(tick));
                line.grid x1=(LEFT) x2=(WIDTH - 10.0) y1=(at) y2=(at) {}
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
    LEFT + axis.at(value) * (WIDTH - LEFT - 10.0)
}

fn up(axis: Axis, value: f64) -> f64 {
    HEIGHT - BOTTOM - axis.at(value) * (HEIGHT - BOTTOM - 10.0)
}

/// The place of arm `at` of `count` side by side.
fn column(at: usize, count: usize) -> (f64, f64) {
    let width = (WIDTH - LEFT - 10.0) / count as f64;
    (LEFT + width * (at as f64 + 0.5), width)
}

fn throughput(arms: &[Compared]) -> Markup {
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

fn throughput_against(compared: &Compared) -> (f64, Option<(f64, f64)>) {
    compared.against_first.get("throughput").map_or((f64::NAN, None), |against| (against.ratio, against.interval))
}

fn ratios(arms: &[Compared]) -> Markup {
    let values = arms.iter().flat_map(|compared| {
        let (ratio, interval) = throughput_against(compared);
        let (low, high) = interval.unwrap_or((ratio, ratio));
        [low, high, 1.0]
    });
    let y = Axis::over(values, false);
    let inner = html! {
        line x1=(LEFT) x2=(WIDTH - 10.0) y1=(up(y, 1.0)) y2=(up(y, 1.0)) stroke="#63666d" stroke-dasharray="4 3" {}
        @for (at, compared) in arms.iter().enumerate() {
            @let (middle, _) = column(at, arms.len());
            @let (ratio, interval) = throughput_against(compared);
            @if let Some((low, high)) = interval {
                line x1=(middle) x2=(middle) y1=(up(y, low)) y2=(up(y, high)) stroke=(colour(at)) stroke-width="3" {}
            }
            circle cx=(middle) cy=(up(y, ratio)) r="5" fill=(colour(at)) {}
            text.tick x=(middle) y=(HEIGHT - 8.0) text-anchor="middle" { (short(compared)) }
        }
    };
    plot(None, y, &inner)
}

/// Cumulative distributions.
fn distributions(arms: &[Compared]) -> Markup {
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

fn front(arms: &[Compared]) -> Markup {
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

fn short(compared: &Compared) -> String {
    let Arm { layout, workers, processes, .. } = &compared.arm;
    let processes = if *processes == 1 { String::new() } else { format!("{processes}×") };
    format!("{layout} ×{processes}{workers}")
}

/// Mean queueing and computing by stage, as bars beside each other.
fn stages(compared: &Compared) -> Markup {
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

fn operators(at: usize, compared: &Compared) -> Markup {
    let runs = compared.runs.len() as f64;
    html! {
        h3 { span.swatch style=(format!("background:{}", colour(at))) {} (compared.arm.name()) }
        table {
            thead { tr { th { "operator" } th { "lanes" } th { "busy" } th { "batches" } th { "items per batch" } th { "padding" } th { "records" } th { "MB across its exchange" } th { "MB to other workers" } th { "weights MB" } } }
            tbody {
                @for (place, operator) in compared.runs[0].operators.iter().enumerate() {
                    @let sum = |of: fn(&super::measured::OperatorTimes) -> f64| compared.runs.iter().map(|run| of(&run.operators[place])).sum::<f64>() / runs;
                    @let stages = compared.batches(place);
                    @let of_each = |of: fn(&StageBatches) -> Option<String>| stages.iter().filter_map(|stage| {
                        let told = of(stage)?;
                        Some(if stages.len() > 1 { format!("{} {told}", stage.stage) } else { told })
                    }).collect::<Vec<_>>().join(", ");
                    @let busy = sum(|one| one.busy_seconds) / (mean(compared, |run| run.seconds) * operator.lanes.max(1) as f64);
                    tr {
                        td { code { (operator.name) } }
                        td { @if operator.lanes == 0 { "worker" } @else { (operator.lanes) } }
                        td { @if operator.lanes == 0 { "–" } @else { (format!("{:.0} %", busy * 100.0)) } }
                        td { (format!("{:.0}", sum(|one| one.batches as f64))) }
                        td { @if stages.is_empty() { "–" } @else { (of_each(|stage| (stage.batches > 0).then(|| format!("{:.1}", stage.items as f64 / stage.batches as f64)))) " of " (operator.max_items) } }
                        @let padding = of_each(|stage| Some(format!("{:.1} %", 100.0 * stage.padding()?)));
                        td { @if padding.is_empty() { "–" } @else { (padding) } }
                        @if compared.arm.all_workers() == 1 {
                            td { "–" } td { "–" } td { "–" }
                        } @else {
                            td { (format!("{:.0}", sum(|one| one.records as f64))) }
                            td { (format!("{:.1}", sum(|one| one.bytes as f64) / 1e6)) }
                            td { (format!("{:.1}", sum(|one| one.bytes_away as f64) / 1e6)) }
                        }
                        td { @if operator.weight_bytes > 0 { (format!("{:.1}", operator.weight_bytes as f64 / 1e6)) } @else { "–" } }
                    }
                }
            }
        }
    }
}
