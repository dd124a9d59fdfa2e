//! An experiment as one page of tables and plots: no script, no network.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::experiment::{Against, Compared, Experiment, MEASURES};
use super::measured::{Distribution, Measured, StageBatches};
use super::plots::{colour, distributions, front, number, ratios, short, stages, throughput};

const STYLE: &str = include_str!("page.css");

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
                    (experiment.repeat) " runs each in turns on " (experiment.input) " (" (brief(&experiment.input_sha256))
                    ", audio " (brief(&experiment.audio_sha256)) "), arrivals " (experiment.arrivals) ", seed " (experiment.seed) "; " (machine.processor) ", "
                    (machine.cores) " cores, " (format!("{:.0}", machine.memory_gb)) " GB, " (machine.devices) ", hark "
                    (machine.hark) "."
                }
                @if !experiment.same_outcomes {
                    p.warning { "Not comparable: the runs ended episodes in different ways." }
                }
                @for compared in experiment.arms.iter().filter(|compared| !compared.agreement.is_whole()) {
                    p { (compared.arm.name()) ", beside the first: " (compared.agreement) "." }
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
                    @for (layout, sha256) in layouts(experiment) { (layout) " " code { (brief(sha256)) } " " }
                }
            }
        }
    }
}

/// Enough of a digest to tell it from others; nothing of one that was not told.
fn brief(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or("–")
}

/// Names and digests of the layouts that were run, each once however many workers had it.
fn layouts(experiment: &Experiment) -> BTreeSet<(&str, &str)> {
    experiment.arms.iter().map(|compared| (&*compared.arm.layout, &*compared.arm.layout_sha256)).collect()
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

fn operators(at: usize, compared: &Compared) -> Markup {
    let runs = compared.runs.len() as f64;
    html! {
        h3 { span.swatch style=(format!("background:{}", colour(at))) {} (compared.arm.name()) }
        section { table {
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
                        td.wraps { @if stages.is_empty() { "–" } @else { (of_each(|stage| (stage.batches > 0).then(|| format!("{:.1}", stage.items as f64 / stage.batches as f64)))) " of " (operator.max_items) } }
                        @let padding = of_each(|stage| Some(format!("{:.1} %", 100.0 * stage.padding()?)));
                        td.wraps { @if padding.is_empty() { "–" } @else { (padding) } }
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
        } }
    }
}
