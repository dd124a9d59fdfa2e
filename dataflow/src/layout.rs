//! A layout says which stages share an operator, where operators run and how records reach them.
//!
//! It is data: a TOML file. Two layouts give the same outcomes; they differ in speed and memory.
//!
//! ```toml
//! name = "split"
//! exchange = "flat"            # or "plain", "abomonated": numbers between processes
//! [lanes.cpu]
//! threads = 1                  # per worker
//! [lanes.gpu]
//! threads = 1
//! shared = true                # of the process, not of each worker
//! device = "cuda:0"            # or "cpu", "auto"; else as --device says
//! memory_mb = 40000
//! [[operator]]
//! stages = ["speech", "events"]
//! on = "cpu"                   # a pool of lanes, or "worker"
//! routing = "spread"           # or "home"
//! max_items = 16
//! max_wait_ms = 5
//! target_ms = 50               # batches of a slow lane are smaller
//! precision = "bf16"           # or "f32", "f16"
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use hark_operators::Precision;
use hark_operators::record::Kind;
use hark_operators::record::numbers::Encoding;
use hark_operators::record::piece::{CONTEXT, WINDOW};
use hark_operators::stage::Stage;
use serde::Deserialize;
use toml::Spanned;

/// A checked layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Its name, as it stands on outcomes and in reports.
    pub name: String,
    /// What it is good for.
    pub description: String,
    /// How samples and embeddings are encoded that cross between processes.
    pub exchange: Encoding,
    /// Pools of lanes by name.
    pub lanes: BTreeMap<String, LanesSpec>,
    /// The operators, in the order in which an episode meets them.
    pub operators: Vec<OperatorSpec>,
}

/// A layout file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    exchange: Encoding,
    #[serde(default)]
    lanes: BTreeMap<String, Spanned<LanesSpec>>,
    #[serde(rename = "operator")]
    operators: Vec<Spanned<OperatorSpec>>,
}

/// A pool of lanes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanesSpec {
    /// Its line in the file.
    #[serde(skip)]
    pub line: usize,
    /// Threads per worker, or of the whole process where `shared`, 1 to 256.
    pub threads: usize,
    /// Whether these are lanes of the process, however many workers it has: as a device wants it.
    #[serde(default)]
    pub shared: bool,
    /// Where their models compute: `cpu`, `cuda:0`, `auto`; as `--device` says, if absent.
    pub device: Option<String>,
    /// Megabytes that their models may take of that device.
    pub memory_mb: Option<usize>,
}

/// Stages that share an operator.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorSpec {
    /// Its line in the file.
    #[serde(skip)]
    pub line: usize,
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
    /// How long a batch should take, in milliseconds: its size follows the lane's speed, up to
    /// `max_items`, which it is at once if this is absent.
    pub target_ms: Option<u64>,
    /// What the numbers of its models are kept in.
    #[serde(default)]
    pub precision: Precision,
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
    #[error("layout {path}, line {line}: {problem}; {remedy}")]
    Impossible {
        /// The path.
        path: String,
        /// Where in the file.
        line: usize,
        /// What cannot be.
        problem: String,
        /// What to change.
        remedy: String,
    },
}

/// The layouts that come with hark, by name.
pub const SHIPPED: [(&str, &str); 6] = [
    ("fused", include_str!("../layouts/fused.toml")),
    ("split", include_str!("../layouts/split.toml")),
    ("by-family", include_str!("../layouts/by-family.toml")),
    ("cpu-gpu", include_str!("../layouts/cpu-gpu.toml")),
    ("low-latency", include_str!("../layouts/low-latency.toml")),
    ("throughput", include_str!("../layouts/throughput.toml")),
];

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
        let document: Document = toml::from_str(text)
            .map_err(|error| LayoutError::Syntax { path: path.to_owned(), error: Box::new(error) })?;
        let layout = document.placed(text);
        layout.check().map_err(|Flaw { line, problem, remedy }| LayoutError::Impossible {
            path: path.to_owned(),
            line,
            problem,
            remedy: remedy.to_owned(),
        })?;
        Ok(layout)
    }

    /// Bytes of windows that `workers` workers must be able to hold at once. A group that cuts windows
    /// keeps them until a batch of its models is full: with less, lanes whose batches are all half
    /// full would wait for each other's bytes for ever.
    pub fn least_audio(&self, workers: usize) -> usize {
        let lanes = |operator: &OperatorSpec| self.lanes.get(&operator.on).map_or(1, |pool| pool.count(workers));
        let cuts = self.operators.iter().filter(|operator| operator.stages.contains(&Stage::Pieces));
        let windows: usize = cuts.map(|operator| lanes(operator) * (operator.max_items + 1)).sum();
        windows * (WINDOW + CONTEXT) * size_of::<i16>()
    }

    fn check(&self) -> Result<(), Flaw> {
        for stage in Stage::ALL {
            let mut runs = self.operators.iter().filter(|operator| operator.stages.contains(&stage));
            let no = |line, problem, remedy| Err(Flaw { line, problem, remedy });
            match (runs.next(), runs.next()) {
                (None, _) => return no(1, format!("no operator runs stage {stage}"), "add an [[operator]] for it"),
                (Some(_), None) => {}
                (Some(_), Some(again)) => {
                    return no(
                        again.line,
                        format!("stage {stage} stands in several operators"),
                        "keep it in one of them",
                    );
                }
            }
        }
        for (name, lanes) in &self.lanes {
            let no = |problem, remedy| Err(Flaw { line: lanes.line, problem, remedy });
            if name == "worker" {
                return no(
                    "a pool of lanes is named worker".into(),
                    "`worker` means the worker's own thread: choose another name",
                );
            }
            if !(1..=256).contains(&lanes.threads) {
                return no(format!("lanes {name} have {} threads", lanes.threads), "give 1 to 256");
            }
            if lanes.memory_mb == Some(0) {
                return no(format!("lanes {name} have no memory"), "give `memory_mb` above 0, or leave it out");
            }
        }
        for operator in &self.operators {
            let name = operator.name();
            let no = |problem, remedy| Err(Flaw { line: operator.line, problem, remedy });
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
            if operator.target_ms.is_some_and(|target| !(1..=60_000).contains(&target)) {
                return no(format!("operator {name} has target_ms out of range"), "give 1 to 60000, or leave it out");
            }
            let models = [Stage::Speech, Stage::Embed];
            if operator.precision != Precision::default() && !models.iter().any(|stage| has(*stage)) {
                return no(
                    format!("operator {name} has a precision but no model that knows one"),
                    "leave `precision` out: speech and embed have it",
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

/// Why a layout makes no graph.
struct Flaw {
    line: usize,
    problem: String,
    remedy: &'static str,
}

impl Document {
    /// The layout, each part with its line in the text.
    fn placed(self, text: &str) -> Layout {
        let line = |span: std::ops::Range<usize>| 1 + text[..span.start].matches('\n').count();
        let lanes = self.lanes.into_iter().map(|(name, lanes)| {
            let line = line(lanes.span());
            (name, LanesSpec { line, ..lanes.into_inner() })
        });
        let mut operators: Vec<OperatorSpec> = self
            .operators
            .into_iter()
            .map(|operator| {
                let line = line(operator.span());
                let mut operator = OperatorSpec { line, ..operator.into_inner() };
                operator.stages.sort();
                operator
            })
            .collect();
        operators.sort_by_key(|operator| operator.stages.first().copied());
        Layout {
            name: self.name,
            description: self.description,
            exchange: self.exchange,
            lanes: lanes.collect(),
            operators,
        }
    }
}

impl LanesSpec {
    /// How many lanes a process of `workers` workers has.
    pub fn count(&self, workers: usize) -> usize {
        if self.shared { self.threads } else { self.threads * workers }
    }
}

/// Kinds that the graph routes from one operator to another.
pub(crate) const ROUTED: [Kind; 16] = [
    Kind::Announced,
    Kind::Fetched,
    Kind::Heard,
    Kind::Read,
    Kind::Known,
    Kind::Window,
    Kind::Passage,
    Kind::Whole,
    Kind::Finding,
    Kind::Unfound,
    Kind::Dossier,
    Kind::Transcribed,
    Kind::Chosen,
    Kind::Rendered,
    Kind::Failed,
    Kind::Settled,
];

/// Whether a stage makes records of this kind for a later stage.
fn makes(stage: Stage, kind: Kind) -> bool {
    match stage {
        Stage::Fetch => kind == Kind::Fetched,
        Stage::Pieces => matches!(kind, Kind::Window | Kind::Passage),
        Stage::Transcribe => kind == Kind::Transcribed,
        Stage::Select => kind == Kind::Chosen,
        Stage::Cut => kind == Kind::Rendered,
        Stage::Decode | Stage::Transcript => false, // what they make goes to the meeting
        Stage::Speech | Stage::Events | Stage::Embed | Stage::Publish => false,
    }
}

impl OperatorSpec {
    /// Kinds of records that cross its exchange: those that its stages take in and none of them makes.
    pub fn takes(&self) -> Vec<Kind> {
        let any = |such: &dyn Fn(Stage) -> bool| self.stages.iter().any(|stage| such(*stage));
        let taken = |kind: &Kind| any(&|stage| stage.consumes(*kind)) && !any(&|stage| makes(stage, *kind));
        ROUTED.into_iter().filter(taken).collect()
    }

    /// Its name in logs, metrics and reports: `speech+events@gpu[b16,bf16]`.
    pub fn name(&self) -> String {
        let stages: Vec<&str> = self.stages.iter().map(|stage| stage.name()).collect();
        let batch = (self.max_items > 1).then(|| format!("b{}", self.max_items));
        let precision = (self.precision != Precision::default()).then(|| self.precision.name().to_owned());
        let marks: Vec<String> = batch.into_iter().chain(precision).collect();
        let marks = if marks.is_empty() { String::new() } else { format!("[{}]", marks.join(",")) };
        format!("{}@{}{marks}", stages.join("+"), self.on)
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
    fn what_devices_cannot_do_is_refused_too() {
        let refused = |from: &str, to: &str, said: &str| {
            let found = fused_with(from, to);
            assert!(found.contains(said) && found.contains("line"), "{found}");
        };
        refused("max_items = 64", "max_items = 64\nprecision = \"bf16\"", "no model that knows one");
        refused("max_items = 16", "max_items = 16\nprecision = \"f8\"", "f8");
        refused("max_items = 16", "max_items = 16\ntarget_ms = 0", "target_ms out of range");
        refused("threads = 1", "threads = 1\nmemory_mb = 0", "have no memory");
        assert_eq!(fused_with("max_items = 16", "max_items = 16\nprecision = \"bf16\"\ntarget_ms = 50"), "accepted");
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
        layout test.toml, line 1: no operator runs stage speech; add an [[operator]] for it
        layout test.toml, line 18: stage speech stands in several operators; keep it in one of them
        layout test.toml, line 10: operator fetch@gpu runs on lanes gpu, which do not exist; add [lanes.NAME], or use "worker"
        layout test.toml, line 18: operator pieces+speech+events+embed@cpu has max_items 0; give 1 to 4096
        layout test.toml, line 7: lanes cpu have 1000000 threads; give 1 to 256
        layout test.toml, line 14: operator decode+transcript@worker waits for the network, a disk or a child process on the worker's thread; put it on lanes
        layout test.toml, line 14: operator decode+transcript+pieces+speech+events+embed@cpu[b16] joins stages before and after an episode's audio and transcript meet; split it between transcript and pieces: what is known already ends there
        layout test.toml, line 18: operator pieces@cpu shares its lanes with models that wait for its windows; give pieces lanes without speech and events, or put the three into one operator
        layout test.toml, line 18: operator pieces+speech+events+embed+transcribe+select+cut@cpu joins stages before and after the pieces of an episode are gathered; split it between embed and transcribe
        "#);
        assert!(fused_with("max_items", "max_itmes").contains("line"), "a misspelt key names its line");
    }
}
