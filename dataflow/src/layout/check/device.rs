//! What an operator may ask of the device of its lanes.

use super::super::{Layout, OperatorSpec};
use super::{Flaw, no};

pub(super) fn check(layout: &Layout, operator: &OperatorSpec) -> Result<(), Flaw> {
    let Some(lanes) = layout.lanes.get(&operator.on) else { return Ok(()) };
    let name = operator.name();
    let no = |key, problem, remedy| no((operator.line, key), problem, remedy);
    let models = operator.stages.iter().filter(|stage| stage.has_weights()).count();
    if lanes.resident.is_some_and(|resident| models > resident) {
        return no(
            "stages",
            format!("operator {name} has {models} models, more than are `resident` on its lanes"),
            "split it, or raise `resident`",
        );
    }
    let Some(curve) = &lanes.curve else { return Ok(()) };
    for &stage in &operator.stages {
        if !stage.has_light_way() {
            return no(
                "stages",
                format!("operator {name} puts {stage} on lanes that are modelled, and no episode goes on without it"),
                "only speech, events, embed and transcribe can be modelled: put it on other lanes",
            );
        }
        let Some(most) = curve.most_items(stage, operator.precision) else {
            return no(
                "precision",
                format!("the curve {} does not know {stage} in {}", curve.name, operator.precision),
                "add it to the curve, or put the stage on other lanes",
            );
        };
        if lanes.resident.is_some() && curve.load_time(stage, operator.precision).is_none() {
            return no(
                "stages",
                format!(
                    "the curve {} does not say how long it takes to load the model of {stage}, and models of its lanes take turns",
                    curve.name
                ),
                "add `load_seconds` to the curve, or leave `resident` out",
            );
        }
        if operator.max_items > most {
            return no(
                "max_items",
                format!(
                    "the curve {} knows {stage} in batches of up to {most}, not of {}",
                    curve.name, operator.max_items
                ),
                "lower `max_items`, or measure larger batches and add them to the curve",
            );
        }
    }
    Ok(())
}
