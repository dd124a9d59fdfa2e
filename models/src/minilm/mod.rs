//! Sentence embeddings by all-MiniLM-L6-v2 (Apache-2.0): a BERT of 6 layers, its token vectors
//! averaged and brought to unit length.
//!
//! ```text
//! texts ─▶ word pieces ─▶ longest first ─▶ batches of tokens ─▶ [6 layers] ─▶ mean ─▶ unit
//! ```
//!
//! Nine tenths of the work treat each token by itself, so the tokens of a batch lie in one
//! matrix, sentence after sentence; only attention looks at sentences, and takes those of one length
//! together. On the processor there is no padding. A GPU would starve on a kernel per length, so there
//! texts of like length are filled up to one, as far as [`MOST_PADDING`] allows.
//!
//! Invariant: on the processor an embedding is bit for bit the same whatever other texts share the
//! call. The matrix kernels keep this for 16 rows or more, so fewer are filled up. On a GPU it is the
//! same to 1e-4.

mod encoder;

use std::cell::Cell;
use std::sync::Arc;

use tokenizers::{Tokenizer, TruncationParams};

use crate::device::{Device, Placement, lane_thread_setup};
use crate::error::ModelError;
use crate::manifest::ModelFiles;
use encoder::{Encoder, Run};

/// Numbers in an embedding.
pub const DIMENSIONS: usize = 384;

/// Word pieces of a text that are read, its two marks included; the rest is cut off, as by the
/// model's authors.
pub const MOST_PIECES: usize = 256;

/// Tokens per batch on the processor. What a layer touches stays near the core; more brings nothing.
const BATCH_TOKENS: usize = 1024;

/// Tokens per batch on a GPU: 50 MB of inner rows in 16 bits, enough to fill its units.
const DEVICE_TOKENS: usize = 16_384;

/// Most of a text's run that is filled up, on a GPU.
const MOST_PADDING: f64 = 0.1;

/// Rows below which the matrix kernels sum in another order than above.
const LEAST_TOKENS: usize = 16;

/// An embedder on one device; one handle per lane.
pub struct Embedder {
    encoder: Encoder,
    tokenizer: Arc<Tokenizer>,
    limits: Limits,
    /// Tokens of texts, and those that were computed for them.
    tokens: Cell<(u64, u64)>,
}

/// Texts that go through the encoder together: their tokens end to end, in runs of equal length.
#[derive(Default)]
struct Batch {
    tokens: Vec<i64>,
    runs: Vec<Run>,
}

impl Embedder {
    /// Reads the tokenizer, and the weights to where the model shall compute.
    ///
    /// Errors: `Tokenizer`, `Torch`, `Shape` for weights of another network, `OutOfMemory`.
    pub fn load(files: &ModelFiles, at: impl Into<Placement>) -> Result<Self, ModelError> {
        let at = at.into();
        let limits = Limits::on(at.device);
        let _lane = lane_thread_setup();
        let failed = |error: tokenizers::Error| ModelError::Tokenizer(error.to_string());
        let mut tokenizer = Tokenizer::from_file(files.dir.join("tokenizer.json")).map_err(failed)?;
        tokenizer
            .with_padding(None)
            .with_truncation(Some(TruncationParams { max_length: MOST_PIECES, ..TruncationParams::default() }))
            .map_err(failed)?;
        Ok(Self {
            encoder: Encoder::load(&files.dir.join("model.safetensors"), at)?,
            tokenizer: Arc::new(tokenizer),
            limits,
            tokens: Cell::default(),
        })
    }

    /// Another handle to the same weights, for another lane.
    pub fn share(&self) -> Self {
        let (encoder, tokenizer) = (self.encoder.share(), Arc::clone(&self.tokenizer));
        Self { encoder, tokenizer, limits: self.limits, tokens: Cell::default() }
    }

    /// Bytes of its weights on its device; handles share them.
    pub fn weight_bytes(&self) -> usize {
        self.encoder.weight_bytes()
    }

    /// Texts -> per text [`DIMENSIONS`] numbers of unit length, in the order of the texts. Any
    /// number of texts, any lengths; beyond [`MOST_PIECES`] word pieces a text is cut off.
    ///
    /// Errors: `Tokenizer`, `OutOfMemory`, `Torch`.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        let _no_grad = tch::no_grad_guard();
        let pieces = self.pieces(texts)?;
        let order = longest_first(&pieces);
        let mut found = vec![Vec::new(); texts.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let (batch, taken) = Batch::fill(rest, &pieces, self.limits);
            let vectors = self.encoder.encode(&batch.tokens, &batch.runs)?;
            let (wanted, computed) = self.tokens.get();
            self.tokens.set((wanted + batch.wanted() as u64, computed + batch.tokens.len() as u64));
            let (here, later) = rest.split_at(taken);
            for (&text, vector) in here.iter().zip(vectors.chunks_exact(DIMENSIONS)) {
                found[text] = unit(vector);
            }
            rest = later;
        }
        Ok(found)
    }

    /// Tokens of the texts that this handle has embedded since it was last asked, and those that were computed for
    /// them.
    pub fn take_tokens(&self) -> (u64, u64) {
        self.tokens.take()
    }

    /// Tokens of these texts, and those that one call computes for them on such a device, which need not be there.
    ///
    /// Errors: `Tokenizer`.
    pub fn tokens(&self, texts: &[&str], on: Device) -> Result<(u64, u64), ModelError> {
        let pieces = self.pieces(texts)?;
        let order = longest_first(&pieces);
        let (mut rest, mut computed) = (order.as_slice(), 0);
        while !rest.is_empty() {
            let (batch, taken) = Batch::fill(rest, &pieces, Limits::on(on));
            computed += batch.tokens.len() as u64;
            rest = &rest[taken..];
        }
        Ok((pieces.iter().map(|pieces| pieces.len() as u64).sum(), computed))
    }

    fn pieces(&self, texts: &[&str]) -> Result<Vec<Vec<i64>>, ModelError> {
        let pieces = |text: &&str| {
            let encoding = self.tokenizer.encode_fast(*text, true);
            let encoding = encoding.map_err(|error| ModelError::Tokenizer(error.to_string()))?;
            Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
        };
        texts.iter().map(pieces).collect()
    }
}

fn longest_first(pieces: &[Vec<i64>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(pieces[text].len()));
    order
}

/// How batches are made up.
#[derive(Clone, Copy)]
struct Limits {
    /// Most tokens in a batch.
    tokens: usize,
    /// Most of a text's place in its run that it may leave empty, 0 to 1.
    padding: f64,
}

impl Limits {
    fn on(device: Device) -> Self {
        match device {
            Device::Cpu => Self { tokens: BATCH_TOKENS, padding: 0.0 },
            Device::Cuda(_) => Self { tokens: DEVICE_TOKENS, padding: MOST_PADDING },
        }
    }
}

impl Batch {
    /// Tokens of its texts, without what is filled up.
    fn wanted(&self) -> usize {
        self.runs.iter().flat_map(|run| &run.filled).sum()
    }

    /// Takes texts from the front of `order` (longest first) until the batch is full; at least one.
    /// Returns how many it took.
    fn fill(order: &[usize], pieces: &[Vec<i64>], limits: Limits) -> (Self, usize) {
        let mut batch = Self::default();
        let mut taken = 0;
        for &text in order {
            let text = &pieces[text];
            let least = |run: &Run| (run.length as f64 * (1.0 - limits.padding)).ceil() as usize;
            let joins = batch.runs.last().is_some_and(|run| text.len() >= least(run));
            let length = if joins { batch.runs.last().map_or(0, |run| run.length) } else { text.len() };
            if taken > 0 && batch.tokens.len() + length > limits.tokens {
                break;
            }
            // Token 0 is the padding piece.
            let end = batch.tokens.len() + length;
            batch.tokens.extend(text);
            batch.tokens.resize(end, 0);
            match batch.runs.last_mut() {
                Some(run) if joins => run.filled.push(text.len()),
                _ => batch.runs.push(Run { length, filled: vec![text.len()] }),
            }
            taken += 1;
        }
        // No run covers what is added here, so nobody attends to it.
        batch.tokens.resize(batch.tokens.len().max(LEAST_TOKENS), 0);
        (batch, taken)
    }
}

/// The vector at length one; the floor is that of the reference.
fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
    vector.iter().map(|value| value / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_fills_up_changes_no_embedding() {
        let home = std::env::var("HARK_HOME").expect("cargo sets HARK_HOME from .cargo/config.toml");
        let files = crate::manifest::Manifest::open(std::path::Path::new(&home)).verified("minilm").unwrap();
        let mut embedder = Embedder::load(&files, Placement::CPU).unwrap();
        let words = "the keeper of the light went up the stairs again to see what the sea had brought".split(' ');
        let texts: Vec<String> = (1..40).map(|n| words.clone().cycle().take(n).collect::<Vec<_>>().join(" ")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let alone = embedder.embed(&texts).unwrap();
        embedder.limits = Limits { tokens: DEVICE_TOKENS, padding: 0.3 };
        embedder.take_tokens();
        for (found, wanted) in embedder.embed(&texts).unwrap().iter().zip(&alone) {
            let largest = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest < 1e-6, "{largest}");
        }
        let (wanted, computed) = embedder.take_tokens();
        assert!(10 * wanted < 9 * computed, "else nothing is shown");
    }

    proptest! {
        #[test]
        fn batches_hold_every_text_once_and_little_padding(
            lengths in proptest::collection::vec(2_usize..=MOST_PIECES, 1..400),
            padding in prop_oneof![Just(0.0), Just(MOST_PADDING)],
        ) {
            let pieces: Vec<Vec<i64>> = lengths.iter().map(|&length| vec![7; length]).collect();
            let order = longest_first(&pieces);
            let (mut rest, mut met) = (order.as_slice(), Vec::new());
            while !rest.is_empty() {
                let (batch, taken) = Batch::fill(rest, &pieces, Limits { tokens: 2048, padding });
                let places: usize = batch.runs.iter().map(|run| run.length * run.filled.len()).sum();
                prop_assert_eq!(batch.tokens.len(), places.max(LEAST_TOKENS));
                let filled: usize = batch.runs.iter().flat_map(|run| &run.filled).sum();
                prop_assert_eq!(batch.tokens.iter().filter(|&&token| token == 7).count(), filled);
                prop_assert!(filled as f64 >= places as f64 * (1.0 - padding), "{filled} of {places}");
                met.extend(batch.runs.iter().flat_map(|run| run.filled.clone()));
                rest = &rest[taken..];
            }
            let mut wanted = lengths.clone();
            wanted.sort_by_key(|&length| std::cmp::Reverse(length));
            prop_assert_eq!(met, wanted);
        }
    }
}
