//! What models cost on a device, as it was measured once: time and memory by the size of a batch.
//!
//! ```toml
//! name = "h100"
//! source = "where, when and with what it was measured"
//! memory_mb = 80000            # that models may take of it; as much as they like, if absent
//! [[model]]
//! stage = "embed"
//! precision = "f32"            # or "bf16", "f16"
//! weight_mb = 91               # of its weights
//! load_seconds = 0.3           # until they are there; layouts whose models take turns need it
//! points = [                   # linear between them
//!   { items = 1, seconds = 0.001, mb = 10 },   # mb: what a batch takes besides
//!   { items = 128, seconds = 0.0144, mb = 350 },
//! ]
//! ```
//! Invariant: a larger batch never costs less. A batch smaller than the first point costs as much as
//! that one; of a batch larger than the last nothing is known, and nothing is made up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hark_models::device::Precision;
use serde::Deserialize;
use toml::Spanned;

use super::super::Stage;

/// Costs of the models of some stages.
#[derive(Debug, PartialEq)]
pub struct Curve {
    /// Its name, as it stands in reports.
    pub name: String,
    /// What it was measured on.
    pub source: String,
    memory_mb: Option<f64>,
    models: Vec<Model>,
    turn: Turn,
}

/// A device computes one batch at a time, however many lanes feed it. It is the same device whoever's turn
/// it is.
#[derive(Debug, Default)]
struct Turn(Mutex<()>);

impl PartialEq for Turn {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// What a batch costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How long it takes.
    pub time: Duration,
    /// Bytes of the device's memory that it takes besides the weights.
    pub bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    stage: Stage,
    #[serde(default)]
    precision: Precision,
    weight_mb: f64,
    load_seconds: Option<f64>,
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    items: usize,
    seconds: f64,
    mb: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    source: String,
    memory_mb: Option<f64>,
    #[serde(rename = "model")]
    models: Vec<Spanned<Model>>,
}

/// What is wrong with a curve.
#[derive(Debug, thiserror::Error)]
pub enum CurveError {
    /// It is no TOML, or a key or a value is not known.
    #[error("{0}")]
    Syntax(#[from] Box<toml::de::Error>),
    /// No device behaves like that.
    #[error("line {line}: {problem}; {remedy}")]
    Impossible {
        /// Where in the file.
        line: usize,
        /// What cannot be.
        problem: String,
        /// What to change.
        remedy: &'static str,
    },
}

impl Curve {
    /// Reads and checks a curve.
    ///
    /// # Errors
    /// [`CurveError`], with the line and the remedy.
    pub fn parse(text: &str) -> Result<Self, CurveError> {
        let mut document: Document = toml::from_str(text).map_err(Box::new)?;
        if document.memory_mb.is_some_and(|megabytes| !(1.0..=MOST_MB).contains(&megabytes)) {
            return Err(CurveError::Impossible {
                line: 1 + text.lines().position(|line| line.trim_start().starts_with("memory_mb")).unwrap_or(0),
                problem: "its device has a memory that is none".to_owned(),
                remedy: "give `memory_mb` from 1 to 10000000, or leave it out",
            });
        }
        let mut models: Vec<Model> = Vec::new();
        for model in std::mem::take(&mut document.models) {
            let line = 1 + text[..model.span().start].matches('\n').count();
            let model = model.into_inner();
            if let Some((problem, remedy)) = model.flaw() {
                return Err(CurveError::Impossible { line, problem, remedy });
            }
            if models.iter().any(|other| (other.stage, other.precision) == (model.stage, model.precision)) {
                let problem = format!("{} in {} stands there twice", model.stage, model.precision);
                return Err(CurveError::Impossible { line, problem, remedy: "keep one of them" });
            }
            models.push(model);
        }
        let Document { name, source, memory_mb, .. } = document;
        Ok(Self { name, source, memory_mb, models, turn: Turn::default() })
    }

    /// Waits until no other lane of the device computes, and keeps others waiting as long as it is held.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a batch costs; `None` where that was not measured.
    pub fn cost(&self, stage: Stage, precision: Precision, items: usize) -> Option<Cost> {
        let points = &self.model(stage, precision)?.points;
        let above = points.iter().position(|point| point.items >= items)?;
        let (to, from) = (points[above], points[above.saturating_sub(1)]);
        let share = match to.items - from.items {
            0 => 0.0,
            apart => items.saturating_sub(from.items) as f64 / apart as f64,
        };
        let between = |from: f64, to: f64| from + share * (to - from);
        Some(Cost {
            time: Duration::from_secs_f64(between(from.seconds, to.seconds)),
            bytes: bytes(between(from.mb, to.mb)),
        })
    }

    /// Bytes that models may take of its device, if that is known.
    pub fn memory_bytes(&self) -> Option<usize> {
        self.memory_mb.map(bytes)
    }

    /// How long it takes until a model is there; `None` of one for which that was not measured.
    pub fn load_time(&self, stage: Stage, precision: Precision) -> Option<Duration> {
        self.model(stage, precision)?.load_seconds.map(Duration::from_secs_f64)
    }

    /// Bytes of a model's weights; `None` of one that was not measured.
    pub fn weight_bytes(&self, stage: Stage, precision: Precision) -> Option<usize> {
        self.model(stage, precision).map(|model| bytes(model.weight_mb))
    }

    /// Items of the largest batch that was measured.
    pub fn most_items(&self, stage: Stage, precision: Precision) -> Option<usize> {
        self.model(stage, precision)?.points.last().map(|point| point.items)
    }

    fn model(&self, stage: Stage, precision: Precision) -> Option<&Model> {
        self.models.iter().find(|model| (model.stage, model.precision) == (stage, precision))
    }
}

fn bytes(megabytes: f64) -> usize {
    (megabytes * 1e6).round() as usize
}

/// A batch longer than this is a slip of the pen: so is one that takes more than these megabytes.
const MOST_SECONDS: f64 = 86_400.0;
const MOST_MB: f64 = 1e7;

impl Model {
    /// What is wrong with it, and the remedy.
    fn flaw(&self) -> Option<(String, &'static str)> {
        let stage = self.stage;
        if !stage.has_light_way() {
            return Some((
                format!("{stage} cannot be modelled: no episode goes on without it"),
                "only speech, events, embed and transcribe can",
            ));
        }
        let within = |value: f64, most: f64| (0.0..=most).contains(&value);
        let sensible = |point: &Point| within(point.seconds, MOST_SECONDS) && within(point.mb, MOST_MB);
        let loads = self.load_seconds.is_none_or(|seconds| within(seconds, MOST_SECONDS));
        if !within(self.weight_mb, MOST_MB) || !loads || !self.points.iter().all(sensible) {
            return Some((
                format!("{stage} has a cost that is none"),
                "seconds and load_seconds go from 0 to 86400, mb and weight_mb from 0 to 10000000",
            ));
        }
        if self.points.first().is_none_or(|point| point.items == 0) {
            return Some((format!("{stage} has no points, or one of no items"), "give points of 1 item or more"));
        }
        let rises = |pair: &[Point]| {
            pair[0].items < pair[1].items && pair[0].seconds <= pair[1].seconds && pair[0].mb <= pair[1].mb
        };
        if !self.points.windows(2).all(rises) {
            return Some((
                format!("points of {stage} do not rise"),
                "sort them by items; a larger batch takes as long or longer, and as much memory or more",
            ));
        }
        None
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: &str = r#"
name = "example"
source = "made up"
memory_mb = 300

[[model]]
stage = "embed"
weight_mb = 90
load_seconds = 0.25
points = [
  { items = 2, seconds = 0.010, mb = 100 },
  { items = 4, seconds = 0.030, mb = 200 },
]
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_linear_between_points_flat_below_and_unknown_above() {
        let curve = Curve::parse(EXAMPLE).expect("it is one");
        let cost = |items| {
            let cost = curve.cost(Stage::Embed, Precision::F32, items)?;
            Some((cost.time.as_millis(), cost.bytes / 1_000_000))
        };
        assert_eq!(
            [1, 2, 3, 4, 5].map(cost),
            [Some((10, 100)), Some((10, 100)), Some((20, 150)), Some((30, 200)), None]
        );
        assert_eq!(curve.most_items(Stage::Embed, Precision::F32), Some(4));
        assert_eq!(curve.memory_bytes(), Some(300_000_000));
        assert_eq!(curve.load_time(Stage::Embed, Precision::F32), Some(Duration::from_millis(250)));
        assert!(curve.cost(Stage::Speech, Precision::F32, 1).is_none());
        assert!(curve.cost(Stage::Embed, Precision::Bf16, 1).is_none());
    }

    #[test]
    fn a_curve_of_no_device_is_refused_with_the_place_and_the_remedy() {
        let said = |from: &str, to: &str| {
            assert!(EXAMPLE.contains(from), "the example holds {from}");
            Curve::parse(&EXAMPLE.replacen(from, to, 1)).expect_err("it is none").to_string()
        };
        assert!(said("\"embed\"", "\"cut\"").starts_with("line 6: cut cannot be modelled"));
        assert!(said("items = 4", "items = 2").contains("do not rise; sort them by items"));
        assert!(said("seconds = 0.030", "seconds = 0.003").contains("do not rise"));
        assert!(said("mb = 200", "mb = 20").contains("do not rise"));
        assert!(said("seconds = 0.030", "seconds = nan").contains("a cost that is none"));
        assert!(said("weight_mb = 90", "weight_mb = -1").contains("a cost that is none"));
        assert!(said("load_seconds = 0.25", "load_seconds = inf").contains("a cost that is none"));
        assert!(said("memory_mb = 300", "memory_mb = 0").starts_with("line 4: its device has a memory that is none"));
        assert!(said("items = 2", "items = 0").contains("no items"));
        assert!(said("weight_mb", "weight_gb").contains("weight_gb"), "a misspelt key is named");
        let twice = format!(
            "{EXAMPLE}{}",
            EXAMPLE.split_once("[[model]]").map_or("", |(_, model)| model).replacen("\nstage", "\n[[model]]\nstage", 1)
        );
        assert!(Curve::parse(&twice).expect_err("it is none").to_string().contains("embed in f32 stands there twice"));
    }
}
