//! A layout says which stages share an operator, where operators run and how records reach them.
//!
//! It is data: a TOML file. Two layouts give the same outcomes; they differ in speed and memory.
//!
//! ```toml
//! name = "split"
//! [lanes.cpu]
//! threads = 1                  # per worker
//! [[operator]]
//! stages = ["speech", "events"]
//! on = "cpu"                   # a pool of lanes, or "worker"
//! routing = "spread"           # or "home"
//! max_items = 16
//! max_wait_ms = 5
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use hark_operators::record::piece::{CONTEXT, WINDOW};
use hark_operators::stage::Stage;
use serde::Deserialize;

/// A checked layout.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Its name, as it stands on outcomes and in reports.
    pub name: String,
    /// What it is good for.
    #[serde(default)]
    pub description: String,
    /// Pools of lanes by name.
    #[serde(default)]
    pub lanes: BTreeMap<String, LanesSpec>,
    /// The operators, in the order in which an episode meets them.
    #[serde(rename = "operator")]
    pub operators: Vec<OperatorSpec>,
}

/// A pool of lanes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanesSpec {
    /// Threads per worker, 1 to 256.
    pub threads: usize,
}

/// Stages that share an operator.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorSpec {
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// A pool of lanes, or `worker`: on the worker's own thread, for stages that never wait.
    pub on: String,
    /// How a record finds its worker.
    #[serde(default)]
    pub routing: Routing,
    /// Most records in one batch of a stage, 1 to 4096.
    #[serde(default = "one")]
    pub max_items: usize,
    /// How long a record may wait for company while a lane is free, in milliseconds.
    #[serde(default)]
    pub max_wait_ms: u64,
    /// How long a batch may take before its records count as failed.
    #[serde(default = "ten_minutes")]
    pub deadline_seconds: u64,
}

/// How a record finds its worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// To the worker that its episode gathers at.
    #[default]
    Home,
    /// Pieces of one episode to all workers in turn.
    Spread,
}

/// What is wrong with a layout.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The file cannot be read.
    #[error("cannot read layout {path}: {error}; give the path of a TOML file, or one of: {shipped}")]
    Unreadable {
        /// The path.
        path: String,
        /// The system's words.
        error: std::io::Error,
        /// Names of the layouts that come with hark.
        shipped: String,
    },
    /// It is no TOML, or a key or a value is not known.
    #[error("layout {path}: {error}")]
    Syntax {
        /// The path.
        path: String,
        /// With line and column.
        error: Box<toml::de::Error>,
    },
    /// It makes no graph.
    #[error("layout {path}: {problem}; {remedy}")]
    Impossible {
        /// The path.
        path: String,
        /// What cannot be.
        problem: String,
        /// What to change.
        remedy: String,
    },
}

/// The layouts that come with hark, by name.
pub const SHIPPED: [(&str, &str); 2] =
    [("fused", include_str!("../layouts/fused.toml")), ("split", include_str!("../layouts/split.toml"))];

impl Layout {
    /// A shipped layout by its name, or a layout file by its path.
    ///
    /// # Errors
    /// [`LayoutError`], naming the line or the operator and the remedy.
    pub fn open(name_or_path: &str) -> Result<Self, LayoutError> {
        if let Some((name, text)) = SHIPPED.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(name, text);
        }
        let text = std::fs::read_to_string(Path::new(name_or_path)).map_err(|error| LayoutError::Unreadable {
            path: name_or_path.to_owned(),
            error,
            shipped: SHIPPED.map(|(name, _)| name).join(", "),
        })?;
        Self::parse(name_or_path, &text)
    }

    /// Reads and checks a layout; `path` is for messages.
    ///
    /// # Errors
    /// As for [`Layout::open`].
    pub fn parse(path: &str, text: &str) -> Result<Self, LayoutError> {
        let mut layout: Self = toml::from_str(text)
            .map_err(|error| LayoutError::Syntax { path: path.to_owned(), error: Box::new(error) })?;
        for operator in &mut layout.operators {
            operator.stages.sort();
        }
        layout.operators.sort_by_key(|operator| operator.stages.first().copied());
        layout.check().map_err(|(problem, remedy)| LayoutError::Impossible {
            path: path.to_owned(),
            problem,
            remedy,
        })?;
        Ok(layout)
    }

    /// Bytes of windows that `workers` workers must be able to hold at once. A group that cuts windows
    /// keeps them until a batch of its models is full: with less, lanes whose batches are all half
    /// full would wait for each other's bytes for ever.
    pub fn least_audio(&self, workers: usize) -> usize {
        let lanes = |operator: &OperatorSpec| self.lanes.get(&operator.on).map_or(1, |pool| pool.threads) * workers;
        let cuts = self.operators.iter().filter(|operator| operator.stages.contains(&Stage::Pieces));
        let windows: usize = cuts.map(|operator| lanes(operator) * (operator.max_items + 1)).sum();
        windows * (WINDOW + CONTEXT) * size_of::<i16>()
    }

    fn check(&self) -> Result<(), (String, String)> {
        let no = |problem: String, remedy: &str| Err((problem, remedy.to_owned()));
        for stage in Stage::ALL {
            match self.operators.iter().filter(|operator| operator.stages.contains(&stage)).count() {
                0 => return no(format!("no operator runs stage {stage}"), "add an [[operator]] for it"),
                1 => {}
                _ => return no(format!("stage {stage} stands in several operators"), "keep it in one of them"),
            }
        }
        for (name, lanes) in &self.lanes {
            if name == "worker" {
                return no(
                    "a pool of lanes is named worker".into(),
                    "`worker` means the worker's own thread: choose another name",
                );
            }
            if !(1..=256).contains(&lanes.threads) {
                return no(format!("lanes {name} have {} threads", lanes.threads), "give 1 to 256");
            }
        }
        for operator in &self.operators {
            let name = operator.name();
            let has = |stage| operator.stages.contains(&stage);
            if operator.stages.is_empty() {
                return no("an operator has no stages".into(), "name at least one, or remove it");
            }
            if operator.on != "worker" && !self.lanes.contains_key(&operator.on) {
                return no(
                    format!("operator {name} runs on lanes {}, which do not exist", operator.on),
                    "add [lanes.NAME], or use \"worker\"",
                );
            }
            if !(1..=4096).contains(&operator.max_items) {
                return no(format!("operator {name} has max_items {}", operator.max_items), "give 1 to 4096");
            }
            if operator.max_wait_ms > 60_000 || !(1..=86_400).contains(&operator.deadline_seconds) {
                return no(
                    format!("operator {name} waits too long or not at all"),
                    "max_wait_ms up to 60000, deadline_seconds from 1 to 86400",
                );
            }
            if has(Stage::Fetch) && operator.stages.len() > 1 {
                return no(
                    format!("operator {name} joins fetch with other stages"),
                    "let fetch stand alone: duplicates are dropped right after it",
                );
            }
            let first = operator.stages[0];
            let last = operator.stages[operator.stages.len() - 1];
            if first < Stage::Pieces && last >= Stage::Pieces {
                return no(
                    format!("operator {name} joins stages before and after an episode's audio and transcript meet"),
                    "split it between transcript and pieces: what is known already ends there",
                );
            }
            if first < Stage::Transcribe && last >= Stage::Transcribe {
                return no(
                    format!("operator {name} joins stages before and after the pieces of an episode are gathered"),
                    "split it between embed and transcribe",
                );
            }
            let slow = [Stage::Fetch, Stage::Decode, Stage::Pieces, Stage::Transcribe, Stage::Cut];
            if operator.on == "worker" && slow.iter().any(|stage| has(*stage)) {
                return no(
                    format!("operator {name} waits for the network, a disk or a child process on the worker's thread"),
                    "put it on lanes",
                );
            }
            // `pieces` waits while the budget of audio is used up, and only the models free it.
            let starves = |other: &OperatorSpec| {
                other.on == operator.on
                    && other.stages.iter().any(|stage| [Stage::Speech, Stage::Events].contains(stage) && !has(*stage))
            };
            if has(Stage::Pieces) && self.operators.iter().any(starves) {
                return no(
                    format!("operator {name} shares its lanes with models that wait for its windows"),
                    "give pieces lanes without speech and events, or put the three into one operator",
                );
            }
        }
        Ok(())
    }
}

impl OperatorSpec {
    /// Its name in logs, metrics and reports: `speech+events@cpu[b16]`.
    pub fn name(&self) -> String {
        let stages: Vec<&str> = self.stages.iter().map(|stage| stage.name()).collect();
        let batch = if self.max_items > 1 { format!("[b{}]", self.max_items) } else { String::new() };
        format!("{}@{}{batch}", stages.join("+"), self.on)
    }
}

fn one() -> usize {
    1
}

fn ten_minutes() -> u64 {
    600
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fused_with(from: &str, to: &str) -> String {
        let (_, text) = SHIPPED[0];
        assert!(text.contains(from), "the shipped layout holds {from}");
        Layout::parse("test.toml", &text.replacen(from, to, 1))
            .map_or_else(|error| error.to_string(), |_| "accepted".to_owned())
    }

    #[test]
    fn every_shipped_layout_is_possible_and_named_as_its_file() {
        for (name, text) in SHIPPED {
            assert_eq!(Layout::parse(name, text).expect("shipped").name, name);
        }
    }

    #[test]
    fn the_least_audio_is_a_batch_per_lane_and_the_window_that_is_being_cut() {
        let window = (WINDOW + CONTEXT) * 2;
        assert_eq!(Layout::open("fused").expect("shipped").least_audio(10), 10 * 17 * window);
        assert_eq!(Layout::open("split").expect("shipped").least_audio(10), 10 * 2 * window);
    }

    #[test]
    fn impossible_layouts_are_refused_with_the_place_and_the_remedy() {
        insta::assert_snapshot!([
            fused_with("\"speech\", ", ""),
            fused_with("stages = [\"fetch\"]", "stages = [\"fetch\", \"speech\"]"),
            fused_with("on = \"io\"", "on = \"gpu\""),
            fused_with("max_items = 16", "max_items = 0"),
            fused_with("threads = 1", "threads = 1000000"),
            fused_with("on = \"cpu\"", "on = \"worker\""),
            fused_with("\"transcript\"]\non = \"cpu\"\n\n[[operator]]\nstages = [\"pieces\"", "\"transcript\", \"pieces\""),
            fused_with("[\"pieces\", \"speech\"", "[\"pieces\"]\non = \"cpu\"\n\n[[operator]]\nstages = [\"speech\""),
            fused_with("\"embed\"]\non = \"cpu\"\nmax_items = 16\n\n[[operator]]\nstages = [", "\"embed\", "),
        ]
        .join("\n"), @r#"
        layout test.toml: no operator runs stage speech; add an [[operator]] for it
        layout test.toml: stage speech stands in several operators; keep it in one of them
        layout test.toml: operator fetch@gpu runs on lanes gpu, which do not exist; add [lanes.NAME], or use "worker"
        layout test.toml: operator pieces+speech+events+embed@cpu has max_items 0; give 1 to 4096
        layout test.toml: lanes cpu have 1000000 threads; give 1 to 256
        layout test.toml: operator decode+transcript@worker waits for the network, a disk or a child process on the worker's thread; put it on lanes
        layout test.toml: operator decode+transcript+pieces+speech+events+embed@cpu[b16] joins stages before and after an episode's audio and transcript meet; split it between transcript and pieces: what is known already ends there
        layout test.toml: operator pieces@cpu shares its lanes with models that wait for its windows; give pieces lanes without speech and events, or put the three into one operator
        layout test.toml: operator pieces+speech+events+embed+transcribe+select+cut@cpu joins stages before and after the pieces of an episode are gathered; split it between embed and transcribe
        "#);
        assert!(fused_with("max_items", "max_itmes").contains("line"), "a misspelt key names its line");
    }
}
