//! An experiment as lines for a terminal.

use std::fmt::Write;

use super::experiment::{Against, Compared, Experiment};
use super::measured::StageBatches;

/// The table, and what must be known to read it.
pub fn text(experiment: &Experiment) -> String {
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(text, "{arguments}").expect("a String takes all text");
    let machine = &experiment.machine;
    line(format_args!(
        "{} ({}), {} runs each, arrivals {}, seed {}; {}, {} cores, {}; hark {}",
        experiment.input,
        &experiment.input_sha256[..12],
        experiment.repeat,
        experiment.arrivals,
        experiment.seed,
        machine.processor,
        machine.cores,
        machine.devices,
        machine.hark
    ));
    line(format_args!(
        "{:<36}{:>16}{:>22}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}  front",
        "layout, workers",
        "audio-s/s",
        "to the first",
        "p50 s",
        "p99 s",
        "cpu s/ep",
        "gpu s/ep",
        "host MB",
        "gpu MB",
        "per 1000"
    ));
    for compared in &experiment.arms {
        line(format_args!("{}", row(compared)));
    }
    for compared in experiment.arms.iter().filter(|compared| compared.arm.is_modelled()) {
        let curves = compared.arm.modelled.join("; ");
        line(format_args!(
            "MODELLED: {}: lanes took time and memory of a curve, previews are stand-ins ({curves})",
            compared.arm.name()
        ));
    }
    if !experiment.same_outcomes {
        line(format_args!("NOT COMPARABLE: runs ended episodes in different ways; see `outcomes` in the JSON"));
    }
    for compared in experiment.arms.iter().filter(|compared| !compared.agreement.is_whole()) {
        line(format_args!("{}, beside the first: {}", compared.arm.name(), compared.agreement));
    }
    for compared in &experiment.arms {
        line(format_args!("\n{} (layout {})", compared.arm.name(), &compared.arm.layout_sha256[..12]));
        line(format_args!(
            "  {:<44}{:>8}{:>10}{:>10}{:>9}{:>10}{:>12}{:>12}",
            "operator", "lanes", "busy", "batches", "fill", "padding", "records", "MB crossed"
        ));
        let runs = compared.runs.len() as f64;
        for (at, operator) in compared.runs[0].operators.iter().enumerate() {
            let sum = |of: &dyn Fn(&super::measured::OperatorTimes) -> f64| {
                compared.runs.iter().map(|run| of(&run.operators[at])).sum::<f64>() / runs
            };
            let seconds = compared.runs.iter().map(|run| run.seconds).sum::<f64>() / runs;
            let lanes = if operator.lanes == 0 { "worker".to_owned() } else { operator.lanes.to_string() };
            let busy = match operator.lanes {
                0 => "–".to_owned(),
                lanes => format!("{:.0} %", 100.0 * sum(&|one| one.busy_seconds) / (seconds * lanes as f64)),
            };
            // With one worker there is nothing to exchange.
            let crossed = match compared.arm.all_workers() {
                1 => format!("{:>12}{:>12}", "–", "–"),
                _ => {
                    format!("{:>12.0}{:>12.1}", sum(&|one| one.records as f64), sum(&|one| one.bytes_away as f64) / 1e6)
                }
            };
            let stages = compared.batches(at);
            let (only, several) = if let [one] = &stages[..] { (Some(one), &[][..]) } else { (None, &stages[..]) };
            let alone = only.map_or(format!("{:>10}{:>9}{:>10}", "", "", ""), |one| filled(one, runs));
            line(format_args!("  {:<44}{lanes:>8}{busy:>10}{alone}{crossed}", operator.name));
            for stage in several {
                line(format_args!("    {:<60}{}", stage.stage, filled(stage, runs)));
            }
        }
    }
    text
}

/// Batches of a run, items in each, and which share of them was filled up.
fn filled(stage: &StageBatches, runs: f64) -> String {
    let batches = stage.batches as f64;
    let fill = if batches > 0.0 { format!("{:.1}", stage.items as f64 / batches) } else { "–".to_owned() };
    let padding = stage.padding().map_or("–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    format!("{:>10.0}{fill:>9}{padding:>10}", batches / runs)
}

fn row(compared: &Compared) -> String {
    let half = compared.throughput.half.map_or(String::new(), |half| format!(" ±{half:.0}"));
    let ratio = match compared.against_first.get("throughput") {
        Some(Against { ratio, interval: Some((low, high)) }) => format!("{ratio:.3} [{low:.3}, {high:.3}]"),
        Some(Against { ratio, interval: None }) => format!("{ratio:.3}"),
        None => "–".to_owned(),
    };
    let at = |quantile| compared.preview.at(quantile).map_or("–".to_owned(), |seconds| format!("{seconds:.2}"));
    let mean =
        |of: &dyn Fn(&super::Measured) -> f64| compared.runs.iter().map(of).sum::<f64>() / compared.runs.len() as f64;
    let most = |of: &dyn Fn(&super::Measured) -> f64| compared.runs.iter().map(of).fold(0.0, f64::max);
    let gpu = compared.device_bytes().map(|bytes| bytes as f64 / 1e6);
    format!(
        "{:<36}{:>16}{ratio:>22}{:>9}{:>9}{:>9.2}{:>9}{:>9.0}{:>9}{:>10.4}  {}",
        compared.arm.name(),
        format!("{:.0}{half}", compared.throughput.mean),
        at(0.5),
        at(0.99),
        mean(&super::Measured::cpu_per_episode),
        compared.gpu_per_episode().map_or("–".to_owned(), |seconds| format!("{seconds:.3}")),
        most(&|run| run.host_bytes() as f64 / 1e6),
        gpu.map_or("–".to_owned(), |megabytes| format!("{megabytes:.0}")),
        compared.cost,
        if compared.on_front { "yes" } else { "" }
    )
}
