//! A stage's work behind what is known of it: of a batch, the model gets only what it has never seen.
//!
//! ```text
//! batch ─┬ known ─────────────────────────────┬─▶ each record's result, in the order of the batch
//!        └ unknown ─▶ work ─ sound: kept ─────┘
//! ```
//! Invariant: nothing is emitted before the work has gone through, so a batch that fails or panics is
//! halved by its driver as if there were no cache.

use hark_models::device::Placement;
use hark_models::sphinx;

use super::warm::{EMBED, SPEECH};
use super::{Equipment, Stage, Tokens, Work};
use crate::cache::{Key, Results};
use crate::fault::Fault;
use crate::record::finding::Finding;
use crate::record::{Body, Record};

/// Versions of what stages make of an input, beside weights and precision. Raise one with every change after
/// which the stage, its model's code or libtorch might give another bit: what was kept is then asked anew.
const SPEECH_VERSION: u32 = 1;
const EMBED_VERSION: u32 = 1;
const TRANSCRIBE_VERSION: u32 = 1;

/// What is known of a stage's results; `None` without a cache, and of a stage that has none kept. Not by
/// device: on a GPU a result is the processor's to 1e-4, and as much from one batch to the next.
pub(super) fn results(stage: Stage, equipment: &Equipment, at: Placement) -> Option<Results> {
    let cache = equipment.cache.as_ref()?;
    let model = |name| equipment.models.identity(name);
    let maker = match stage {
        Stage::Speech => format!("{SPEECH_VERSION} {} {}", model(SPEECH)?, at.precision),
        Stage::Embed => format!("{EMBED_VERSION} {} {}", model(EMBED)?, at.precision),
        Stage::Transcribe => format!("{TRANSCRIBE_VERSION} {}", sphinx::identity()),
        _ => return None,
    };
    Some(Results::new(cache.clone(), stage, &maker))
}

/// The work of a stage that makes one finding of each piece.
pub(super) struct Cached {
    pub(super) work: Box<dyn Work>,
    pub(super) results: Results,
}

impl Cached {
    /// Known by what the model is given, wherever in whichever episode it stands.
    fn key(&self, record: &Record) -> Option<Key> {
        match &record.body {
            Body::Window(window) => {
                let context = (window.context as u64).to_le_bytes();
                Some(self.results.key(&[&context, bytemuck::cast_slice(&window.samples)]))
            }
            Body::Passage(passage) => Some(self.results.key(&[passage.text.as_bytes()])),
            _ => None,
        }
    }
}

impl Work for Cached {
    fn run(&mut self, batch: &[Record], emit: &mut dyn FnMut(usize, Body)) -> Result<(), Fault> {
        let keys: Vec<Option<Key>> = batch.iter().map(|record| self.key(record)).collect();
        let mut bodies: Vec<Option<Body>> = Vec::with_capacity(batch.len());
        for (record, key) in batch.iter().zip(&keys) {
            let value = key.and_then(|key| self.results.get(&key));
            bodies.push(value.and_then(|value| read(record, value)));
        }
        let unknown: Vec<usize> = (0..batch.len()).filter(|&i| bodies[i].is_none()).collect();
        if !unknown.is_empty() {
            let rest: Vec<Record> = unknown.iter().map(|&i| batch[i].clone()).collect();
            self.work.run(&rest, &mut |at, body| bodies[unknown[at]] = Some(body))?;
        }
        self.results.count(batch.len() - unknown.len(), unknown.len());
        for i in unknown {
            if let (Some(key), Some(value)) = (keys[i], bodies[i].as_ref().and_then(written)) {
                self.results.put(key, value);
            }
        }
        for (i, body) in bodies.into_iter().enumerate() {
            if let Some(body) = body {
                emit(i, body);
            }
        }
        Ok(())
    }

    fn weight_bytes(&self) -> Option<usize> {
        self.work.weight_bytes()
    }

    fn take_tokens(&mut self) -> Tokens {
        self.work.take_tokens()
    }

    fn rehearse(&mut self, items: usize) -> Result<(), Fault> {
        self.work.rehearse(items)
    }
}

/// A finding as it is kept, without its place in an episode; `None` of a fault.
fn written(body: &Body) -> Option<Vec<u8>> {
    match body {
        Body::Finding(Finding::Speech { frames, .. }) => Some(frames.clone()),
        Body::Finding(Finding::Embedding { vector, .. }) => {
            Some(vector.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
        _ => None,
    }
}

/// The finding of this piece.
fn read(piece: &Record, value: Vec<u8>) -> Option<Body> {
    let finding = match &piece.body {
        Body::Window(window) => Finding::Speech { index: window.index, frames: value },
        Body::Passage(passage) => {
            let (values, []) = value.as_chunks() else { return None };
            let vector = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            Finding::Embedding { index: passage.index, vector }
        }
        _ => return None,
    };
    Some(Body::Finding(finding))
}

#[cfg(test)]
mod tests;
