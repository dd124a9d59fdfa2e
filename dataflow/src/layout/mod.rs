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
//! device = "cuda:0"            # or "cpu", "auto", "modelled:h100"; else as --device says
//! memory_mb = 40000
//! resident = 1                 # models that are loaded at once; the others take turns
//! [[operator]]
//! stages = ["speech", "events"]
//! on = "cpu"                   # a pool of lanes, or "worker"
//! routing = "spread"           # or "home", "least_backlog", "by_length"
//! max_items = 16               # a batch is closed by the limit that it reaches first:
//! max_audio_seconds = 290      # of windows
//! max_tokens = 16384           # word pieces of passages
//! max_wait_ms = 5
//! target_ms = 50               # batches of a slow lane are smaller
//! precision = "bf16"           # or "f32", "f16"
//! ```

mod check;
mod lanes;
mod operator;

use std::collections::BTreeMap;
use std::path::Path;

use hark_operators::record::numbers::Encoding;
use hark_operators::record::piece::{CONTEXT, WINDOW};
use hark_operators::stage::{Curve, Stage};
use serde::Deserialize;
use toml::Spanned;

pub use lanes::{CURVES, LanesSpec};
pub(crate) use operator::ROUTED;
pub use operator::{OperatorSpec, Routing};

use check::Flaw;

/// A checked layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Its name, as it stands on outcomes and in reports; ends with `(modelled)` where lanes are.
    pub name: String,
    /// What it is good for.
    pub description: String,
    /// How samples and embeddings are encoded that cross between processes.
    pub exchange: Encoding,
    /// Pools of lanes by name.
    pub lanes: BTreeMap<String, LanesSpec>,
    /// The operators, in the order in which an episode meets them.
    pub operators: Vec<OperatorSpec>,
    /// All that its file says, written in one way: equal for files that differ in comments and order of keys alone.
    pub says: String,
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
    #[error("layout {path}, line {line}, column {column}: {problem}; {remedy}")]
    Impossible {
        /// The path.
        path: String,
        /// Where in the file: of the key that is wrong, or of what it stands in.
        line: usize,
        /// Counted in bytes from 1.
        column: usize,
        /// What cannot be.
        problem: String,
        /// What to change.
        remedy: String,
    },
}

/// The layouts that come with hark, by name.
pub const SHIPPED: [(&str, &str); 7] = [
    ("fused", include_str!("../../layouts/fused.toml")),
    ("split", include_str!("../../layouts/split.toml")),
    ("by-family", include_str!("../../layouts/by-family.toml")),
    ("cpu-gpu", include_str!("../../layouts/cpu-gpu.toml")),
    ("low-latency", include_str!("../../layouts/low-latency.toml")),
    ("throughput", include_str!("../../layouts/throughput.toml")),
    ("sequential", include_str!("../../layouts/sequential.toml")),
];

/// Behind the name of a layout with lanes whose device is modelled, wherever it is shown.
const MODELLED: &str = " (modelled)";

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

    /// Reads and checks a layout; `path` is for messages, and curves are sought in its folder.
    ///
    /// # Errors
    /// As for [`Layout::open`].
    pub fn parse(path: &str, text: &str) -> Result<Self, LayoutError> {
        let document: Document = toml::from_str(text)
            .map_err(|error| LayoutError::Syntax { path: path.to_owned(), error: Box::new(error) })?;
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        let checked = document.placed(text).modelled(folder).and_then(|layout| {
            check::check(&layout)?;
            Ok(layout)
        });
        checked.map_err(|flaw| {
            let (line, column) = flaw.place(text);
            let Flaw { problem, remedy, .. } = flaw;
            LayoutError::Impossible { path: path.to_owned(), line, column, problem, remedy: remedy.to_owned() }
        })
    }

    /// The same with the curves that stand in for devices, and marked by name if there are any.
    fn modelled(mut self, folder: &Path) -> Result<Self, Flaw> {
        let mut read = BTreeMap::new();
        self.lanes.iter_mut().try_for_each(|(name, lanes)| lanes.model(name, folder, &mut read))?;
        if self.is_modelled() {
            self.name.push_str(MODELLED);
        }
        Ok(self)
    }

    /// Whether a curve stands in for a device: what it makes is no preview.
    pub fn is_modelled(&self) -> bool {
        self.curves().next().is_some()
    }

    /// The curves that stand in for devices.
    pub fn curves(&self) -> impl Iterator<Item = &Curve> {
        self.lanes.values().filter_map(|lanes| lanes.curve.as_deref())
    }

    /// Bytes of windows that `workers` workers must be able to hold at once. A group that cuts windows
    /// keeps them until a batch of its models is full: with less, lanes whose batches are all half
    /// full would wait for each other's bytes for ever.
    pub fn least_audio(&self, workers: usize) -> usize {
        let lanes = |operator: &OperatorSpec| self.lanes.get(&operator.on).map_or(1, |pool| pool.count(workers));
        let cuts = self.operators.iter().filter(|operator| operator.stages.contains(&Stage::Pieces));
        let windows: usize =
            cuts.map(|operator| lanes(operator) * (operator.limits().longest(Stage::Speech) + 1)).sum();
        windows * (WINDOW + CONTEXT) * size_of::<i16>()
    }
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
            says: text.parse::<toml::Table>().map_or_else(|_| text.to_owned(), |table| table.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_layout_is_possible_and_named_as_its_file() {
        for (name, text) in SHIPPED {
            assert_eq!(Layout::parse(name, text).expect("shipped").name, name);
        }
    }

    #[test]
    fn what_a_layout_says_is_the_same_however_it_is_written() {
        let says = |text: &str| Layout::parse("test.toml", text).expect("it is possible").says;
        let fused = SHIPPED[0].1;
        let written = format!("# a comment\n{}", fused.replace("threads = 4 # they", "threads   =  4 # They"));
        assert_eq!(says(fused), says(&written));
        assert_ne!(says(fused), says(&fused.replace("threads = 4", "threads = 5")));
    }

    #[test]
    fn the_least_audio_is_a_batch_per_lane_and_the_window_that_is_being_cut() {
        let window = (WINDOW + CONTEXT) * 2;
        assert_eq!(Layout::open("fused").expect("shipped").least_audio(10), 10 * 17 * window);
        assert_eq!(Layout::open("split").expect("shipped").least_audio(10), 10 * 2 * window);
        let limited = SHIPPED[0].1.replace("max_items = 16", "max_items = 16\nmax_audio_seconds = 60");
        let limited = Layout::parse("limited.toml", &limited).expect("it is possible");
        assert_eq!(limited.least_audio(10), 10 * 3 * window, "two windows are all that a batch of 60 s holds");
    }
}
