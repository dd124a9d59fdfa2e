//! Speech detection by Silero VAD 6.2.3 (MIT), 16 kHz, written natively so that any number of
//! streams of any lengths go through one batch.
//!
//! ```text
//! samples ─▶ spectrum ─▶ encoder ─▶ LSTM ─▶ one probability per 512 samples
//!            all chunks at once      step by step, all live streams at once
//! ```
//!
//! The shipped module goes chunk by chunk and keeps its state inside; here the state is a value of
//! the caller's. Only the LSTM needs the order of time, so all else runs on hundreds of chunks at a
//! time. On the processor the spectrum is a fast transform in plain Rust, on a GPU a matrix product
//! beside the rest, so that samples are all that travels.
//!
//! Invariant: on the processor a stream's probabilities are bit for bit the same whatever streams share
//! the call and however its audio is divided among calls (at multiples of 512 samples). The matrix
//! kernels keep this for 16 rows or more, so fewer are filled up. A GPU's kernels differ with the size
//! of the batch: there the same holds to 1e-4.

mod basis;
mod network;
mod schedule;
mod spectrum;

use std::sync::Arc;

use crate::device::{Device, Placement, lane_thread_setup};
use crate::error::ModelError;
use crate::manifest::ModelFiles;
use basis::Basis;
use network::Network;
use schedule::{Segment, longest_first, segments};
use spectrum::{ROW, Spectrum};
use tch::Tensor;

/// Samples per probability: 32 ms at 16 kHz.
pub const CHUNK: usize = 512;

/// Samples of the previous chunk that a chunk's first frames reach back to.
const CONTEXT: usize = 64;

/// Width of the recurrent state.
const WIDTH: usize = 128;

/// Chunks per pass through the encoder: what it touches (1.5 MB) stays near the core.
const ENCODER_ROWS: usize = 256;

/// Chunks whose encodings are kept until the LSTM takes them: bounds memory to 16 MB per call.
const SEGMENT_ROWS: usize = 32_768;

/// A speech detector on one device; one handle per lane.
pub struct SpeechDetector {
    network: Network,
    front: Front,
}

/// What makes magnitudes of samples.
enum Front {
    /// On the processor.
    Transform(Arc<Spectrum>),
    /// On the device of the network.
    Product(Basis),
}

/// Where a stream stands between two calls. A new stream starts from the default, all zero.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    hidden: [f32; WIDTH],
    cell: [f32; WIDTH],
    context: [f32; CONTEXT],
}

impl Default for State {
    fn default() -> Self {
        Self { hidden: [0.0; WIDTH], cell: [0.0; WIDTH], context: [0.0; CONTEXT] }
    }
}

/// Audio samples as they come out of a decoder.
pub trait Sample: tch::kind::Element + Default + Copy {
    /// What a sample is multiplied with to lie in -1..=1.
    const SCALE: f32;

    /// The sample in -1..=1.
    fn amplitude(self) -> f32;
}

impl Sample for f32 {
    const SCALE: f32 = 1.0;

    fn amplitude(self) -> f32 {
        self
    }
}

impl Sample for i16 {
    const SCALE: f32 = 1.0 / 32_768.0;

    fn amplitude(self) -> f32 {
        f32::from(self) * Self::SCALE
    }
}

impl SpeechDetector {
    /// Reads the weights to where the model shall compute.
    ///
    /// Errors: `Torch` for a file that is no TorchScript, `Shape` for weights of another network,
    /// `OutOfMemory`.
    pub fn load(files: &ModelFiles, at: impl Into<Placement>) -> Result<Self, ModelError> {
        let at = at.into();
        let _lane = lane_thread_setup();
        let network = Network::load(&files.dir.join("silero_vad.jit"), at)?;
        let front = match at.device {
            Device::Cpu => Front::Transform(Arc::new(Spectrum::new())),
            Device::Cuda(_) => Front::Product(Basis::new(at)?),
        };
        Ok(Self { network, front })
    }

    /// Another handle to the same weights, for another lane.
    pub fn share(&self) -> Self {
        let front = match &self.front {
            Front::Transform(spectrum) => Front::Transform(Arc::clone(spectrum)),
            Front::Product(basis) => Front::Product(basis.share()),
        };
        Self { network: self.network.share(), front }
    }

    /// Bytes of its weights on its device; handles share them.
    pub fn weight_bytes(&self) -> usize {
        self.network.weight_bytes()
    }

    /// Mono 16 kHz windows, each a stream of its own that starts from zero state
    /// -> per window one speech probability per [`CHUNK`] samples, the last chunk filled up with
    /// silence. Any number of windows, any lengths; an empty window gives an empty answer.
    ///
    /// Errors: `OutOfMemory`, `Torch`.
    pub fn probabilities<S: Sample>(&self, windows: &[&[S]]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.advance(&mut vec![State::default(); windows.len()], windows)
    }

    /// The streaming form: goes on from `states[i]` through `audio[i]` and leaves there where
    /// stream `i` stands then. Audio that does not end at a multiple of [`CHUNK`] is filled up with
    /// silence, so only a stream's last piece may.
    ///
    /// Errors: `Shape` where the two slices differ in length, `OutOfMemory`, `Torch`; the states
    /// are then to be thrown away.
    pub fn advance<S: Sample>(&self, states: &mut [State], audio: &[&[S]]) -> Result<Vec<Vec<f32>>, ModelError> {
        if states.len() != audio.len() {
            return Err(ModelError::Shape {
                what: "states".to_owned(),
                expected: format!("{} (one per stream)", audio.len()),
                found: states.len().to_string(),
            });
        }
        let _no_grad = tch::no_grad_guard();
        let lengths: Vec<usize> = audio.iter().map(|samples| samples.len().div_ceil(CHUNK)).collect();
        let mut found: Vec<Vec<f32>> = lengths.iter().map(|&count| Vec::with_capacity(count)).collect();
        for segment in segments(&longest_first(&lengths), &lengths, SEGMENT_ROWS) {
            let encodings = self.encode(&segment, states, audio)?;
            let mut live = live_states(states, segment.streams);
            let decided = self.network.decide(&encodings, segment.steps.len(), &mut live)?;
            for step in decided.chunks_exact(live.len()) {
                for (&stream, &probability) in segment.streams.iter().zip(step) {
                    found[stream].push(probability);
                }
            }
        }
        for ((state, samples), &count) in states.iter_mut().zip(audio).zip(&lengths) {
            state.context = context(state, samples, count);
        }
        Ok(found)
    }

    /// The encodings of a segment's chunks: [steps x streams, 128], the streams of a step side by
    /// side.
    fn encode<S: Sample>(&self, segment: &Segment, states: &[State], audio: &[&[S]]) -> Result<Tensor, ModelError> {
        match &self.front {
            Front::Transform(spectrum) => self.transform(spectrum, segment, states, audio),
            Front::Product(basis) => {
                let (steps, live) = (segment.steps.clone(), segment.streams.len());
                let mut before = Vec::with_capacity(live * CONTEXT);
                let mut samples: Vec<S> = Vec::with_capacity(live * steps.len() * CHUNK);
                for (row, &stream) in segment.streams.iter().enumerate() {
                    before.extend(context(&states[stream], audio[stream], steps.start));
                    let until = audio[stream].len().min(steps.end * CHUNK);
                    samples.extend_from_slice(&audio[stream][steps.start * CHUNK..until]);
                    samples.resize((row + 1) * steps.len() * CHUNK, S::default());
                }
                self.network.encode_on_device(&basis.magnitudes(&before, &samples)?)
            }
        }
    }

    fn transform<S: Sample>(
        &self,
        spectrum: &Spectrum,
        segment: &Segment,
        states: &[State],
        audio: &[&[S]],
    ) -> Result<Tensor, ModelError> {
        let live = segment.streams.len();
        let rows = segment.steps.len() * live;
        let room = self.network.room(rows)?;
        let mut scratch = spectrum.scratch();
        let mut magnitudes = Vec::new();
        for first in (0..rows).step_by(ENCODER_ROWS) {
            let here = first..rows.min(first + ENCODER_ROWS);
            magnitudes.resize(here.len() * ROW, 0.0);
            for (row, out) in here.clone().zip(magnitudes.chunks_exact_mut(ROW)) {
                let (step, stream) = (segment.steps.start + row / live, segment.streams[row % live]);
                let samples = &audio[stream][step * CHUNK..];
                let before = context(&states[stream], audio[stream], step);
                spectrum.magnitudes(&before, &samples[..samples.len().min(CHUNK)], out, &mut scratch);
            }
            self.network.encode(&mut magnitudes, here.len(), &room, first)?;
        }
        Ok(room)
    }
}

/// The samples just before chunk `step` of a piece of a stream: of the piece itself, or of what
/// came before it.
fn context<S: Sample>(state: &State, samples: &[S], step: usize) -> [f32; CONTEXT] {
    match step * CHUNK {
        0 => state.context,
        start => std::array::from_fn(|at| samples.get(start - CONTEXT + at).map_or(0.0, |sample| sample.amplitude())),
    }
}

/// The states of these streams, in this order.
fn live_states<'a>(states: &'a mut [State], streams: &[usize]) -> Vec<&'a mut State> {
    let mut all: Vec<Option<&mut State>> = states.iter_mut().map(Some).collect();
    streams.iter().map(|&stream| all[stream].take().expect("a segment names a stream once")).collect()
}
