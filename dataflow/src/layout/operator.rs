//! Operators as a layout has them, and what crosses into each.

use hark_operators::Precision;
use hark_operators::driver::Limits;
use hark_operators::record::Kind;
use hark_operators::stage::Stage;
use hark_operators::units::MODEL_RATE;
use serde::Deserialize;

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
    /// Most seconds of audio in one batch of windows, the context of each included, 1 to 1,000,000. A
    /// batch is closed by whichever limit it reaches first.
    pub max_audio_seconds: Option<f64>,
    /// Most word pieces in one batch of passages, as [`Passage::tokens`] counts them, 1 to 10,000,000.
    ///
    /// [`Passage::tokens`]: hark_operators::record::piece::Passage::tokens
    pub max_tokens: Option<usize>,
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

/// How a record finds its worker. Only pieces leave the worker that their episode gathers at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// To the worker that its episode gathers at.
    #[default]
    Home,
    /// Pieces of one episode to all workers in turn.
    Spread,
    /// A piece to the worker of this process at which the fewest wait; between processes in turn.
    LeastBacklog,
    /// Pieces of like length to the same worker.
    ByLength,
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

    /// Whether it takes in pieces of episodes, rather than whole ones.
    pub fn takes_pieces(&self) -> bool {
        self.takes().iter().any(|kind| matches!(kind, Kind::Window | Kind::Passage))
    }

    /// Whether whole episodes pass here each by itself: through several stages, whose batches their pieces fill; or
    /// to be cut, since what comes of a batch of several waits for all of it, and who cuts waits until pieces are done.
    pub fn takes_one_by_one(&self) -> bool {
        !self.takes_pieces() && (self.stages.len() > 1 || self.stages == [Stage::Pieces])
    }

    /// Most that one batch of a stage holds.
    pub fn limits(&self) -> Limits {
        let samples = self.max_audio_seconds.map(|seconds| (seconds * f64::from(MODEL_RATE)) as usize);
        Limits { items: self.max_items, samples, tokens: self.max_tokens }
    }

    /// Its name in logs, metrics and reports: `speech+events@gpu[b16,464s,bf16]`.
    pub fn name(&self) -> String {
        let stages: Vec<&str> = self.stages.iter().map(|stage| stage.name()).collect();
        let batch = (self.max_items > 1).then(|| format!("b{}", self.max_items));
        let precision = (self.precision != Precision::default()).then(|| self.precision.name().to_owned());
        let audio = self.max_audio_seconds.map(|seconds| format!("{seconds}s"));
        let tokens = self.max_tokens.map(|tokens| format!("t{tokens}"));
        let marks: Vec<String> = [batch, audio, tokens, precision].into_iter().flatten().collect();
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
